//! Requests that are paused until something is known.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tollgate_policy::decide::Need;

/// How many may wait in one worker: whoever can name an issuer and an audience can make a request wait.
const MOST: usize = 1024;

/// As many may wait before one more for what an issuer says of a credential: whoever has a key must not keep those out
/// that wait for something else.
const MOST_BEFORE_CREDENTIALS: usize = MOST / 4 * 3;

/// The same where the issuer has not called the credential active before: anybody can make up a key.
const MOST_BEFORE_STRANGERS: usize = MOST / 2;

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
    /// Whether nothing but a credential that its issuer has not called active before speaks for it.
    pub is_stranger: bool,
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
        if queues.asleep.len() + queues.awake.len() >= waiter.most_before() {
            return Err(Full);
        }
        // Should the host deliver a request twice.
        queues.forget(waiter.context);
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
        queues.awake.pop_first().map(|(_, waiter)| waiter)
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
        self.0.borrow_mut().forget(context);
    }

    /// Takes any; allocates nothing.
    pub fn take_any(&self) -> Option<Waiter> {
        let queues = &mut *self.0.borrow_mut();
        if let Some((_, waiter)) = queues.awake.pop_first() {
            return Some(waiter);
        }
        let context = *queues.asleep.first_key_value()?.0;
        queues.remove_asleep(context)
    }
}

// === impl Queues ===

impl Queues {
    fn add(&mut self, waiter: Waiter) {
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

    fn forget(&mut self, context: u32) {
        if self.remove_asleep(context).is_none() {
            self.awake.remove(&context);
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
}

// === impl Waiter ===

impl Waiter {
    /// As many may wait before it.
    fn most_before(&self) -> usize {
        match self.need {
            Need::Introspection(_) if self.is_stranger => MOST_BEFORE_STRANGERS,
            Need::Introspection(_) => MOST_BEFORE_CREDENTIALS,
            Need::Keys(_) | Need::Directory => MOST,
        }
    }
}
