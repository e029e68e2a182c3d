//! How many requests are alive at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much later than the next request the end of one may be seen that the other side has closed.
const GRACE: Duration = Duration::from_millis(250);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(2);

/// All requests that are alive.
#[derive(Debug, Default)]
pub(super) struct Census(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    /// Each with whether the other side has closed its connection.
    alive: BTreeMap<u64, Arc<AtomicBool>>,
    most: usize,
    /// Requests whose arrival may yet make `most` more.
    undecided: usize,
}

/// A request that is alive. Dropping it ends it, by our own doing.
#[derive(Debug)]
pub(super) struct Alive {
    census: Arc<Census>,
    number: u64,
    gone: Arc<AtomicBool>,
}

// === impl Census ===

impl Census {
    /// A request has come.
    pub(super) fn arrive(self: &Arc<Self>) -> Alive {
        let mut counts = self.counts();
        let number = counts.total;
        counts.total += 1;
        let gone = Arc::<AtomicBool>::default();
        counts.alive.insert(number, Arc::clone(&gone));
        if counts.alive.len() > counts.most {
            counts.undecided += 1;
            let there = counts.alive.values().cloned().collect();
            tokio::spawn(Arc::clone(self).decide(there));
        }
        Alive {
            census: Arc::clone(self),
            number,
            gone,
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.counts().total
    }

    pub(super) fn alive(&self) -> usize {
        self.counts().alive.len()
    }

    /// Waits until all is decided.
    pub(super) fn most(&self) -> usize {
        loop {
            let counts = self.counts();
            if counts.undecided == 0 {
                return counts.most;
            }
            drop(counts);
            thread::sleep(POLL);
        }
    }

    async fn decide(self: Arc<Self>, there: Vec<Arc<AtomicBool>>) {
        let deadline = Instant::now() + GRACE;
        while !self.is_decided(&there, Instant::now() >= deadline) {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether so many were there at the same time, or the other side had closed some already; `now` at the latest.
    fn is_decided(&self, there: &[Arc<AtomicBool>], now: bool) -> bool {
        let open = |gone: &&Arc<AtomicBool>| !gone.load(Ordering::Acquire);
        let number = there.iter().filter(open).count();
        let mut counts = self.counts();
        let is_decided = now || number <= counts.most;
        if is_decided {
            counts.most = counts.most.max(number);
            counts.undecided -= 1;
        }
        is_decided
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Alive ===

impl Alive {
    /// The other side has closed the connection.
    pub(super) fn gone(self) {
        self.gone.store(true, Ordering::Release);
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.census.counts().alive.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn those_who_overlap_are_counted() {
        let (runtime, census) = (runtime(), Arc::<Census>::default());
        let _inside = runtime.enter();
        let first = census.arrive();
        let second = census.arrive();
        drop(first);
        let third = census.arrive();
        assert_eq!((census.alive(), census.total()), (2, 3));
        assert_eq!(census.most(), 2);
        drop((second, third));
        assert_eq!((census.alive(), census.most()), (0, 2));
    }

    #[test]
    fn whoever_had_left_already_does_not_count_and_whom_we_answer_does() {
        let (runtime, census) = (runtime(), Arc::<Census>::default());
        let _inside = runtime.enter();
        let first = census.arrive();
        assert_eq!(census.most(), 1);
        let second = census.arrive();
        first.gone();
        assert_eq!(census.most(), 1, "it left, which we saw a little late");
        let third = census.arrive();
        drop(second);
        assert_eq!(census.most(), 2, "it was answered, and so was there");
        drop(third);
    }
}
