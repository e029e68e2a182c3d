//! All virtual machines of one Envoy: the main thread's, which never sees a request, and each worker's.

use std::ops::{Index, IndexMut};

use serde_json::Value;

use crate::host::callouts::Answer;
use crate::worker::Worker;
use crate::world::World;

/// The threads of one Envoy, the main thread first.
pub struct Threads(Vec<Worker>);

// === impl Threads ===

impl Threads {
    /// Starts the main thread and so many workers, which must take the configuration.
    pub fn start(world: &World, configuration: &Value, workers: usize) -> Self {
        Self((0..=workers).map(|_| world.worker(configuration)).collect())
    }

    /// A tick in each, in their order.
    pub fn tick(&mut self) {
        for thread in &mut self.0 {
            thread.tick();
        }
    }

    /// The threads that have a callout open; one that has two is there twice.
    pub fn asking(&self) -> Vec<usize> {
        let open = |(number, thread): (usize, &Worker)| vec![number; thread.callouts().len()];
        self.0.iter().enumerate().flat_map(open).collect()
    }

    /// Answers the one callout that is open in all of them, and tells whose it was.
    pub fn answer(&mut self, answer: Answer) -> usize {
        let asking = self.asking();
        let [one] = asking[..] else {
            panic!("one callout should be open, by one thread: {asking:?}");
        };
        self.0[one].answer_callout(answer);
        one
    }

    /// How many callouts have been made by all of them together.
    pub fn asked(&mut self) -> usize {
        let made = |thread: &mut Worker| thread.host().count("proxy_http_call");
        self.0.iter_mut().map(made).sum()
    }

    /// A thread ends with all that it does, as a virtual machine that traps: nobody hears of it.
    pub fn kill(&mut self, thread: usize) {
        self.0.remove(thread);
    }

    /// Another starts, as Envoy replaces one that has trapped.
    pub fn add(&mut self, world: &World, configuration: &Value) {
        self.0.push(world.worker(configuration));
    }

    /// All workers: not the main thread.
    pub fn workers(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.0.iter_mut().skip(1)
    }

    /// How many threads there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<usize> for Threads {
    type Output = Worker;

    fn index(&self, thread: usize) -> &Worker {
        &self.0[thread]
    }
}

impl IndexMut<usize> for Threads {
    fn index_mut(&mut self, thread: usize) -> &mut Worker {
        &mut self.0[thread]
    }
}
