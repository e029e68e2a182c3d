//! Which accounts' databases are older than this program, and bringing them up to date.

use tokio_postgres::types::Type;

use super::directory::Registered;
use crate::database::{DatabaseError, Databases, MigrationError, Parameters, account_version};

/// What became of an account's database.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is up to date.
    UpToDate,
    /// The account was deleted in the meantime.
    Gone,
    /// It is as it was.
    Failed(MigrationError),
}

/// Accounts that have a database older than this program, suspended ones too; and how many accounts have a database.
pub(crate) async fn outdated(
    databases: &Databases,
) -> Result<(Vec<Registered>, usize), DatabaseError> {
    let select = "select name, schema_version < $1, server from accounts \
                  where status in ('active', 'suspended') order by name";
    let version: Parameters<'_> = &[(&account_version(), Type::INT4)];
    let rows = databases
        .system()
        .await?
        .query_typed(select, version)
        .await?;
    let mut outdated = Vec::new();
    for row in &rows {
        if row.try_get(1)? {
            outdated.push(Registered::of_row(row.try_get(0)?, row.try_get(2)?));
        }
    }
    Ok((outdated, rows.len()))
}

/// Migrates the account's database and writes down that it is up to date. Any number may do so at the same time: one
/// does, the others wait and find nothing left to do.
///
/// # Errors
///
/// The system database's; everything else is an [`Outcome`].
pub(crate) async fn bring_up_to_date(
    databases: &Databases,
    account: &Registered,
) -> Result<Outcome, DatabaseError> {
    if let Err(error) = databases.migrate(account).await {
        return Ok(if is_there(databases, account).await? {
            Outcome::Failed(error)
        } else {
            Outcome::Gone
        });
    }
    // A newer program may have been faster.
    let update =
        "update accounts set schema_version = greatest(schema_version, $2) where name = $1";
    let parameters: Parameters<'_> = &[
        (&account.name(), Type::TEXT),
        (&account_version(), Type::INT4),
    ];
    let system = databases.system().await?;
    system.execute_typed(update, parameters).await?;
    Ok(Outcome::UpToDate)
}

async fn is_there(databases: &Databases, account: &Registered) -> Result<bool, DatabaseError> {
    let select = "select from accounts where name = $1 and status in ('active', 'suspended')";
    let name: Parameters<'_> = &[(&account.name(), Type::TEXT)];
    let row = databases
        .system()
        .await?
        .query_typed_opt(select, name)
        .await?;
    Ok(row.is_some())
}
