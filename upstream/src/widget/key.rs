//! Widgets' keys, in the system database: those of one account at a time.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::database::{DatabaseError, Parameters};
use crate::identity::Account;
use crate::keys::{KeyTooMany, Minted, Plaintext};

const COLUMNS: &str =
    "id, name, last8, domain_allowlist, agent_id, created_at, disabled_at, last_used_at";

/// A key, without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WidgetKey {
    id: Uuid,
    name: String,
    last8: String,
    domain_allowlist: Vec<String>,
    #[schema(required)]
    agent_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    #[schema(required)]
    disabled_at: Option<DateTime<Utc>>,
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

/// A key that has just been made: this once with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewWidgetKey {
    #[serde(flatten)]
    widget_key: WidgetKey,
    #[schema(value_type = String)]
    key: Plaintext,
}

/// What is written of a key; none: it stays as it is. The allowlist's entries have been read.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) name: Option<String>,
    pub(crate) domain_allowlist: Option<Vec<String>>,
    /// Inner none: the page chooses the agent.
    pub(crate) agent: Option<Option<Uuid>>,
    pub(crate) disabled: Option<bool>,
}

// === impl NewWidgetKey ===

impl NewWidgetKey {
    pub(crate) fn id(&self) -> Uuid {
        self.widget_key.id
    }
}

// === impl WidgetKey ===

impl WidgetKey {
    /// The account's keys, the newest first.
    pub(crate) async fn list(
        system: &Client,
        account: &Account,
    ) -> Result<Vec<Self>, tokio_postgres::Error> {
        let select = format!(
            "select {COLUMNS} from widget_keys where account = $1 \
             order by created_at desc, id desc"
        );
        let parameters: Parameters<'_> = &[(&account.name().as_str(), Type::TEXT)];
        let rows = system.query_typed(&select, parameters).await?;
        rows.iter().map(Self::try_from).collect()
    }

    pub(crate) async fn create(
        system: &mut Client,
        account: &Account,
        name: &str,
        domain_allowlist: &[String],
        agent: Option<Uuid>,
        minted: Minted,
    ) -> Result<Result<NewWidgetKey, KeyTooMany>, DatabaseError> {
        let transaction = system.transaction().await?;
        if let Err(too_many) = KeyTooMany::check(&transaction, "widget_keys", account).await? {
            return Ok(Err(too_many));
        }
        let insert = format!(
            "insert into widget_keys (account, name, hash, last8, domain_allowlist, agent_id) \
             values ($1, $2, $3, $4, $5, $6) returning {COLUMNS}"
        );
        let parameters: Parameters<'_> = &[
            (&account.name().as_str(), Type::TEXT),
            (&name, Type::TEXT),
            (&minted.hash.as_bytes(), Type::BYTEA),
            (&minted.last8, Type::TEXT),
            (&domain_allowlist, Type::TEXT_ARRAY),
            (&agent, Type::UUID),
        ];
        let row = transaction.query_typed_one(&insert, parameters).await?;
        let widget_key = Self::try_from(&row)?;
        transaction.commit().await?;
        Ok(Ok(NewWidgetKey {
            widget_key,
            key: minted.plaintext,
        }))
    }

    /// Changes what is said. None where the account has no such key.
    pub(crate) async fn change(
        system: &Client,
        account: &Account,
        id: Uuid,
        change: &Change,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let update = format!(
            "update widget_keys set name = coalesce($3, name), \
             domain_allowlist = coalesce($4, domain_allowlist), \
             agent_id = case when $5 then $6 else agent_id end, \
             disabled_at = case $7 when true then coalesce(disabled_at, now()) \
             when false then null else disabled_at end \
             where account = $1 and id = $2 returning {COLUMNS}"
        );
        let parameters: Parameters<'_> = &[
            (&account.name().as_str(), Type::TEXT),
            (&id, Type::UUID),
            (&change.name, Type::TEXT),
            (&change.domain_allowlist, Type::TEXT_ARRAY),
            (&change.agent.is_some(), Type::BOOL),
            (&change.agent.flatten(), Type::UUID),
            (&change.disabled, Type::BOOL),
        ];
        let row = system.query_typed_opt(&update, parameters).await?;
        row.as_ref().map(Self::try_from).transpose()
    }

    /// False where the account has no such key.
    pub(crate) async fn delete(
        system: &Client,
        account: &Account,
        id: Uuid,
    ) -> Result<bool, tokio_postgres::Error> {
        let delete = "delete from widget_keys where account = $1 and id = $2";
        let parameters: Parameters<'_> =
            &[(&account.name().as_str(), Type::TEXT), (&id, Type::UUID)];
        Ok(system.execute_typed(delete, parameters).await? == 1)
    }
}

impl TryFrom<&Row> for WidgetKey {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            last8: row.try_get("last8")?,
            domain_allowlist: row.try_get("domain_allowlist")?,
            agent_id: row.try_get("agent_id")?,
            created_at: row.try_get("created_at")?,
            disabled_at: row.try_get("disabled_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}
