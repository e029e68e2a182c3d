//! The issuer's public keys: a JWK set (RFC 7517 §5), read into what verifies signatures.

mod ec;
mod jwk;
mod okp;
mod rsa;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::rsa::RsaPublicKey;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use tollgate_config::quoted;

/// The largest key set that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most keys that a set may have, usable or not. Each is checked where requests are served, and compared with those
/// of the set before.
pub const MAX_KEYS: usize = 200;

/// Keys that can verify something; never empty.
#[derive(Debug)]
pub struct KeySet(Vec<Arc<Key>>);

/// A JWK set whose keys have not been looked at (RFC 7517 §5). Other members mean nothing.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// One key, and what the issuer lets it be used for.
#[derive(Debug, PartialEq)]
pub struct Key {
    id: Option<String>,
    /// The only algorithm that it is for; none: any that fits it.
    algorithm: Option<Algorithm>,
    public: PublicKey,
}

/// A public key, checked, and ready to verify with.
#[derive(Debug, PartialEq)]
pub struct PublicKey {
    /// Read once, when the set is loaded: checking that a point is on its curve does all the work anyway, and a key
    /// then holds some hundred bytes more.
    pub(crate) material: Material,
    spki: Option<Vec<u8>>,
}

/// What the verifying code of each kind of key needs.
#[derive(Debug, PartialEq)]
pub(crate) enum Material {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// Why a key set is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Larger than [`MAX_BYTES`].
    #[error("the key set has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// More than [`MAX_KEYS`].
    #[error("the key set has {0} keys, more than {MAX_KEYS}")]
    TooMany(usize),
    /// Something else altogether: an HTML page, say.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object with a list `keys`.
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

// === impl KeySet ===

impl KeySet {
    /// Reads a JWK set from its text. Keys that cannot be used are passed over.
    ///
    /// # Errors
    ///
    /// The text is no key set, too large, has too many keys, or none that can be used.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge(text.len()));
        }
        let Raw { keys } = serde_json::from_slice(text).map_err(|error| {
            // serde repeats what it found, however long that is.
            let why = quoted(&error.to_string(), 200);
            match error.classify() {
                Category::Data => KeySetError::NotAKeySet(why),
                Category::Io | Category::Syntax | Category::Eof => KeySetError::NotJson(why),
            }
        })?;
        // Serde would take a list for an object whose members come in order.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(KeySetError::NotAKeySet("a list".to_owned()));
        }
        // Each by itself: one that is no good must not spoil the others.
        Self::of(keys.iter().map(|key| jwk::parse(key.get())))
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
        Self::of(listed.iter().map(jwk::read))
    }

    fn of(
        listed: impl ExactSizeIterator<Item = Result<Key, jwk::Unusable>>,
    ) -> Result<Self, KeySetError> {
        let found = listed.len();
        if found > MAX_KEYS {
            return Err(KeySetError::TooMany(found));
        }
        let mut keys = Vec::new();
        let mut reason = "the list is empty".to_owned();
        for key in listed {
            match key {
                Ok(key) => keys.push(Arc::new(key)),
                Err(unusable) => reason = unusable.to_string(),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey { found, reason });
        }
        Ok(Self(keys))
    }

    /// The key for a token: the first with its `kid`, or, for a token that has none, the only one there is. Of
    /// either, only keys that may be used with its algorithm count.
    pub fn find(&self, algorithm: Algorithm, key_id: Option<&str>) -> Option<&Arc<Key>> {
        let mut candidates = self
            .0
            .iter()
            .filter(|key| key.allows(algorithm))
            .filter(|key| key_id.is_none() || key.id.as_deref() == key_id);
        let key = candidates.next()?;
        let only = key_id.is_some() || candidates.next().is_none();
        only.then_some(key)
    }

    /// Whether this very key is in the set: read with it, or taken over by [`KeySet::sharing`].
    pub fn contains(&self, key: &Arc<Key>) -> bool {
        self.0.iter().any(|own| Arc::ptr_eq(own, key))
    }

    /// The same set, where keys that were in `previous` already are the very ones of `previous`. What was verified
    /// with a key then stays verified for as long as the issuer publishes it.
    #[must_use]
    pub fn sharing(mut self, previous: &Self) -> Self {
        for key in &mut self.0 {
            if let Some(known) = previous.0.iter().find(|known| *known == key) {
                *key = Arc::clone(known);
            }
        }
        self
    }

    /// How many keys can be used; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

// === impl Key ===

impl Key {
    /// The key itself.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A key is for one algorithm, or one kind of key: a token must not choose another (RFC 8725 §3.1).
    fn allows(&self, algorithm: Algorithm) -> bool {
        self.public.fits(algorithm) && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// The key as SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7), the form in which Envoy takes it; none for
    /// Ed25519, with which Envoy does not verify.
    pub fn spki(&self) -> Option<&[u8]> {
        self.spki.as_deref()
    }

    /// Whether signatures of this algorithm are made with keys of this type.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self.material {
            Material::Rsa(_) => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Material::P256(_) => algorithm == Es256,
            Material::P384(_) => algorithm == Es384,
            Material::Ed25519(_) => algorithm == EdDsa,
        }
    }
}
