//! Reads the accounts table.

use serde::Serialize;
use tokio_postgres::Row;
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

// === impl Standing ===

impl Standing {
    /// For a row that was just read: `status` and `server`, and as `is_outdated` whether `schema_version` is less than
    /// [`account_version`].
    pub(crate) fn of_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (status, is_outdated) = (row.try_get("status")?, row.try_get("is_outdated")?);
        Ok(match (status, is_outdated) {
            ("active", false) => {
                let server: Option<String> = row.try_get("server")?;
                Self::Active(server.map(ServerName::of_row))
            }
            ("active", true) => Self::Outdated,
            ("suspended", _) => Self::Suspended,
            _ => Self::Unknown,
        })
    }

    /// The server that has the account's database, where the account may be used; none is the first.
    pub(crate) fn server(self) -> Result<Option<ServerName>, DatabaseError> {
        match self {
            Self::Active(server) => Ok(server),
            Self::Suspended => Err(DatabaseError::Suspended),
            Self::Outdated => Err(DatabaseError::Outdated),
            Self::Unknown => Err(DatabaseError::Unknown),
        }
    }
}

pub(crate) async fn standing(
    databases: &Databases,
    name: &AccountName,
) -> Result<Standing, DatabaseError> {
    let select = "select status, schema_version < $2 as is_outdated, server \
                  from accounts where name = $1";
    let parameters: Parameters<'_> = &[
        (&name.as_str(), Type::TEXT),
        (&account_version(), Type::INT4),
    ];
    let system = databases.system().await?;
    let Some(row) = system.query_typed_opt(select, parameters).await? else {
        return Ok(Standing::Unknown);
    };
    Ok(Standing::of_row(&row)?)
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
