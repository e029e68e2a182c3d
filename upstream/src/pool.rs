//! Connections, pooled by database, with exact bounds.
//!
//! Two bounds hold at every moment: open connections to one database, and open connections in all. A connection
//! counts from before it is opened until its driver has closed it: it carries its [`Permit`] that long. Whoever
//! finds the second bound reached has the least recently used idle connection closed, whichever database it is
//! for, so that no account can keep the others out by being idle.

mod lease;
mod table;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

pub use lease::Lease;

use crate::database::DatabaseName;
use lease::{InUse, Waiting};
use table::Table;

/// How many connections, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections to one database.
    pub per_database: usize,
    /// Open connections in all.
    pub total: usize,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
    /// How long [`Pools::acquire`] may take, opening a connection included.
    pub acquire_timeout: Duration,
}

/// Opens connections.
pub trait Connect: Send + Sync + 'static {
    /// An open connection.
    type Connection: Connection;
    /// Why one cannot be opened.
    type Error: Send;

    /// Opens a connection to `database`. Whatever closes the connection in the end, and not the connection's user,
    /// keeps `permit` until that has happened.
    fn connect(
        &self,
        database: &DatabaseName,
        permit: Permit,
    ) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;
}

/// A connection; dropping it closes it.
pub trait Connection: Send + 'static {
    /// True when the connection can never answer again.
    fn is_closed(&self) -> bool;
}

/// The right to one open connection.
#[derive(Debug)]
pub struct Permit {
    _database: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

/// Why no connection is to be had.
#[derive(Debug, thiserror::Error)]
pub enum AcquireFailure<E> {
    /// All are in use, and none became free in time.
    #[error("all connections are in use")]
    Timeout,
    /// A new one could not be opened.
    #[error("{0}")]
    Connect(E),
}

/// The pools, one a database, each made when it is first asked for.
pub struct Pools<C: Connect>(Arc<Inner<C>>);

struct Inner<C: Connect> {
    connect: C,
    limits: Limits,
    total: Arc<Semaphore>,
    table: Mutex<Table<C::Connection>>,
}

// === impl Pools ===

impl<C: Connect> Pools<C> {
    /// No connections yet. Must be called within a Tokio runtime, where idle connections are closed from.
    pub fn new(connect: C, limits: Limits) -> Self {
        let inner = Arc::new(Inner {
            connect,
            limits,
            total: Arc::new(Semaphore::new(limits.total)),
            table: Mutex::new(Table::new(limits)),
        });
        tokio::spawn(close_idle(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// A connection to `database`, for the caller alone until the lease is dropped.
    ///
    /// # Errors
    ///
    /// [`AcquireFailure`]; at the latest after [`Limits::acquire_timeout`].
    pub async fn acquire(
        &self,
        database: &DatabaseName,
    ) -> Result<Lease<C>, AcquireFailure<C::Error>> {
        timeout(self.0.limits.acquire_timeout, self.lease(database))
            .await
            .unwrap_or(Err(AcquireFailure::Timeout))
    }

    /// Closes the idle connections to `database`, and those in use when they come back: whatever is opened after this
    /// is new. For a database that is gone, or is another one now.
    pub fn forget(&self, database: &DatabaseName) {
        let idle = self.0.table().forget(database);
        drop(idle);
    }

    async fn lease(&self, database: &DatabaseName) -> Result<Lease<C>, AcquireFailure<C::Error>> {
        let slots = self.0.table().slots(database);
        // As many turns as connections: who has a turn finds an idle connection, or may open one.
        let turn = permit(&slots.turns).await?;
        if let Some(idle) = self.idle(database) {
            return Ok(Lease::new(idle, turn));
        }
        let open = permit(&slots.open).await?;
        let waiting = Waiting::new(&self.0);
        let total = permit(&self.0.total).await?;
        let mut in_use = waiting.into_use(database);
        // One may have come back while we waited.
        if let Some(idle) = self.idle(database) {
            return Ok(Lease::new(idle, turn));
        }
        let permit = Permit {
            _database: open,
            _total: total,
        };
        let opened = self.0.connect.connect(database, permit).await;
        in_use.connection = Some(opened.map_err(AcquireFailure::Connect)?);
        Ok(Lease::new(in_use, turn))
    }

    fn idle(&self, database: &DatabaseName) -> Option<InUse<C>> {
        let (connection, generation) = self.0.table().take_idle(database)?;
        Some(InUse {
            inner: Arc::clone(&self.0),
            database: database.clone(),
            connection: Some(connection),
            generation,
        })
    }
}

impl<C: Connect> Clone for Pools<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// === impl Inner ===

impl<C: Connect> Inner<C> {
    /// Never held across an await. Each change of the table is whole before anything can panic, so a poisoned
    /// lock's table is as good as any.
    fn table(&self) -> MutexGuard<'_, Table<C::Connection>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, AcquireError> {
    Arc::clone(semaphore).acquire_owned().await
}

/// Closes what has been idle for too long, until the pools are dropped.
async fn close_idle<C: Connect>(pools: Weak<Inner<C>>) {
    while let Some(inner) = pools.upgrade() {
        let now = Instant::now();
        let (expired, next) = inner.table().expire(now);
        drop(expired);
        let next = next.unwrap_or(now + inner.limits.idle_timeout);
        drop(inner);
        sleep_until(next).await;
    }
}

impl<E> From<AcquireError> for AcquireFailure<E> {
    /// A semaphore gives this only when it is closed, and none of ours ever is.
    fn from(_: AcquireError) -> Self {
        Self::Timeout
    }
}
