//! An account as an administrator sees it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;

use super::caps::Caps;
use super::directory::Registered;
use crate::database::Parameters;

/// The account's row, and its own caps.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    name: String,
    status: String,
    /// The PostgreSQL server that has its database; none is the first.
    server: Option<String>,
    created_at: DateTime<Utc>,
    caps: Caps,
}

/// A status that an administrator can give to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Active,
    Suspended,
}

// === impl Record ===

impl Record {
    pub(crate) async fn read(
        system: &Client,
        name: &AccountName,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        // One statement, and so one moment.
        let select = "select name, status, server, created_at, cap, dimension, most from accounts \
                      left join account_caps on account = name where name = $1";
        let rows = system
            .query_typed(select, &[(&name.as_str(), Type::TEXT)])
            .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut caps = Caps::default();
        for row in &rows {
            caps.add(row)?;
        }
        Ok(Some(Self {
            name: first.try_get("name")?,
            status: first.try_get("status")?,
            server: first.try_get("server")?,
            created_at: first.try_get("created_at")?,
            caps,
        }))
    }

    /// The proof that the account is in the table and has its database; none while that is being made.
    pub(crate) fn registered(&self) -> Option<Registered> {
        (self.status != "creating").then(|| Registered::of_row(&self.name, self.server.as_deref()))
    }
}

// === impl Status ===

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Gives it to the account; false where there is none, or none yet.
    pub(crate) async fn give_to(
        self,
        system: &Client,
        name: &AccountName,
    ) -> Result<bool, tokio_postgres::Error> {
        let update = "update accounts set status = $2 where name = $1 and status <> 'creating'";
        let parameters: Parameters<'_> =
            &[(&name.as_str(), Type::TEXT), (&self.as_str(), Type::TEXT)];
        Ok(system.execute_typed(update, parameters).await? == 1)
    }
}
