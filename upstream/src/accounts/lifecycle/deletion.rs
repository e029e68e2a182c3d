//! Deletes an account. Its row says `deleting` first, so that no request gets in; its database is renamed away, so
//! that no connection does; the row goes, with the caps and keys; and at last the database.

use axum::http::StatusCode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;

use crate::accounts::directory::Registered;
use crate::accounts::name;
use crate::database::{DatabaseError, DatabaseName, Databases, Lock, Parameters, ServerName};
use crate::problem::Problem;

/// Seconds after which whoever is connected, and not ours to disconnect, may be gone.
const RETRY_AFTER: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub(super) enum DeletionError {
    #[error("there is no such account")]
    Unknown,
    #[error("somebody else is connected to the account's database")]
    InUse,
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

pub(super) async fn delete(databases: &Databases, name: &AccountName) -> Result<(), DeletionError> {
    let lock = Lock::of_account(databases, name).await?;
    delete_with(databases, lock, name).await
}

/// The account's lock is let go before the database is dropped: by then it has no name that anybody knows.
pub(super) async fn delete_with(
    databases: &Databases,
    lock: Lock,
    name: &AccountName,
) -> Result<(), DeletionError> {
    let text: Parameters<'_> = &[(&name.as_str(), Type::TEXT)];
    // Past the lock's own transaction: it must be seen now, and whatever becomes of us.
    let mark = "update accounts set status = 'deleting' where name = $1 returning server";
    let marked = databases.system().await?.query_typed_opt(mark, text).await;
    let marked = marked.map_err(DatabaseError::from)?;
    let marked = marked.ok_or(DeletionError::Unknown)?;
    let server = marked.try_get(0).map_err(DatabaseError::from)?;
    let account = Registered::of_row(name.as_str(), server);
    let maintenance = databases.maintenance(account.server()).await?;
    let database = DatabaseName::from(&account);
    maintenance.end_orphans(&database).await?;
    lock.check().await?;
    let aside = maintenance.set_aside(&database).await;
    let aside = aside.map_err(DeletionError::of_set_aside)?;
    databases.forget(&account);

    let delete = "delete from accounts where name = $1";
    let deleted = lock.transaction().execute_typed(delete, text).await;
    deleted.map_err(DatabaseError::from)?;
    lock.commit().await?;
    if let Some(aside) = aside
        && let Err(error) = maintenance.drop(&aside).await
    {
        tracing::warn!(database = %aside, %error, "a deleted account's database is dropped later");
    }
    Ok(())
}

/// Goes on where a service died while it deleted an account of that server; none is the first.
pub(crate) async fn finish_left(
    databases: &Databases,
    server: Option<&ServerName>,
) -> Result<(), DatabaseError> {
    let select = "select name from accounts \
                  where status = 'deleting' and server is not distinct from $1";
    let text = server.map(ServerName::as_str);
    let system = databases.system().await?;
    let rows = system.query_typed(select, &[(&text, Type::TEXT)]).await?;
    drop(system);
    for row in &rows {
        let Ok(name) = name::parse(row.try_get(0)?) else {
            continue;
        };
        let Some(lock) = Lock::of_account_if_free(databases, &name).await? else {
            continue;
        };
        // Somebody may have finished it since, and made a new account of that name.
        let select = "select from accounts where name = $1 and status = 'deleting'";
        let text: Parameters<'_> = &[(&name.as_str(), Type::TEXT)];
        let left = lock.transaction().query_typed_opt(select, text).await?;
        if left.is_none() {
            continue;
        }
        match delete_with(databases, lock, &name).await {
            Ok(()) => tracing::info!(
                account = name.as_str(),
                "the account's deletion was finished"
            ),
            Err(DeletionError::Unknown) => {}
            Err(error) => {
                tracing::warn!(account = name.as_str(), %error, "the account's deletion cannot be finished");
            }
        }
    }
    let maintenance = databases.maintenance(server).await?;
    maintenance.drop_set_aside().await
}

// === impl DeletionError ===

impl From<DeletionError> for Problem {
    fn from(error: DeletionError) -> Self {
        match error {
            DeletionError::Unknown => Self::new(
                StatusCode::NOT_FOUND,
                "account_not_found",
                "there is no such account",
            ),
            DeletionError::InUse => Self::unavailable(
                "database_busy",
                "somebody else is connected to the account's database; nobody can use the account any more, and its \
                 deletion goes on when they are gone",
                RETRY_AFTER,
            ),
            DeletionError::Database(error) => error.into(),
        }
    }
}

impl DeletionError {
    fn of_set_aside(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Query(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
                Self::InUse
            }
            error => error.into(),
        }
    }
}
