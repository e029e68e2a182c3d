//! Whose an API key is, and whether it may be used now.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{API_KEY, LastUses, Pepper, Used};
use crate::database::{DatabaseError, Databases, Parameters, Turn};

/// Whoever showed an API key that may be used now. Only a look-up makes one.
#[derive(Clone, Debug)]
pub(crate) struct KeyHolder {
    key: Uuid,
    account: AccountName,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

/// Looks API keys up, in the system database.
#[derive(Clone)]
pub(crate) struct KeyHolders {
    databases: Databases,
    pepper: Pepper,
    uses: LastUses,
    turn: Turn,
}

/// The answer to an introspection request (RFC 7662 §2.2). Of a key that may not be used nothing is said, not even
/// why.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    active: bool,
    #[serde(flatten)]
    #[schema(value_type = Claims)]
    claims: Option<Claims>,
}

/// Of an active key all of it, of any other nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntrospectionClaims)]
struct Claims {
    #[schema(required = false)]
    sub: Uuid,
    #[schema(required = false)]
    account: String,
    #[schema(required = false)]
    iat: i64,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

// === impl KeyHolders ===

impl KeyHolders {
    pub(crate) fn new(databases: Databases, pepper: Pepper, uses: LastUses, turn: Turn) -> Self {
        Self {
            databases,
            pepper,
            uses,
            turn,
        }
    }

    /// Whoever has the key. None for one that is unknown, disabled, expired, of an account that is not active, or no
    /// key at all: about that, the database is not asked.
    pub(crate) async fn of_key(&self, text: &[u8]) -> Result<Option<KeyHolder>, DatabaseError> {
        let Some(hash) = self.pepper.hash_of_key(API_KEY, text) else {
            return Ok(None);
        };
        let select = "select id, account, api_keys.created_at, expires_at, now() as used_at \
                      from api_keys join accounts on accounts.name = account \
                      where hash = $1 and status = 'active' and disabled_at is null \
                      and (expires_at is null or expires_at > now())";
        let parameters: Parameters<'_> = &[(&hash.as_bytes(), Type::BYTEA)];
        let row = {
            let _turn = self.turn.take().await?;
            let system = self.databases.system().await?;
            system.query_typed_opt(select, parameters).await?
        };
        let Some(row) = row else {
            return Ok(None);
        };
        let Some(account) = AccountName::parse(row.try_get::<_, &str>("account")?.as_bytes())
        else {
            return Ok(None);
        };
        let holder = KeyHolder {
            key: row.try_get("id")?,
            account,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
        };
        let used_at = row.try_get("used_at")?;
        self.uses.note(Used::ApiKey, holder.key, used_at);
        Ok(Some(holder))
    }
}

// === impl KeyHolder ===

impl KeyHolder {
    /// The account that the key is for.
    pub(crate) fn account(&self) -> &AccountName {
        &self.account
    }
}

// === impl Introspection ===

impl From<Option<KeyHolder>> for Introspection {
    fn from(holder: Option<KeyHolder>) -> Self {
        Self {
            active: holder.is_some(),
            claims: holder.map(|holder| Claims {
                sub: holder.key,
                account: holder.account.to_string(),
                iat: holder.created_at.timestamp(),
                exp: holder.expires_at.map(|end| end.timestamp()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_says_all_or_nothing() {
        let holder = |expires_at| KeyHolder {
            key: Uuid::nil(),
            account: AccountName::parse(b"acme").unwrap(),
            created_at: DateTime::from_timestamp(1_000, 900_000_000).unwrap(),
            expires_at,
        };
        let answer =
            |holder: Option<KeyHolder>| serde_json::to_value(Introspection::from(holder)).unwrap();
        assert_eq!(answer(None), json!({"active": false}));
        let sub = "00000000-0000-0000-0000-000000000000";
        let mut expected = json!({"active": true, "sub": sub, "account": "acme", "iat": 1_000});
        assert_eq!(answer(Some(holder(None))), expected);
        // The whole second, so that no answer outlives the key.
        expected["exp"] = json!(2_000);
        let expires_at = DateTime::from_timestamp(2_000, 900_000_000);
        assert_eq!(answer(Some(holder(expires_at))), expected);
    }
}
