//! Requests that are paused until something is known.

use std::cell::RefCell;
use std::time::Duration;

/// The paused requests of one worker.
#[derive(Default)]
pub struct Waiting(RefCell<Vec<Waiter>>);

/// One paused request.
#[derive(Clone, Copy)]
pub struct Waiter {
    /// The stream's context.
    pub context: u32,
    /// Until when, since the Unix epoch.
    pub until: Duration,
}

// === impl Waiting ===

impl Waiting {
    /// Adds a request.
    pub fn add(&self, waiter: Waiter) {
        self.0.borrow_mut().push(waiter);
    }

    /// Takes all of them.
    pub fn take(&self) -> Vec<Waiter> {
        self.0.take()
    }

    /// Removes a request that is no more.
    pub fn forget(&self, context: u32) {
        self.0
            .borrow_mut()
            .retain(|waiter| waiter.context != context);
    }
}
