//! An account as an administrator sees it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;
use utoipa::ToSchema;

use super::caps::Caps;
use super::directory::Registered;
use crate::database::Parameters;

/// The account's row, and its own caps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct Record {
    name: String,
    status: String,
    /// The PostgreSQL server that has its database; none is the first.
    #[schema(required)]
    server: Option<String>,
    schema_version: i32,
    created_at: DateTime<Utc>,
    caps: Caps,
}

/// The account's row alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountEntry)]
pub(crate) struct Entry {
    name: String,
    status: String,
    #[schema(required)]
    server: Option<String>,
    schema_version: i32,
    created_at: DateTime<Utc>,
}

/// A status that an administrator can give to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountStatus)]
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
        let select = "select name, status, server, schema_version, created_at, cap, dimension, most \
                      from accounts \
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
            schema_version: first.try_get("schema_version")?,
            created_at: first.try_get("created_at")?,
            caps,
        }))
    }

    /// The account's status, in the table's words.
    pub(crate) fn status(&self) -> &str {
        &self.status
    }

    /// The proof that the account is in the table and has its database; none while that is being made or taken away.
    pub(crate) fn registered(&self) -> Option<Registered> {
        has_database(&self.status).then(|| Registered::of_row(&self.name, self.server.as_deref()))
    }
}

/// Whether an account of this status has a database.
pub(crate) fn has_database(status: &str) -> bool {
    matches!(status, "active" | "suspended")
}

// === impl Entry ===

impl Entry {
    /// At most so many accounts, whatever their status, by name; only those whose names come after `after`.
    pub(crate) async fn read(
        system: &Client,
        after: &str,
        limit: u16,
    ) -> Result<Vec<Self>, tokio_postgres::Error> {
        let select = "select name, status, server, schema_version, created_at from accounts \
                      where name > $1 order by name limit $2";
        let limit = i64::from(limit);
        let parameters: Parameters<'_> = &[(&after, Type::TEXT), (&limit, Type::INT8)];
        let rows = system.query_typed(select, parameters).await?;
        let entries = rows.iter().map(|row| {
            Ok(Self {
                name: row.try_get("name")?,
                status: row.try_get("status")?,
                server: row.try_get("server")?,
                schema_version: row.try_get("schema_version")?,
                created_at: row.try_get("created_at")?,
            })
        });
        entries.collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
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
        let update = "update accounts set status = $2 where name = $1 \
                      and status in ('active', 'suspended')";
        let parameters: Parameters<'_> =
            &[(&name.as_str(), Type::TEXT), (&self.as_str(), Type::TEXT)];
        Ok(system.execute_typed(update, parameters).await? == 1)
    }
}
