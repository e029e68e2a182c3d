//! The bookkeeping: what is idle, how many are in use, how many wait. It never waits itself.
//!
//! The rule that gives everybody room: connections in use, idle ones and waiters together are never more than
//! the bound in all, as long as there is an idle one to close. A closed one's permit goes to whoever has waited
//! longest, because Tokio's semaphores are fair.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Connection, Limits};
use crate::database::DatabaseName;

pub(super) struct Table<T> {
    limits: Limits,
    pools: HashMap<DatabaseName, Pool<T>>,
    /// Whose the idle connections are, the least recently used first; so that a look at one is not a look at all pools.
    order: BTreeMap<Place, DatabaseName>,
    next: Place,
    in_use: usize,
    waiting: usize,
}

/// When a connection became idle, as a number that no other one has.
type Place = u64;

/// Counts how often a database was forgotten.
pub(super) type Generation = u64;

struct Pool<T> {
    slots: Arc<Slots>,
    /// The least recently used first.
    idle: Vec<Idle<T>>,
    generation: Generation,
}

struct Idle<T> {
    connection: T,
    since: Instant,
    place: Place,
}

/// The bounds of one database.
pub(super) struct Slots {
    /// Held while a connection is wanted or used.
    pub(super) turns: Arc<Semaphore>,
    /// Held while a connection is open.
    pub(super) open: Arc<Semaphore>,
}

// === impl Table ===

impl<T: Connection> Table<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pools: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            in_use: 0,
            waiting: 0,
        }
    }

    pub(super) fn slots(&mut self, database: &DatabaseName) -> Arc<Slots> {
        Arc::clone(&self.pool(database).slots)
    }

    /// The most recently used idle connection that still works; counted as in use from now on.
    pub(super) fn take_idle(&mut self, database: &DatabaseName) -> Option<(T, Generation)> {
        let pool = self.pools.get_mut(database)?;
        let connection = loop {
            let newest = pool.idle.pop()?;
            self.order.remove(&newest.place);
            if !newest.connection.is_closed() {
                break newest.connection;
            }
        };
        self.in_use += 1;
        Some((connection, pool.generation))
    }

    /// One less is in use; its connection, if there is one, is idle, unless its database has been forgotten since.
    /// Returns what must be closed.
    pub(super) fn give_back(
        &mut self,
        database: &DatabaseName,
        connection: Option<T>,
        generation: Generation,
    ) -> Vec<T> {
        self.in_use = self.in_use.saturating_sub(1);
        let mut closed = Vec::new();
        if let Some(connection) = connection {
            let place = self.next;
            let pool = self.pool(database);
            if pool.generation == generation {
                let since = Instant::now();
                pool.idle.push(Idle {
                    connection,
                    since,
                    place,
                });
                self.order.insert(place, database.clone());
                self.next += 1;
            } else {
                closed.push(connection);
            }
        }
        closed.extend(self.make_room());
        closed
    }

    /// All idle connections to a database, to be closed; those in use will be when they come back.
    pub(super) fn forget(&mut self, database: &DatabaseName) -> Vec<T> {
        let Some(pool) = self.pools.get_mut(database) else {
            return Vec::new();
        };
        pool.generation += 1;
        let idle = pool.idle.drain(..).map(|idle| {
            self.order.remove(&idle.place);
            idle.connection
        });
        idle.collect()
    }

    /// One more waits for room. Returns what must be closed.
    pub(super) fn start_waiting(&mut self) -> Vec<T> {
        self.waiting += 1;
        self.make_room()
    }

    pub(super) fn stop_waiting(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    pub(super) fn stop_waiting_and_use(&mut self, database: &DatabaseName) -> Generation {
        self.stop_waiting();
        self.in_use += 1;
        self.pool(database).generation
    }

    /// What has been idle for too long or is broken, and when to look again. Pools that nobody uses are forgotten.
    pub(super) fn expire(&mut self, now: Instant) -> (Vec<T>, Option<Instant>) {
        let idle_timeout = self.limits.idle_timeout;
        let mut expired = Vec::new();
        let mut next: Option<Instant> = None;
        for pool in self.pools.values_mut() {
            let gone = |idle: &mut Idle<T>| {
                idle.since + idle_timeout <= now || idle.connection.is_closed()
            };
            for idle in pool.idle.extract_if(.., gone) {
                self.order.remove(&idle.place);
                expired.push(idle.connection);
            }
            let oldest = pool.idle.first().map(|idle| idle.since + idle_timeout);
            next = next.into_iter().chain(oldest).min();
        }
        let per_database = self.limits.per_database;
        self.pools.retain(|_, pool| pool.is_used(per_database));
        (expired, next)
    }

    fn pool(&mut self, database: &DatabaseName) -> &mut Pool<T> {
        let per_database = self.limits.per_database;
        self.pools
            .entry(database.clone())
            .or_insert_with(|| Pool::new(per_database))
    }

    fn make_room(&mut self) -> Vec<T> {
        let mut evicted = Vec::new();
        while self.in_use + self.order.len() + self.waiting > self.limits.total {
            let Some(connection) = self.take_least_recently_used() else {
                break;
            };
            evicted.push(connection);
        }
        evicted
    }

    fn take_least_recently_used(&mut self) -> Option<T> {
        let (_, database) = self.order.pop_first()?;
        let pool = self.pools.get_mut(&database)?;
        // The first of all is the first of its own.
        (!pool.idle.is_empty()).then(|| pool.idle.remove(0).connection)
    }
}

// === impl Pool ===

impl<T> Pool<T> {
    fn new(per_database: usize) -> Self {
        Self {
            slots: Arc::new(Slots {
                turns: Arc::new(Semaphore::new(per_database)),
                open: Arc::new(Semaphore::new(per_database)),
            }),
            idle: Vec::new(),
            generation: 0,
        }
    }

    /// Forgetting a pool while somebody has its slots would give its database a second set of them.
    fn is_used(&self, per_database: usize) -> bool {
        !self.idle.is_empty()
            || Arc::strong_count(&self.slots) > 1
            || self.slots.turns.available_permits() < per_database
            || self.slots.open.available_permits() < per_database
    }
}

#[cfg(test)]
impl<T: Connection> Table<T> {
    pub(super) fn pools_in_table(&self) -> usize {
        self.pools.len()
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let idle: usize = self.pools.values().map(|pool| pool.idle.len()).sum();
        self.in_use == 0 && self.waiting == 0 && idle == self.order.len()
    }

    pub(super) fn break_idle(&self, mut how: impl FnMut(&T)) {
        let idle = self.pools.values().flat_map(|pool| &pool.idle);
        idle.for_each(|idle| how(&idle.connection));
    }
}
