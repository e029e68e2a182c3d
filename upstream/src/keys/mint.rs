//! A new key: its text, for the one who asked, and what is stored of it.

use std::fmt;

use serde::{Serialize, Serializer};
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use tollgate_policy::api_key::{ApiKey, ENTROPY};
use zeroize::Zeroizing;

use super::{KeyHash, MOST, Pepper};
use crate::database::DatabaseError;
use crate::identity::Account;
use crate::problem::Problem;

/// Characters at the end of a key that lists show.
const SHOWN: usize = 8;

/// A key that nobody has yet.
pub(crate) struct Minted {
    pub(crate) plaintext: Plaintext,
    pub(crate) hash: KeyHash,
    pub(crate) last8: String,
}

/// The text of a key: shown once, in the answer to whoever made it, and nowhere else.
pub(crate) struct Plaintext(Zeroizing<String>);

/// The account has as many keys as it can have.
pub(crate) struct KeyTooMany;

// === impl Minted ===

impl Minted {
    /// # Errors
    ///
    /// The operating system gives no random bytes.
    pub(crate) fn new(
        prefix: &str,
        account: &Account,
        pepper: &Pepper,
    ) -> Result<Self, getrandom::Error> {
        let mut entropy = Zeroizing::new([0; ENTROPY]);
        getrandom::fill(entropy.as_mut_slice())?;
        let text = Zeroizing::new(ApiKey::write(prefix, account.name().as_str(), &entropy));
        let last8 = text.split_at_checked(text.len().saturating_sub(SHOWN));
        Ok(Self {
            hash: pepper.hash(text.as_bytes()),
            last8: last8.map_or_else(String::new, |(_, last)| last.to_owned()),
            plaintext: Plaintext(text),
        })
    }
}

// === impl Plaintext ===

impl Serialize for Plaintext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(…)")
    }
}

// === impl KeyTooMany ===

impl KeyTooMany {
    /// Makes room for one more key, in `table`: until the transaction ends, nobody else makes one for the account. Outer
    /// error: the database's, or there is no such account now.
    pub(crate) async fn check(
        transaction: &Transaction<'_>,
        table: &'static str,
        account: &Account,
    ) -> Result<Result<(), Self>, DatabaseError> {
        let account: &[_] = &[(&account.name().as_str() as _, Type::TEXT)];
        let lock = "select from accounts where name = $1 and status = 'active' for no key update";
        let row = transaction.query_typed_opt(lock, account).await?;
        row.ok_or(DatabaseError::Unknown)?;
        let count = format!("select count(*) from {table} where account = $1");
        let row = transaction.query_typed_one(&count, account).await?;
        let keys: i64 = row.try_get(0)?;
        Ok(if keys < MOST { Ok(()) } else { Err(Self) })
    }
}

impl From<KeyTooMany> for Problem {
    fn from(_: KeyTooMany) -> Self {
        Self::new(
            axum::http::StatusCode::CONFLICT,
            "keys_too_many",
            format!("the account has {MOST} keys, as many as it can have; delete one first"),
        )
    }
}
