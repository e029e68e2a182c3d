//! API keys, in the system database: those of one account at a time.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Expiry, KeyTooMany, Minted, Plaintext};
use crate::database::{DatabaseError, Parameters};
use crate::identity::Account;

const COLUMNS: &str =
    "id, name, last8, created_at, created_by, expires_at, disabled_at, last_used_at";

/// A key, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    id: Uuid,
    name: String,
    last8: String,
    created_at: DateTime<Utc>,
    created_by: String,
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    #[schema(required)]
    disabled_at: Option<DateTime<Utc>>,
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

/// A key that has just been made: this once with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    api_key: ApiKey,
    #[schema(value_type = String)]
    key: Plaintext,
}

// === impl NewApiKey ===

impl NewApiKey {
    pub(crate) fn id(&self) -> Uuid {
        self.api_key.id
    }
}

// === impl ApiKey ===

impl ApiKey {
    /// The account's keys, the newest first.
    pub(crate) async fn list(
        system: &Client,
        account: &Account,
    ) -> Result<Vec<Self>, tokio_postgres::Error> {
        let select = format!(
            "select {COLUMNS} from api_keys where account = $1 order by created_at desc, id desc"
        );
        let parameters: Parameters<'_> = &[(&account.name().as_str(), Type::TEXT)];
        let rows = system.query_typed(&select, parameters).await?;
        rows.iter().map(Self::try_from).collect()
    }

    pub(crate) async fn create(
        system: &mut Client,
        account: &Account,
        name: &str,
        expiry: Expiry,
        minted: Minted,
    ) -> Result<Result<NewApiKey, KeyTooMany>, DatabaseError> {
        let transaction = system.transaction().await?;
        if let Err(too_many) = KeyTooMany::check(&transaction, "api_keys", account).await? {
            return Ok(Err(too_many));
        }
        let insert = format!(
            "insert into api_keys (account, name, hash, last8, created_by, expires_at) \
             values ($1, $2, $3, $4, $5, now() + $6::interval) returning {COLUMNS}"
        );
        let parameters: Parameters<'_> = &[
            (&account.name().as_str(), Type::TEXT),
            (&name, Type::TEXT),
            (&minted.hash.as_bytes(), Type::BYTEA),
            (&minted.last8, Type::TEXT),
            (&account.subject(), Type::TEXT),
            (&expiry.interval(), Type::TEXT),
        ];
        let row = transaction.query_typed_one(&insert, parameters).await?;
        let api_key = Self::try_from(&row)?;
        transaction.commit().await?;
        Ok(Ok(NewApiKey {
            api_key,
            key: minted.plaintext,
        }))
    }

    /// Changes what is said. A key that is disabled stays so since when it was; enabled again, it is as before.
    /// None where the account has no such key.
    pub(crate) async fn change(
        system: &Client,
        account: &Account,
        id: Uuid,
        name: Option<&str>,
        disabled: Option<bool>,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let update = format!(
            "update api_keys set name = coalesce($3, name), \
             disabled_at = case $4 when true then coalesce(disabled_at, now()) \
             when false then null else disabled_at end \
             where account = $1 and id = $2 returning {COLUMNS}"
        );
        let parameters: Parameters<'_> = &[
            (&account.name().as_str(), Type::TEXT),
            (&id, Type::UUID),
            (&name, Type::TEXT),
            (&disabled, Type::BOOL),
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
        let delete = "delete from api_keys where account = $1 and id = $2";
        let parameters: Parameters<'_> =
            &[(&account.name().as_str(), Type::TEXT), (&id, Type::UUID)];
        Ok(system.execute_typed(delete, parameters).await? == 1)
    }
}

impl TryFrom<&Row> for ApiKey {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            last8: row.try_get("last8")?,
            created_at: row.try_get("created_at")?,
            created_by: row.try_get("created_by")?,
            expires_at: row.try_get("expires_at")?,
            disabled_at: row.try_get("disabled_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}
