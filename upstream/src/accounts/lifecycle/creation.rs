//! Makes an account: its row, its database, its schema; all of it or nothing.
//!
//! `create database` cannot be part of a transaction, so the row says `creating` until all is done. A row that says
//! so while nobody has the account's lock is what a service left that died: the next one to create the account clears
//! it away.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;
use utoipa::ToSchema;

use super::deletion::{self, DeletionError};
use crate::accounts::directory::Registered;
use crate::database::{
    DatabaseError, DatabaseName, Databases, Lock, Maintenance, MigrationError, Parameters,
    ServerName, account_version, explain, template,
};
use crate::problem::Problem;

/// An account that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedAccount)]
pub(crate) struct Created {
    name: String,
    status: String,
    #[schema(required)]
    server: Option<String>,
    created_at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CreationError {
    #[error("the account exists")]
    Exists,
    #[error("a database of the same name exists and belongs to no account")]
    DatabaseExists,
    #[error("{0}")]
    Database(#[from] DatabaseError),
    #[error("{0}")]
    Migration(#[from] MigrationError),
    #[error("what was left of an account of that name: {0}")]
    Deletion(#[from] DeletionError),
}

pub(super) async fn create(
    databases: &Databases,
    name: &AccountName,
    server: Option<ServerName>,
) -> Result<Created, CreationError> {
    let mut lock = Lock::of_account(databases, name).await?;
    if matches!(row(&lock, name).await?, Some((status, _)) if status == "deleting") {
        deletion::delete_with(databases, lock, name).await?;
        lock = Lock::of_account(databases, name).await?;
    }
    let account = Registered::of_locked_row(name, server);
    let maintenance = databases.maintenance(account.server()).await?;
    claim(databases, &maintenance, &lock, name, &account).await?;
    match build(databases, &maintenance, &lock, &account).await {
        Ok(created) => {
            lock.commit().await?;
            Ok(created)
        }
        Err(error) => {
            let why = explain(&error);
            tracing::error!(
                account = account.name(),
                why,
                "an account could not be created"
            );
            let ours = !matches!(error, CreationError::DatabaseExists);
            if let Err(error) = undo(&maintenance, lock, &account, ours).await {
                tracing::warn!(account = account.name(), %error, "what there is of the account stays");
            }
            Err(error)
        }
    }
}

/// The account's status, and where its database is.
async fn row(
    lock: &Lock,
    name: &AccountName,
) -> Result<Option<(String, Registered)>, DatabaseError> {
    let text: Parameters<'_> = &[(&name.as_str(), Type::TEXT)];
    let select = "select status, server from accounts where name = $1";
    let Some(row) = lock.transaction().query_typed_opt(select, text).await? else {
        return Ok(None);
    };
    let account = Registered::of_row(name.as_str(), row.try_get(1)?);
    Ok(Some((row.try_get(0)?, account)))
}

/// Writes the row, unless there is such an account, or a database that is not ours to give to one.
async fn claim(
    databases: &Databases,
    maintenance: &Maintenance,
    lock: &Lock,
    name: &AccountName,
    account: &Registered,
) -> Result<(), CreationError> {
    let database = DatabaseName::from(account);
    if let Some((status, left)) = row(lock, name).await? {
        if status != "creating" {
            return Err(CreationError::Exists);
        }
        // On the server where it was begun, which may be another one than is asked for now.
        let there = databases.maintenance(left.server()).await?;
        there.end_orphans(&database).await?;
        lock.check().await?;
        there.drop(&database).await?;
    }
    if maintenance.has(&database).await? {
        return Err(CreationError::DatabaseExists);
    }
    // Past the lock's own transaction: it tells who comes after us if we die.
    let insert = "insert into accounts (name, status, server) values ($1, 'creating', $2) \
                  on conflict (name) do update set server = excluded.server \
                  where accounts.status = 'creating'";
    let server = account.server().map(ServerName::as_str);
    let parameters: Parameters<'_> = &[(&name.as_str(), Type::TEXT), (&server, Type::TEXT)];
    let system = databases.system().await?;
    let inserted = system.execute_typed(insert, parameters).await;
    inserted.map_err(DatabaseError::from)?;
    Ok(())
}

/// The last step is the lock's: without it, somebody else may be at the account already.
async fn build(
    databases: &Databases,
    maintenance: &Maintenance,
    lock: &Lock,
    account: &Registered,
) -> Result<Created, CreationError> {
    let database = DatabaseName::from(account);
    let template = template::ready(databases, maintenance).await?;
    let mut outcome = maintenance.create(&database, &template).await;
    if is(&outcome, &SqlState::INVALID_CATALOG_NAME) {
        // A service of another version has just dropped the template.
        let template = template::ready(databases, maintenance).await?;
        outcome = maintenance.create(&database, &template).await;
    }
    if is(&outcome, &SqlState::DUPLICATE_DATABASE) {
        // Made by somebody else since `claim` looked: not ours to drop.
        return Err(CreationError::DatabaseExists);
    }
    outcome?;

    let activate = "update accounts set status = 'active', schema_version = $2 \
                    where name = $1 and status = 'creating' returning name, status, server, created_at";
    let parameters: Parameters<'_> = &[
        (&account.name(), Type::TEXT),
        (&account_version(), Type::INT4),
    ];
    let row = lock.transaction().query_typed_one(activate, parameters);
    let created = row.await.and_then(|row| Created::try_from(&row));
    Ok(created.map_err(DatabaseError::from)?)
}

fn is(outcome: &Result<(), DatabaseError>, state: &SqlState) -> bool {
    matches!(outcome, Err(DatabaseError::Query(error)) if error.code() == Some(state))
}

/// Takes the row away, and the database if it is `ours`.
async fn undo(
    maintenance: &Maintenance,
    lock: Lock,
    account: &Registered,
    ours: bool,
) -> Result<(), DatabaseError> {
    lock.check().await?;
    if ours {
        maintenance.drop(&DatabaseName::from(account)).await?;
    }
    let delete = "delete from accounts where name = $1 and status = 'creating'";
    let text: Parameters<'_> = &[(&account.name(), Type::TEXT)];
    lock.transaction().execute_typed(delete, text).await?;
    lock.commit().await
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
            CreationError::Deletion(error) => error.into(),
        }
    }
}
