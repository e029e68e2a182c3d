//! Reads the accounts table.

use serde::Serialize;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;
use utoipa::ToSchema;

use crate::database::{DatabaseError, Databases, Parameters, ServerName, account_version};

/// Accounts that the public list has at most: it is for a login page, and for anybody.
const LISTED: &str = "1000";

/// An account that has a row in the accounts table.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    name: String,
    server: Option<ServerName>,
}

/// Whether an account may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// On the server of that name; none is the first.
    Active(Option<ServerName>),
    Suspended,
    /// Its database is older than this program.
    Outdated,
    Unknown,
}

/// An account as a login page needs it: to be chosen from a list. What is suspended is nobody else's business.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedAccount)]
pub(crate) struct Listed {
    name: String,
}

// === impl Registered ===

impl Registered {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server that has its database; none is the first.
    pub(crate) fn server(&self) -> Option<&ServerName> {
        self.server.as_ref()
    }

    /// For a row that was just read.
    pub(super) fn of_row(name: &str, server: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            server: server.map(|server| ServerName::of_row(server.to_owned())),
        }
    }

    /// For a row that is there, or about to be, under the account's lock.
    pub(super) fn of_locked_row(name: &AccountName, server: Option<ServerName>) -> Self {
        Self {
            name: name.as_str().to_owned(),
            server,
        }
    }
}

pub(crate) async fn standing(
    databases: &Databases,
    name: &AccountName,
) -> Result<Standing, DatabaseError> {
    let select = "select status, schema_version < $2, server from accounts where name = $1";
    let parameters: Parameters<'_> = &[
        (&name.as_str(), Type::TEXT),
        (&account_version(), Type::INT4),
    ];
    let system = databases.system().await?;
    let Some(row) = system.query_typed_opt(select, parameters).await? else {
        return Ok(Standing::Unknown);
    };
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        ("active", false) => {
            let server: Option<String> = row.try_get(2)?;
            Standing::Active(server.map(ServerName::of_row))
        }
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
