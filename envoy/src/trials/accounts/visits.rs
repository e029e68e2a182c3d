//! Visits to all accounts: who comes finds no connection to the account's database, and uses it a few times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Answer, Tenant, TenantError, Watch, join};
use crate::client::Connection;
use crate::stack::Stack;
use crate::upstream::Upstream;

/// What was seen while all accounts were visited once.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Visits at a time.
    pub at_once: usize,
    /// How long the first request of each visit took, sorted.
    pub first: Vec<Duration>,
    /// How long the others took, sorted.
    pub next: Vec<Duration>,
    /// Requests that did not do what they should, by status.
    pub failed: BTreeMap<u16, usize>,
    /// The most connections to account databases at a time, as PostgreSQL saw them.
    pub connections: usize,
    /// The upstream's memory afterwards, in bytes.
    pub memory: u64,
}

/// Accounts that are visited one after the other; enough for a median.
const ALONE: usize = 100;

// === impl Round ===

impl Round {
    /// Visits some accounts one after the other.
    pub fn alone(
        stack: &Stack,
        watch: &Watch,
        tenants: &mut [Mutex<Tenant>],
    ) -> Result<Self, TenantError> {
        let some = tenants.len().min(ALONE);
        Self::visit(stack, watch, tenants.get(..some).unwrap_or_default(), 1)
    }

    /// Visits all of them in their order, so many at once.
    pub fn visit(
        stack: &Stack,
        watch: &Watch,
        tenants: &[Mutex<Tenant>],
        at_once: usize,
    ) -> Result<Self, TenantError> {
        watch.forget();
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut seen = Self::default();
            let mut connection = None;
            while let Some(tenant) = tenants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut tenant = tenant.lock().unwrap_or_else(PoisonError::into_inner);
                seen.visit_one(&mut tenant, &mut connection)?;
            }
            Ok(seen)
        };
        let worker = &worker;
        let mut round = thread::scope(|scope| {
            let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
            let mut round = Self::default();
            for worker in workers {
                round.add(join(worker)?);
            }
            Ok(round)
        })?;
        round.first.sort();
        round.next.sort();
        round.at_once = at_once;
        round.connections = watch.most();
        let upstream = stack.service().map(|(upstream, _)| upstream);
        round.memory = upstream.and_then(Upstream::resident).unwrap_or_default();
        Ok(round)
    }

    /// Reads, writes, and reads again.
    fn visit_one(
        &mut self,
        tenant: &mut Tenant,
        connection: &mut Option<Connection>,
    ) -> Result<(), TenantError> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(tenant.connect()?),
        };
        let first = tenant.list(connection)?;
        self.note(first);
        self.first.push(first.took);
        for answer in [tenant.write(connection)?, tenant.read(connection)?] {
            self.note(answer);
            self.next.push(answer.took);
        }
        Ok(())
    }

    fn note(&mut self, answer: Answer) {
        if !answer.is_good() {
            *self.failed.entry(answer.status).or_default() += 1;
        }
    }

    fn add(&mut self, other: Self) {
        self.first.extend(other.first);
        self.next.extend(other.next);
        for (status, count) in other.failed {
            *self.failed.entry(status).or_default() += count;
        }
    }
}
