//! Real threads on one account, opening and ending at random: never more at once than the cap says, and nothing left
//! at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use host_tests::{StreamId, Worker, World};
use serde_json::json;

use super::{SECOND, good, limited, room};

const WORKERS: u64 = 8;
const LIMIT: usize = 3;
const STEPS: usize = 150;

/// Numbers that look random, the same every time (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How many are under way. Counted late and given back early, so that it is never too much.
#[derive(Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    admitted: AtomicUsize,
}

impl Seen {
    fn begins(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.admitted.fetch_add(1, Ordering::SeqCst);
    }

    fn ends(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One worker's part; it ends all that it has begun.
fn hammer(worker: &mut Worker, seed: u64, seen: &Seen) {
    let mut dice = Dice(seed * 0x9e37_79b9 + 1);
    let mut open: Vec<StreamId> = Vec::new();
    for _ in 0..STEPS {
        if !open.is_empty() && dice.roll(2) == 0 {
            let ends = usize::try_from(dice.roll(open.len() as u64)).unwrap();
            seen.ends();
            worker.end(open.swap_remove(ends));
        } else {
            let stream = worker.open(good());
            if worker.outcome(stream).is_forwarded() {
                seen.begins();
                open.push(stream);
            }
        }
        if dice.roll(20) == 0 {
            worker.tick();
        }
    }
    for stream in open {
        seen.ends();
        worker.end(stream);
    }
}

#[test]
fn never_more_at_once_than_the_cap_says_and_nothing_left() {
    let world = World::new();
    let seen = Arc::new(Seen::default());
    let threads: Vec<_> = (1..=WORKERS)
        .map(|seed| {
            let mut worker = limited(&world, json!({"concurrent": LIMIT}));
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                hammer(&mut worker, seed, &seen);
                worker
            })
        })
        .collect();
    let workers = threads.into_iter().map(|thread| thread.join().unwrap());
    let mut workers: Vec<_> = workers.collect();
    assert_eq!(seen.most.load(Ordering::SeqCst), LIMIT);
    let admitted = seen.admitted.load(Ordering::SeqCst);
    workers.iter_mut().for_each(Worker::tick);
    let counted = world.statistics.value("tollgate.caps.requests.admitted");
    assert_eq!(i64::try_from(admitted).unwrap(), counted);
    for worker in &mut workers {
        assert_eq!(room(worker), LIMIT);
    }
    world.clock.advance(SECOND);
    for _ in 0..2 {
        workers.iter_mut().for_each(Worker::tick);
    }
    assert_eq!(
        world.statistics.value("tollgate.caps.requests.in_flight"),
        0
    );
    println!("{admitted} were admitted, {LIMIT} at once at the most");
}
