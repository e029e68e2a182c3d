//! Requests that are paused until something is known.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

/// How many may wait in one worker: whoever can name an issuer and an audience can make a request wait.
const MOST: usize = 1024;

/// The paused requests of one worker.
#[derive(Default)]
pub struct Waiting(RefCell<Queues>);

#[derive(Default)]
struct Queues {
    /// For something to be known.
    asleep: Vec<Waiter>,
    /// For their turn to be decided on again.
    awake: VecDeque<Waiter>,
}

/// One paused request.
#[derive(Clone, Copy)]
pub struct Waiter {
    /// The stream's context.
    pub context: u32,
    /// Until when, since the Unix epoch.
    pub until: Duration,
}

/// [`MOST`] wait already.
pub struct Full;

// === impl Waiting ===

impl Waiting {
    /// Adds a request.
    ///
    /// # Errors
    ///
    /// There is no room for another.
    pub fn add(&self, waiter: Waiter) -> Result<(), Full> {
        let mut queues = self.0.borrow_mut();
        if queues.asleep.len() + queues.awake.len() >= MOST {
            return Err(Full);
        }
        queues.asleep.push(waiter);
        Ok(())
    }

    /// Something has become known: all have their turn.
    pub fn wake_all(&self) {
        let Queues { asleep, awake } = &mut *self.0.borrow_mut();
        awake.extend(asleep.drain(..));
    }

    /// Those that have waited long enough have their turn; also those that would wait for longer than `longest`,
    /// because the clock has stepped back.
    pub fn wake_expired(&self, now: Duration, longest: Duration) {
        let Queues { asleep, awake } = &mut *self.0.borrow_mut();
        let expired =
            |waiter: &mut Waiter| waiter.until <= now || waiter.until.saturating_sub(now) > longest;
        awake.extend(asleep.extract_if(.., expired));
    }

    /// Takes the next in turn.
    pub fn next(&self) -> Option<Waiter> {
        self.0.borrow_mut().awake.pop_front()
    }

    /// Whether somebody has their turn.
    pub fn is_anyone_awake(&self) -> bool {
        !self.0.borrow().awake.is_empty()
    }

    /// Whether somebody waits for something to be known.
    pub fn is_anyone_asleep(&self) -> bool {
        !self.0.borrow().asleep.is_empty()
    }

    /// Removes a request that is no more.
    pub fn forget(&self, context: u32) {
        let Queues { asleep, awake } = &mut *self.0.borrow_mut();
        asleep.retain(|waiter| waiter.context != context);
        awake.retain(|waiter| waiter.context != context);
    }
}
