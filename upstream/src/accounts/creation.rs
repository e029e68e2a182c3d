//! Makes an account: its row, its database, its schema; all of it or nothing.
//!
//! `create database` cannot be part of a transaction, so the row says `creating` until all is done, and an advisory
//! lock says that somebody is at it. A row that says `creating` while nobody has the lock is what a service left
//! that died: the next one to create the account clears it away.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;

use super::directory::Registered;
use crate::database::{
    DatabaseError, DatabaseName, Databases, MigrationError, Parameters, ServerName, Session,
    create_database, migrate_account,
};
use crate::identity::Administrator;
use crate::problem::Problem;

/// Accounts being made at once; each takes a connection outside the pools.
const AT_ONCE: usize = 2;

/// The first key of the advisory locks, one an account.
const CREATION_LOCK: i32 = 7_207_319;

/// Makes accounts.
#[derive(Clone)]
pub(crate) struct Creation {
    databases: Databases,
    turns: Arc<Semaphore>,
}

/// An account that was made.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    name: String,
    status: String,
    server: Option<String>,
    created_at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
enum CreationError {
    #[error("the account exists")]
    Exists,
    #[error("a database of the same name exists and belongs to no account")]
    DatabaseExists,
    #[error("{0}")]
    Database(#[from] DatabaseError),
    #[error("{0}")]
    Migration(#[from] MigrationError),
}

// === impl Creation ===

impl Creation {
    pub(crate) fn new(databases: Databases) -> Self {
        Self {
            databases,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Makes the account `name`, as the administrator asked.
    ///
    /// # Errors
    ///
    /// 409 where it exists, or a database does that is not ours; what goes wrong with PostgreSQL.
    pub(crate) async fn create(
        &self,
        administrator: &Administrator,
        name: AccountName,
        server: Option<ServerName>,
    ) -> Result<Created, Problem> {
        let this = self.clone();
        let subject = administrator.account().subject().to_owned();
        // In a task of its own: a client that hangs up must not leave half an account.
        let task = tokio::spawn(async move {
            let _turn = this.turns.acquire().await;
            let created = create(&this.databases, &name, server).await?;
            tracing::info!(account = name.as_str(), subject, "account created");
            Ok(created)
        });
        match task.await {
            Ok(outcome) => outcome.map_err(|error: CreationError| error.into()),
            Err(error) => {
                tracing::error!(%error, "creating an account was cut off");
                Err(Problem::internal())
            }
        }
    }
}

async fn create(
    databases: &Databases,
    name: &AccountName,
    server: Option<ServerName>,
) -> Result<Created, CreationError> {
    // Not from a pool: the lock is the session's, and goes with it whatever happens.
    let system = databases.server.session(&DatabaseName::system()).await;
    let system = system.map_err(DatabaseError::Connect)?;
    lock(&system, name).await?;

    let account = claim(databases, &system, name, server).await?;
    let host = host(databases, &account).await?;
    let outcome = build(databases, &system, &host, &account).await;
    if let Err(error) = &outcome {
        tracing::error!(account = account.name(), %error, "an account could not be created");
        if !matches!(error, CreationError::DatabaseExists) {
            clear(databases, &host, &account).await?;
        }
        let delete = "delete from accounts where name = $1 and status = 'creating'";
        execute(&system, delete, name).await?;
    }
    outcome
}

async fn lock(system: &Session, name: &AccountName) -> Result<(), DatabaseError> {
    let keys: Parameters<'_> = &[(&CREATION_LOCK, Type::INT4), (&name.as_str(), Type::TEXT)];
    let select = "select pg_advisory_lock($1, hashtext($2))";
    system.query_typed(select, keys).await?;
    Ok(())
}

/// A session on the server that has the account's database, or will have it.
async fn host(databases: &Databases, account: &Registered) -> Result<Session, DatabaseError> {
    let server = databases.server_of(account)?;
    let session = server.session(&DatabaseName::maintenance()).await;
    session.map_err(DatabaseError::Connect)
}

/// Writes the row, unless there is such an account, or a database that is not ours to give to one.
async fn claim(
    databases: &Databases,
    system: &Session,
    name: &AccountName,
    server: Option<ServerName>,
) -> Result<Registered, CreationError> {
    let text: Parameters<'_> = &[(&name.as_str(), Type::TEXT)];
    let select = "select status = 'creating', server from accounts where name = $1";
    let row = system.query_typed_opt(select, text).await;
    let row = row.map_err(DatabaseError::from)?;
    if let Some(row) = row {
        if !row.try_get::<_, bool>(0).map_err(DatabaseError::from)? {
            return Err(CreationError::Exists);
        }
        let left: Option<String> = row.try_get(1).map_err(DatabaseError::from)?;
        let left = Registered::of_written_row(name, left.map(ServerName::of_row));
        clear(databases, &host(databases, &left).await?, &left).await?;
        let delete = "delete from accounts where name = $1 and status = 'creating'";
        execute(system, delete, name).await?;
    }
    let account = Registered::of_written_row(name, server);
    let select = "select from pg_database where datname = $1";
    let host = host(databases, &account).await?;
    let database = host.query_typed_opt(select, text).await;
    if database.map_err(DatabaseError::from)?.is_some() {
        return Err(CreationError::DatabaseExists);
    }
    let insert = "insert into accounts (name, status, server) values ($1, 'creating', $2)";
    let server = account.server().map(ServerName::as_str);
    let parameters: Parameters<'_> = &[(&name.as_str(), Type::TEXT), (&server, Type::TEXT)];
    let inserted = system.execute_typed(insert, parameters).await;
    inserted.map_err(DatabaseError::from)?;
    Ok(account)
}

async fn build(
    databases: &Databases,
    system: &Session,
    host: &Session,
    account: &Registered,
) -> Result<Created, CreationError> {
    let create = create_database(&DatabaseName::from(account));
    host.batch_execute(&create)
        .await
        .map_err(|error| match error.code() {
            // Made by somebody else since `claim` looked: not ours to drop.
            Some(&SqlState::DUPLICATE_DATABASE) => CreationError::DatabaseExists,
            _ => DatabaseError::from(error).into(),
        })?;
    migrate_account(databases, account).await?;

    let activate = "update accounts set status = 'active' where name = $1 \
                    returning name, status, server, created_at";
    let row = system
        .query_typed_one(activate, &[(&account.name(), Type::TEXT)])
        .await
        .map_err(DatabaseError::from)?;
    Created::try_from(&row).map_err(|error| DatabaseError::from(error).into())
}

/// Drops the database of a row that says `creating`. `force`: our own pool may not have closed its connection yet.
async fn clear(
    databases: &Databases,
    host: &Session,
    account: &Registered,
) -> Result<(), DatabaseError> {
    databases.forget(account);
    let name = DatabaseName::from(account).quoted();
    let statement = format!("drop database if exists {name} with (force)");
    Ok(host.batch_execute(&statement).await?)
}

async fn execute(
    system: &Session,
    statement: &str,
    name: &AccountName,
) -> Result<(), DatabaseError> {
    let parameters: Parameters<'_> = &[(&name.as_str(), Type::TEXT)];
    system.execute_typed(statement, parameters).await?;
    Ok(())
}

// === impl Created ===

impl TryFrom<&tokio_postgres::Row> for Created {
    type Error = tokio_postgres::Error;

    fn try_from(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            status: row.try_get("status")?,
            server: row.try_get("server")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

// === impl CreationError ===

impl From<CreationError> for Problem {
    fn from(error: CreationError) -> Self {
        match error {
            CreationError::Exists => Self::new(
                StatusCode::CONFLICT,
                "account_exists",
                "the account exists already",
            ),
            CreationError::DatabaseExists => Self::new(
                StatusCode::CONFLICT,
                "account_exists",
                "a database of that name exists already and belongs to no account; take another name",
            ),
            CreationError::Database(error)
            | CreationError::Migration(MigrationError::Database(error)) => error.into(),
            CreationError::Migration(MigrationError::Refinery(_)) => Self::internal(),
        }
    }
}
