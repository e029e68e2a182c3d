//! A connection in use, and what is counted while one is wanted, opened and used.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::table::Generation;
use super::{Connect, Connection, Inner};
use crate::database::DatabaseName;

/// A connection for one user; it goes back to its pool when it is dropped.
pub struct Lease<C: Connect> {
    // Dropped in this order: the next in turn finds the connection idle.
    in_use: InUse<C>,
    _turn: OwnedSemaphorePermit,
}

/// Counted as in use: a connection that is being opened (no connection yet), or is leased.
pub(super) struct InUse<C: Connect> {
    pub(super) inner: Arc<Inner<C>>,
    pub(super) database: DatabaseName,
    pub(super) connection: Option<C::Connection>,
    pub(super) generation: Generation,
}

/// Counted as waiting for room to open a connection in.
pub(super) struct Waiting<'a, C: Connect>(&'a Arc<Inner<C>>);

// === impl Lease ===

impl<C: Connect> Lease<C> {
    /// `in_use` must have its connection.
    pub(super) fn new(in_use: InUse<C>, turn: OwnedSemaphorePermit) -> Self {
        Self {
            in_use,
            _turn: turn,
        }
    }

    /// Closes the connection instead of giving it back.
    pub fn discard(mut self) {
        self.in_use.connection = None;
    }
}

impl<C: Connect> Deref for Lease<C> {
    type Target = C::Connection;

    #[expect(
        clippy::expect_used,
        reason = "only `discard` takes the connection out, and it takes the lease"
    )]
    fn deref(&self) -> &Self::Target {
        let connection = self.in_use.connection.as_ref();
        connection.expect("a lease has its connection")
    }
}

impl<C: Connect> DerefMut for Lease<C> {
    #[expect(
        clippy::expect_used,
        reason = "only `discard` takes the connection out, and it takes the lease"
    )]
    fn deref_mut(&mut self) -> &mut Self::Target {
        let connection = self.in_use.connection.as_mut();
        connection.expect("a lease has its connection")
    }
}

// === impl InUse ===

impl<C: Connect> Drop for InUse<C> {
    fn drop(&mut self) {
        let connection = self.connection.take().filter(|open| !open.is_closed());
        let mut table = self.inner.table();
        let closed = table.give_back(&self.database, connection, self.generation);
        drop(table);
        drop(closed);
    }
}

// === impl Waiting ===

impl<'a, C: Connect> Waiting<'a, C> {
    pub(super) fn new(inner: &'a Arc<Inner<C>>) -> Self {
        let evicted = inner.table().start_waiting();
        drop(evicted);
        Self(inner)
    }

    /// The wait is over: a connection may be opened.
    pub(super) fn into_use(self, database: &DatabaseName) -> InUse<C> {
        let inner = Arc::clone(self.0);
        mem::forget(self);
        let generation = inner.table().stop_waiting_and_use(database);
        InUse {
            inner,
            database: database.clone(),
            connection: None,
            generation,
        }
    }
}

impl<C: Connect> Drop for Waiting<'_, C> {
    fn drop(&mut self) {
        self.0.table().stop_waiting();
    }
}
