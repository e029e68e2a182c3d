//! All virtual machines of one Envoy: the main thread's, which never sees a request, and each worker's.

use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde_json::Value;

use crate::host::Call;
use crate::host::callouts::Answer;
use crate::status;
use crate::worker::Worker;
use crate::world::World;

/// The threads of one Envoy, the main thread first.
pub struct Threads {
    world: World,
    threads: Vec<Worker>,
    /// Callouts of those that have ended.
    asked_before: usize,
}

/// What Envoy's clock goes on by from one tick to the next.
const TICK: Duration = Duration::from_millis(100);

// === impl Threads ===

impl Threads {
    /// Starts the main thread and so many workers, which must take the configuration.
    pub fn start(world: &World, configuration: &Value, workers: usize) -> Self {
        let threads = (0..=workers).map(|_| world.worker(configuration));
        Self {
            world: world.clone(),
            threads: threads.collect(),
            asked_before: 0,
        }
    }

    /// A tick in each, in their order.
    pub fn tick(&mut self) {
        for thread in &mut self.threads {
            thread.tick();
        }
    }

    /// Lets the time go on, with ticks, until somebody asks; for how long it took. Nothing where nobody has asked in
    /// the time given.
    pub fn until_asked(&mut self, longest: Duration) -> Option<Duration> {
        let start = self.world.clock.now();
        loop {
            self.tick();
            let passed = self.world.clock.now() - start;
            if !self.asking().is_empty() {
                return Some(passed);
            }
            if passed >= longest {
                return None;
            }
            // Whoever waits for long does not look so closely.
            self.world.clock.advance(TICK.max(passed / 50));
        }
    }

    /// Lets so much time go on, with ticks.
    pub fn pass(&mut self, time: Duration) {
        let end = self.world.clock.now() + time;
        while self.world.clock.now() < end {
            self.world.clock.advance(TICK * 2);
            self.tick();
        }
    }

    /// The threads that have a callout open; one that has two is there twice.
    pub fn asking(&self) -> Vec<usize> {
        let open = |(number, thread): (usize, &Worker)| vec![number; thread.callouts().len()];
        self.threads.iter().enumerate().flat_map(open).collect()
    }

    /// Answers the one callout that is open in all of them, and tells whose it was.
    pub fn answer(&mut self, answer: Answer) -> usize {
        let asking = self.asking();
        let [one] = asking[..] else {
            panic!("one callout should be open, by one thread: {asking:?}");
        };
        self.threads[one].answer_callout(answer);
        one
    }

    /// How many callouts have been made by all of them together.
    pub fn asked(&mut self) -> usize {
        let now: usize = self.threads.iter_mut().map(asked).sum();
        self.asked_before + now
    }

    /// A thread ends with all that it does, as a virtual machine that traps: nobody hears of it.
    pub fn kill(&mut self, thread: usize) {
        self.asked_before += asked(&mut self.threads.remove(thread));
    }

    /// Another starts, as Envoy replaces one that has trapped.
    pub fn add(&mut self, configuration: &Value) {
        self.threads.push(self.world.worker(configuration));
    }

    /// All workers: not the main thread.
    pub fn workers(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.threads.iter_mut().skip(1)
    }

    /// How many threads there are.
    pub fn len(&self) -> usize {
        self.threads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }
}

/// Callouts that were begun; one that could not be is not counted.
fn asked(thread: &mut Worker) -> usize {
    let begun = |call: &&Call| call.name == "proxy_http_call" && call.status == status::OK;
    thread.host().trace.iter().filter(begun).count()
}

impl Index<usize> for Threads {
    type Output = Worker;

    fn index(&self, thread: usize) -> &Worker {
        &self.threads[thread]
    }
}

impl IndexMut<usize> for Threads {
    fn index_mut(&mut self, thread: usize) -> &mut Worker {
        &mut self.threads[thread]
    }
}
