//! The issuer's public keys: a JWK set (RFC 7517 §5), read into what verifies signatures.

mod rsa;

use serde_json::{Map, Value};
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::json;

/// The largest key set that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Keys that can verify something; never empty.
#[derive(Debug)]
pub struct KeySet(Vec<Arc<Key>>);

/// A key.
#[derive(Debug, PartialEq)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    public: PublicKey,
}

/// A public key as SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7), the form in which Envoy takes it.
#[derive(Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

/// Why a key set is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Larger than [`MAX_BYTES`].
    #[error("the key set has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// Not a JSON object with a list `keys`.
    #[error("not a JWK set: {0}")]
    NotAKeySet(String),
    /// No key in it can be used; the reason given is the last key's.
    #[error("no usable key among {found}: {reason}")]
    NoUsableKey {
        /// How many keys there were.
        found: usize,
        /// Why the last of them cannot be used.
        reason: String,
    },
}

/// Why one key cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("`{0}` is missing or not a string")]
    Member(&'static str),
    #[error("`kty` {0:?} is not supported; RSA is")]
    KeyType(String),
    #[error("`use` or `key_ops` does not allow verifying")]
    Use,
    #[error("`alg` {0:?} is not supported; RS256 is")]
    Algorithm(String),
    #[error("the RSA key is not usable: {0}")]
    Rsa(&'static str),
}

// === impl KeySet ===

impl KeySet {
    /// Reads a JWK set from its text. Keys that cannot be used are passed over.
    ///
    /// # Errors
    ///
    /// The text is no key set, too large, or has no usable key.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge(text.len()));
        }
        let set = json::object(text).map_err(|error| KeySetError::NotAKeySet(error.to_string()))?;
        Self::from_object(&set)
    }

    /// Reads a JWK set that is already JSON.
    ///
    /// # Errors
    ///
    /// As [`KeySet::parse`].
    pub fn from_object(set: &Map<String, Value>) -> Result<Self, KeySetError> {
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err(KeySetError::NotAKeySet("no list `keys`".to_owned()));
        };
        let mut keys = Vec::new();
        let mut reason = "the list is empty".to_owned();
        for jwk in listed {
            match Key::from_jwk(jwk) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(unusable) => reason = unusable.to_string(),
            }
        }
        if keys.is_empty() {
            let found = listed.len();
            return Err(KeySetError::NoUsableKey { found, reason });
        }
        Ok(Self(keys))
    }

    /// Whether this very key is in the set, not only an equal one: see [`KeySet::sharing`].
    pub fn contains(&self, key: &Arc<Key>) -> bool {
        self.0.iter().any(|one| Arc::ptr_eq(one, key))
    }

    /// The same set, in which keys that `previous` has too are the very same.
    #[must_use]
    pub fn sharing(mut self, previous: &Self) -> Self {
        for key in &mut self.0 {
            if let Some(same) = previous.0.iter().find(|one| *one == key) {
                *key = Arc::clone(same);
            }
        }
        self
    }

    /// How many keys there are.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for a token: the one with its `kid`, or, for a token that has none, the only one there is.
    pub fn find(&self, algorithm: Algorithm, key_id: Option<&str>) -> Option<&Arc<Key>> {
        let mut candidates = self
            .0
            .iter()
            .filter(|key| key.algorithm == algorithm)
            .filter(|key| key_id.is_none() || key.id.as_deref() == key_id);
        let key = candidates.next()?;
        let only = key_id.is_some() || candidates.next().is_none();
        only.then_some(key)
    }
}

// === impl Key ===

impl Key {
    /// What verifies its signatures.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
    fn from_jwk(jwk: &Value) -> Result<Self, Unusable> {
        let text = |name| match jwk.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(Unusable::Member(name)),
        };
        match text("kty")? {
            "RSA" => {}
            other => return Err(Unusable::KeyType(other.to_owned())),
        }
        if !may_verify(jwk) {
            return Err(Unusable::Use);
        }
        let algorithm = match jwk.get("alg") {
            None => Algorithm::Rs256,
            Some(_) => Algorithm::parse(text("alg")?)
                .ok_or_else(|| Unusable::Algorithm(text("alg").unwrap_or_default().to_owned()))?,
        };
        let id = match jwk.get("kid") {
            None => None,
            Some(_) => Some(text("kid")?.to_owned()),
        };
        let spki = rsa::spki(text("n")?, text("e")?).map_err(Unusable::Rsa)?;
        Ok(Self {
            id,
            algorithm,
            public: PublicKey { spki },
        })
    }
}

/// `use` (RFC 7517 §4.2) and `key_ops` (§4.3), where they are given, must allow verifying a signature.
fn may_verify(jwk: &Value) -> bool {
    let used = jwk.get("use").is_none_or(|intended| intended == "sig");
    let operations = jwk.get("key_ops").is_none_or(|operations| {
        operations
            .as_array()
            .is_some_and(|list| list.iter().any(|operation| operation == "verify"))
    });
    used && operations
}

// === impl PublicKey ===

impl PublicKey {
    /// The key in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{RSA_1024_N, RSA_N, jwk};
    use proptest::prelude::*;
    use serde_json::json;

    fn set(keys: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_found_by_its_id() {
        let keys = set(&json!([jwk("1"), jwk("2")])).unwrap();
        assert!(keys.find(Algorithm::Rs256, Some("2")).is_some());
        assert!(keys.find(Algorithm::Rs256, Some("3")).is_none());
    }

    #[test]
    fn without_an_id_only_a_single_key_will_do() {
        let one = set(&json!([jwk("1")])).unwrap();
        assert!(one.find(Algorithm::Rs256, None).is_some());
        let two = set(&json!([jwk("1"), jwk("2")])).unwrap();
        assert!(two.find(Algorithm::Rs256, None).is_none());
    }

    #[test]
    fn unusable_keys_do_not_spoil_the_others() {
        let keys = json!([1, {}, {"kty": "EC", "crv": "P-256"}, jwk("1")]);
        assert!(
            set(&keys)
                .unwrap()
                .find(Algorithm::Rs256, Some("1"))
                .is_some()
        );
    }

    #[test]
    fn a_key_must_be_for_verifying_and_strong() {
        let base = jwk("1");
        let with = |name: &str, value: Value| {
            let mut jwk = base.clone();
            jwk[name] = value;
            jwk
        };
        let table = [
            (with("kty", json!("oct")), "`kty` \"oct\""),
            (with("use", json!("enc")), "does not allow"),
            (with("key_ops", json!(["encrypt"])), "does not allow"),
            (with("key_ops", json!("verify")), "does not allow"),
            (with("alg", json!("HS256")), "`alg` \"HS256\""),
            (with("alg", json!("RSA-OAEP")), "`alg` \"RSA-OAEP\""),
            (with("kid", json!(1)), "`kid`"),
            (with("n", json!(RSA_1024_N)), "2048"),
            (with("n", json!(format!("{RSA_N}="))), "base64url"),
            (with("e", json!("")), "exponent"),
            (with("e", json!("AQ")), "exponent"),
            (with("e", json!("Ag")), "exponent"),
        ];
        for (jwk, expected) in table {
            let error = set(&json!([jwk])).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        let large = vec![b' '; MAX_BYTES + 1];
        assert_eq!(
            KeySet::parse(&large).err(),
            Some(KeySetError::TooLarge(MAX_BYTES + 1))
        );
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            "<html>",
            r#"{"keys":[],"keys":[]}"#,
        ] {
            let error = KeySet::parse(text.as_bytes()).expect_err(text);
            assert!(
                matches!(error, KeySetError::NotAKeySet(_)),
                "{text}: {error}"
            );
        }
        let empty = KeySet::parse(br#"{"keys":[]}"#).expect_err("empty");
        assert!(matches!(empty, KeySetError::NoUsableKey { found: 0, .. }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = KeySet::parse(&text);
        }

        #[test]
        fn any_members_are_answered(n in "[A-Za-z0-9_=-]{0,12}", e in "[A-Za-z0-9_=-]{0,12}") {
            let _ = set(&json!([{"kty": "RSA", "n": n, "e": e}]));
        }
    }
}
