//! Brings the databases up to date: when the service starts, and for each new account.

use refinery::Runner;
use tokio::task::JoinSet;

use super::{ConnectError, DatabaseError, DatabaseName, Databases, Session, timeouts};
use crate::accounts::directory::{self, Registered};
use crate::error::Error;

mod system {
    refinery::embed_migrations!("migrations/system");
}

mod account {
    refinery::embed_migrations!("migrations/account");
}

/// Account databases that are migrated at once when the service starts.
const AT_ONCE: usize = 4;

/// The advisory lock of whoever migrates a database; any number that nothing else uses.
const MIGRATION_LOCK: &str = "select pg_advisory_lock(7207318)";

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

pub(super) async fn prepare(databases: &Databases) -> Result<(), Error> {
    let mut session = system_session(databases).await?;
    run(
        &mut session,
        &DatabaseName::system(),
        &system::migrations::runner(),
    )
    .await
    .map_err(|error| Error::migration(&DatabaseName::system(), error))?;
    drop(session);

    let accounts = directory::registered(databases).await;
    let accounts =
        accounts.map_err(|error| Error::migration(&DatabaseName::system(), error.into()))?;
    for batch in accounts.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for account in batch {
            tasks.spawn(prepare_account(databases.clone(), account.clone()));
        }
        for outcome in tasks.join_all().await {
            outcome?;
        }
    }
    tracing::info!(accounts = accounts.len(), "databases are up to date");
    Ok(())
}

/// Migrates the account's database, through the pool and so within its bounds.
pub(crate) async fn migrate_account(
    databases: &Databases,
    account: &Registered,
) -> Result<(), MigrationError> {
    let name = DatabaseName::from(account);
    let mut lease = databases.registered(account).await?;
    let outcome = run(&mut lease, &name, &account::migrations::runner()).await;
    // Its settings and its lock are not for the next user.
    lease.discard();
    outcome
}

async fn prepare_account(databases: Databases, account: Registered) -> Result<(), Error> {
    match migrate_account(&databases, &account).await {
        // One lost database must not keep all other accounts out; its own gets `account_unknown`.
        Err(MigrationError::Database(DatabaseError::Unknown)) => {
            tracing::error!(
                account = account.name(),
                "the account's database is missing"
            );
            Ok(())
        }
        outcome => outcome.map_err(|error| Error::migration(&DatabaseName::from(&account), error)),
    }
}

/// A connection to the system database, which is made where it is missing.
async fn system_session(databases: &Databases) -> Result<Session, Error> {
    let server = &databases.server;
    let system = DatabaseName::system();
    match server.session(&system).await {
        Err(ConnectError::Missing) => {
            let maintenance = DatabaseName::maintenance();
            let session = server.session(&maintenance).await;
            let session = session.map_err(Error::DatabaseUnreachable)?;
            if let Err(error) = session.batch_execute(&create_database(&system)).await {
                // Another instance may have made it in the meantime; connecting again tells.
                tracing::debug!(%error, "the system database was not made");
            }
            server.session(&system).await
        }
        outcome => outcome,
    }
    .map_err(Error::DatabaseUnreachable)
}

/// `template0`, because `template1` cannot be copied while anybody looks at it, nor into UTF-8 from everything.
pub(crate) fn create_database(name: &DatabaseName) -> String {
    format!(
        "create database {} template template0 encoding 'UTF8'",
        name.quoted()
    )
}

async fn run(
    session: &mut Session,
    database: &DatabaseName,
    runner: &Runner,
) -> Result<(), MigrationError> {
    // A migration may take its time, and so may waiting for another instance that runs the same one.
    session
        .batch_execute("set statement_timeout = 0")
        .await
        .map_err(DatabaseError::from)?;
    session
        .batch_execute(MIGRATION_LOCK)
        .await
        .map_err(DatabaseError::from)?;
    let client: &mut tokio_postgres::Client = session;
    runner.run_async(client).await.map_err(Box::new)?;
    session
        .batch_execute(&timeouts(database))
        .await
        .map_err(DatabaseError::from)?;
    Ok(())
}
