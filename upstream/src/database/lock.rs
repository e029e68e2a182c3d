//! Who makes or deletes an account, or the template, is alone with it, however many services there are.
//!
//! The lock is a transaction's, so that it holds through a proxy that gives each transaction another connection, and
//! goes with its holder whatever happens. What cannot be part of a transaction (`create database`) happens on another
//! connection meanwhile; what makes it count is written in this one.

use tokio_postgres::types::{ToSql, Type};
use tollgate_policy::account::AccountName;

use super::{DatabaseError, DatabaseName, Databases, Parameters, Session};

/// Longer than making or deleting a database takes, so the transaction may stand still; and not for ever, because the
/// holder may have vanished without a word.
const START: &str = "begin isolation level read committed; \
                     set local idle_in_transaction_session_timeout = '10min'; \
                     set local statement_timeout = 0; set local lock_timeout = '20s'";

/// The first key of the advisory locks, one an account.
const ACCOUNT: i32 = 7_207_319;

/// The keys of the template's advisory lock.
const TEMPLATE: (i32, i32) = (7_207_320, 0);

/// A lock that is held; dropping it lets it go, and undoes what was written in it.
pub(crate) struct Lock(Session);

// === impl Lock ===

impl Lock {
    /// Waits for the account's lock.
    pub(crate) async fn of_account(
        databases: &Databases,
        name: &AccountName,
    ) -> Result<Self, DatabaseError> {
        let lock = Self::start(databases).await?;
        let select = "select pg_advisory_xact_lock($1, hashtext($2))";
        lock.0.query_typed(select, &account(&name.as_str())).await?;
        Ok(lock)
    }

    /// The account's lock, if nobody has it.
    pub(crate) async fn of_account_if_free(
        databases: &Databases,
        name: &AccountName,
    ) -> Result<Option<Self>, DatabaseError> {
        let lock = Self::start(databases).await?;
        let select = "select pg_try_advisory_xact_lock($1, hashtext($2))";
        let row = lock
            .0
            .query_typed_one(select, &account(&name.as_str()))
            .await?;
        let is_free: bool = row.try_get(0)?;
        Ok(is_free.then_some(lock))
    }

    /// Waits for the template's lock.
    pub(super) async fn of_template(databases: &Databases) -> Result<Self, DatabaseError> {
        let lock = Self::start(databases).await?;
        let keys: Parameters<'_> = &[(&TEMPLATE.0, Type::INT4), (&TEMPLATE.1, Type::INT4)];
        let select = "select pg_advisory_xact_lock($1, $2)";
        lock.0.query_typed(select, keys).await?;
        Ok(lock)
    }

    /// Not from a pool: it is held for as long as a database takes to make.
    async fn start(databases: &Databases) -> Result<Self, DatabaseError> {
        let session = databases.server.session(&DatabaseName::system()).await;
        let session = session.map_err(DatabaseError::Connect)?;
        session.batch_execute(START).await?;
        Ok(Self(session))
    }

    /// The transaction: what is written in it counts if the lock was held to the end.
    pub(crate) fn transaction(&self) -> &tokio_postgres::Client {
        &self.0
    }

    /// For before a database is renamed or dropped: who has lost the lock must not, because it may be another account's
    /// by now.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Busy`]: it is no longer held. The server may have been stopped.
    pub(crate) async fn check(&self) -> Result<(), DatabaseError> {
        let held = self.0.batch_execute("select").await;
        held.map_err(|_| DatabaseError::Busy)
    }

    /// Makes what was written count, and lets the lock go.
    ///
    /// # Errors
    ///
    /// The lock was lost, and what was written with it.
    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        Ok(self.0.batch_execute("commit").await?)
    }
}

fn account<'a>(name: &'a &'a str) -> [(&'a (dyn ToSql + Sync), Type); 2] {
    [(&ACCOUNT, Type::INT4), (name, Type::TEXT)]
}
