//! Requests that are paused until something is known.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tollgate_policy::decide::Need;

/// How many may wait in one worker: whoever can name an issuer and an audience can make a request wait.
const MOST: usize = 1024;

/// How many of them for what an issuer says of a credential: whoever can make up a key can make a request wait for that,
/// and must not keep those out that wait for something else.
const MOST_FOR_CREDENTIALS: usize = MOST / 2;

/// The paused requests of one worker.
#[derive(Default)]
pub struct Waiting(RefCell<Queues>);

/// By their contexts, so that who came first is first.
#[derive(Default)]
struct Queues {
    /// For something to be known.
    asleep: BTreeMap<u32, Waiter>,
    /// Who waits for what.
    needs: BTreeMap<Need, BTreeSet<u32>>,
    /// For their turn to be decided on again.
    awake: BTreeMap<u32, Waiter>,
    /// How many of all wait for what an issuer says of a credential.
    for_credentials: usize,
}

/// One paused request.
#[derive(Clone, Copy)]
pub struct Waiter {
    /// The stream's context.
    pub context: u32,
    /// Until when, since the Unix epoch.
    pub until: Duration,
    /// What for.
    pub need: Need,
}

/// So many wait already that there is no room for another.
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
        let is_full = queues.asleep.len() + queues.awake.len() >= MOST
            || (waiter.is_for_a_credential() && queues.for_credentials >= MOST_FOR_CREDENTIALS);
        if is_full {
            return Err(Full);
        }
        queues.add(waiter);
        Ok(())
    }

    /// Something has become known: all who wait for it have their turn.
    pub fn wake(&self, need: Need) {
        self.0.borrow_mut().wake(need);
    }

    /// Something has become known of some issuer's keys.
    pub fn wake_for_keys(&self) {
        let queues = &mut *self.0.borrow_mut();
        let is_for_keys = |need: &&Need| matches!(need, Need::Keys(_));
        let needs: Vec<_> = queues.needs.keys().filter(is_for_keys).copied().collect();
        for need in needs {
            queues.wake(need);
        }
    }

    /// Those that have waited long enough have their turn; also those that would wait for longer than `longest`,
    /// because the clock has stepped back.
    pub fn wake_expired(&self, now: Duration, longest: Duration) {
        let queues = &mut *self.0.borrow_mut();
        let expired =
            |waiter: &&Waiter| waiter.until <= now || waiter.until.saturating_sub(now) > longest;
        let expired: Vec<_> = queues.asleep.values().filter(expired).copied().collect();
        for waiter in expired {
            queues.remove_asleep(waiter.context);
            queues.awake.insert(waiter.context, waiter);
        }
    }

    /// Takes the next in turn.
    pub fn next(&self) -> Option<Waiter> {
        let queues = &mut *self.0.borrow_mut();
        let (_, waiter) = queues.awake.pop_first()?;
        queues.leave(waiter);
        Some(waiter)
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
        let queues = &mut *self.0.borrow_mut();
        let asleep = queues.remove_asleep(context);
        if let Some(waiter) = asleep.or_else(|| queues.awake.remove(&context)) {
            queues.leave(waiter);
        }
    }
}

// === impl Queues ===

impl Queues {
    fn add(&mut self, waiter: Waiter) {
        self.for_credentials += usize::from(waiter.is_for_a_credential());
        let contexts = self.needs.entry(waiter.need).or_default();
        contexts.insert(waiter.context);
        self.asleep.insert(waiter.context, waiter);
    }

    fn wake(&mut self, need: Need) {
        for context in self.needs.remove(&need).unwrap_or_default() {
            if let Some(waiter) = self.asleep.remove(&context) {
                self.awake.insert(context, waiter);
            }
        }
    }

    fn remove_asleep(&mut self, context: u32) -> Option<Waiter> {
        let waiter = self.asleep.remove(&context)?;
        if let Some(contexts) = self.needs.get_mut(&waiter.need) {
            contexts.remove(&context);
            if contexts.is_empty() {
                self.needs.remove(&waiter.need);
            }
        }
        Some(waiter)
    }

    /// One is neither asleep nor awake any more.
    fn leave(&mut self, waiter: Waiter) {
        self.for_credentials -= usize::from(waiter.is_for_a_credential());
    }
}

// === impl Waiter ===

impl Waiter {
    fn is_for_a_credential(self) -> bool {
        matches!(self.need, Need::Introspection(_))
    }
}
