//! Brings one database up to date.

use std::iter;
use std::sync::LazyLock;

use refinery::{Migration, Runner};
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio_postgres::{Error, IsolationLevel, Transaction};

use super::{DatabaseError, Session};

mod system {
    refinery::embed_migrations!("migrations/system");
}

mod account {
    refinery::embed_migrations!("migrations/account");
}

/// Whoever migrates a database has its advisory lock; any number that nothing else uses. Read committed: what another
/// one has done while we waited for the lock must be seen. A migration may take its time, and so may waiting.
const START: &str = "set local statement_timeout = 0; set local lock_timeout = 0; \
                     set local idle_in_transaction_session_timeout = 0; \
                     select pg_advisory_xact_lock(7207318)";

/// Why a database's schema is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database cannot be reached.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// A migration failed, or was changed after it had been applied.
    #[error("{0}")]
    Refinery(#[from] Box<refinery::Error>),
}

/// All of a database's migrations happen in one transaction: one failed leaves the database as it was, and whoever has
/// the transaction has the lock, also through a proxy that gives each transaction another connection.
struct OneTransaction<'a>(Transaction<'a>);

/// Computed once: a runner copies and hashes all migrations, and each request asks.
static ACCOUNT_VERSION: LazyLock<i32> = LazyLock::new(|| {
    let runner = account::migrations::runner();
    let versions = runner.get_migrations().iter().map(Migration::version);
    versions.max().unwrap_or_default()
});

/// The version of the accounts' schema that this program brings.
pub(crate) fn account_version() -> i32 {
    *ACCOUNT_VERSION
}

/// What tells one state of the accounts' schema from every other: 16 hexadecimal digits.
pub(super) fn account_fingerprint() -> String {
    let mut hash = Sha256::new();
    for migration in account::migrations::runner().get_migrations() {
        let sql = migration.sql().unwrap_or_default();
        // The length keeps one from looking like another.
        hash.update(format!("{migration} {} {sql}", sql.len()));
    }
    let first = hash.finalize().into_iter().take(8);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(byte));
    format!("{number:016x}")
}

/// Brings the system database up to date.
pub(super) async fn migrate_system(session: &mut Session) -> Result<(), MigrationError> {
    run(session, system::migrations::runner()).await
}

/// Brings the database of an account up to date, or what such databases are copied from.
pub(super) async fn migrate_account(session: &mut Session) -> Result<(), MigrationError> {
    run(session, account::migrations::runner()).await
}

async fn run(session: &mut Session, runner: Runner) -> Result<(), MigrationError> {
    let transaction = session
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted);
    let transaction = transaction.start().await.map_err(DatabaseError::from)?;
    let started = transaction.batch_execute(START).await;
    started.map_err(DatabaseError::from)?;
    let mut transaction = OneTransaction(transaction);
    runner.run_async(&mut transaction).await.map_err(Box::new)?;
    transaction.0.commit().await.map_err(DatabaseError::from)?;
    Ok(())
}

// === impl OneTransaction ===

impl AsyncTransaction for OneTransaction<'_> {
    type Error = Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        statements: T,
    ) -> Result<usize, Error> {
        let mut executed = 0;
        for statement in statements {
            self.0.batch_execute(statement).await?;
            executed += 1;
        }
        Ok(executed)
    }
}

impl AsyncQuery<Vec<Migration>> for OneTransaction<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Error> {
        let rows = self.0.query_typed(query, &[]).await?;
        let applied = rows.iter().map(|row| {
            let (version, name) = (row.try_get(0)?, row.try_get(1)?);
            let checksum: String = row.try_get(3)?;
            // No number is no migration's sum, and is refused as one that was changed. When it was, nobody asks.
            let checksum = checksum.parse().unwrap_or_default();
            let when = OffsetDateTime::UNIX_EPOCH;
            Ok(Migration::applied(version, name, when, checksum))
        });
        applied.collect()
    }
}

impl AsyncMigrate for OneTransaction<'_> {}

/// The error with what is behind it: on its own it says no more than "db error".
pub(crate) fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let mut told = causes.next().unwrap_or_default();
    for cause in causes {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_a_version_and_a_fingerprint() {
        assert!(account_version() >= 2);
        let fingerprint = account_fingerprint();
        assert_eq!(fingerprint.len(), 16);
        assert_eq!(fingerprint, account_fingerprint());
    }

    #[test]
    fn an_error_is_told_once_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] Middle);
        #[derive(Debug, thiserror::Error)]
        #[error("middle")]
        struct Middle(#[source] std::fmt::Error);
        let error = Outer(Middle(std::fmt::Error));
        let inner = std::fmt::Error.to_string();
        assert_eq!(explain(&error), format!("outer: middle: {inner}"));
    }
}
