//! All accounts at one moment, as the gate reads them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::caps::Caps;
use crate::database::{DatabaseError, Databases};

/// What the gate must know of each account, by name. Those that are being made or deleted are not there.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Directory)]
pub(crate) struct Snapshot {
    accounts: BTreeMap<String, Entry>,
}

/// What is not said is as usual: an active account, with the caps of the gate's configuration.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = DirectoryEntry)]
struct Entry {
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Caps::is_empty")]
    caps: Caps,
}

// === impl Snapshot ===

impl Snapshot {
    /// One statement, and so one moment, however many accounts there are.
    pub(crate) async fn read(databases: &Databases) -> Result<Self, DatabaseError> {
        let select = "select name, status = 'suspended' as suspended, cap, dimension, most \
                      from accounts left join account_caps on account = name \
                      where status in ('active', 'suspended')";
        let rows = databases.system().await?.query_typed(select, &[]).await?;
        let mut snapshot = Self::default();
        for row in &rows {
            let entry = snapshot.accounts.entry(row.try_get("name")?).or_default();
            entry.status = row.try_get::<_, bool>("suspended")?.then_some("suspended");
            entry.caps.add(row)?;
        }
        Ok(snapshot)
    }
}
