//! How much time a worker spends on what is slow: an event loop that computes answers nobody else.

use std::cell::Cell;
use std::time::Duration;

use crate::host;

/// The part of all time, as one in so many.
const SHARE: u32 = 4;

/// What can be spent at once, after a while in which nothing was: so long everybody else waits.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What one piece of work counts for at least, should the clock not see it.
const LEAST: Duration = Duration::from_micros(50);

thread_local! {
    /// One for all configurations of the virtual machine, which is the worker's.
    static BUDGET: Budget = const { Budget { last: Cell::new(Duration::ZERO), spent: Cell::new(Duration::ZERO) } };
}

/// A bucket that work fills and time empties.
struct Budget {
    last: Cell<Duration>,
    /// More than [`AT_ONCE`] after the work that was begun last: a debt, which is paid before there is more.
    spent: Cell<Duration>,
}

/// The time is spent, or there is no clock.
#[derive(Debug)]
pub struct Spent;

/// Does a piece of slow work, if there is time left for it.
///
/// # Errors
///
/// [`Spent`]: it was not done.
pub fn spend<T>(work: impl FnOnce() -> T) -> Result<T, Spent> {
    let begin = host::now().map_err(|_| Spent)?;
    BUDGET.with(|budget| {
        budget.drain(begin);
        if budget.spent.get() >= AT_ONCE {
            return Err(Spent);
        }
        let done = work();
        // Nothing takes so long but a clock that steps.
        let took = host::now().map_or(AT_ONCE, |end| end.saturating_sub(begin));
        let took = took.clamp(LEAST, AT_ONCE);
        budget.spent.set(budget.spent.get() + took);
        Ok(done)
    })
}

impl Budget {
    fn drain(&self, now: Duration) {
        // A clock that steps back drains nothing, and one that steps forth no more than there is.
        let passed = now.saturating_sub(self.last.replace(now));
        self.spent
            .set(self.spent.get().saturating_sub(passed / SHARE));
    }
}
