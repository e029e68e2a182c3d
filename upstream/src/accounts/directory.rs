//! Reads the accounts table.

use serde::Serialize;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;

use crate::database::{DatabaseError, Databases, Parameters, account_version};

/// Accounts that the public list has at most: it is for a login page, and for anybody.
const LISTED: &str = "1000";

/// The name of an account that has a row in the accounts table.
#[derive(Clone, Debug)]
pub(crate) struct Registered(String);

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Suspended,
    /// Its database is older than this program.
    Outdated,
    Unknown,
}

/// An account as a login page needs it: to be chosen from a list. What is suspended is nobody else's business.
#[derive(Serialize)]
pub(crate) struct Listed {
    name: String,
}

// === impl Registered ===

impl Registered {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// For a row that was just read.
    pub(super) fn of_row(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// For a row that is there, or about to be, under the account's lock.
    pub(super) fn of_locked_row(name: &AccountName) -> Self {
        Self(name.as_str().to_owned())
    }
}

pub(crate) async fn standing(
    databases: &Databases,
    name: &AccountName,
) -> Result<Standing, DatabaseError> {
    let select = "select status, schema_version < $2 from accounts where name = $1";
    let parameters: Parameters<'_> = &[
        (&name.as_str(), Type::TEXT),
        (&account_version(), Type::INT4),
    ];
    let system = databases.system().await?;
    let Some(row) = system.query_typed_opt(select, parameters).await? else {
        return Ok(Standing::Unknown);
    };
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        ("active", false) => Standing::Active,
        ("active", true) => Standing::Outdated,
        ("suspended", _) => Standing::Suspended,
        _ => Standing::Unknown,
    })
}

pub(crate) async fn listed(databases: &Databases) -> Result<Vec<Listed>, DatabaseError> {
    let select =
        format!("select name from accounts where status = 'active' order by name limit {LISTED}");
    let rows = databases.system().await?.query_typed(&select, &[]).await?;
    let listed = rows.iter().map(|row| {
        Ok(Listed {
            name: row.try_get(0)?,
        })
    });
    listed.collect()
}
