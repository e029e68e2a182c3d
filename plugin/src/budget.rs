//! How much time a worker spends on what is slow: an event loop that computes answers nobody else.

use std::cell::Cell;
use std::time::Duration;

use crate::host;

/// Of each second.
const SHARE: Duration = Duration::from_millis(250);

/// What one piece of work counts for at least, should the clock not see it.
const LEAST: Duration = Duration::from_micros(50);

/// The time spent in the current second of the clock.
#[derive(Default)]
pub struct Budget {
    second: Cell<u64>,
    spent: Cell<Duration>,
}

/// The second's share is spent, or there is no clock.
#[derive(Debug)]
pub struct Spent;

impl Budget {
    /// Does a piece of work, if there is time left for it.
    ///
    /// # Errors
    ///
    /// [`Spent`]: it was not done.
    pub fn spend<T>(&self, work: impl FnOnce() -> T) -> Result<T, Spent> {
        let begin = host::now().map_err(|_| Spent)?;
        if self.second.replace(begin.as_secs()) != begin.as_secs() {
            self.spent.set(Duration::ZERO);
        }
        if self.spent.get() >= SHARE {
            return Err(Spent);
        }
        let done = work();
        let took = host::now().map_or(SHARE, |end| end.saturating_sub(begin));
        self.spent.set(self.spent.get() + took.max(LEAST));
        Ok(done)
    }
}
