//! How keys are stored: as a hash that nobody can try keys against who has only the database.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tollgate_policy::api_key::ApiKey;

use crate::secrets::Secret;

/// The key of the hash, which is in no database. Never shown by `Debug`.
#[derive(Clone)]
pub(crate) struct Pepper(Hmac<Sha256>);

/// HMAC-SHA256 of a key's whole text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyHash([u8; 32]);

// === impl Pepper ===

impl Pepper {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(secret.keyed_hash())
    }

    pub(crate) fn hash(&self, text: &[u8]) -> KeyHash {
        let hash = self.0.clone().chain_update(text).finalize();
        KeyHash(hash.into_bytes().into())
    }

    /// The hash of what may be a key; none for text that is none, about which no database needs to be asked.
    pub(crate) fn hash_of_key(&self, prefix: &str, text: &[u8]) -> Option<KeyHash> {
        match ApiKey::read(prefix, text) {
            Some(Ok(_)) => Some(self.hash(text)),
            Some(Err(_)) | None => None,
        }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

// === impl KeyHash ===

impl KeyHash {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_hash_stays_what_it_is() {
        // Another one would make all stored keys unknown. Computed with openssl.
        let pepper = Pepper::new(&Secret::of_test(b'x'));
        let hash = pepper.hash(b"sk_live_acme_04hRzgefUy8S7YcHUrJGoeiJTKldGueU33OtP6E");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(hash.0),
            "ANBlQyYbYiJuYdn07wQ7J_BgqL2Cp9EXYANlJYE0Lf8"
        );
        assert!(Pepper::new(&Secret::of_test(b'y')).hash(b"") != pepper.hash(b""));
    }

    #[test]
    fn only_whole_keys_are_hashed() {
        let pepper = Pepper::new(&Secret::of_test(b'x'));
        let key = ApiKey::write("sk_live_", "acme", &[7; 24]);
        let hashed = |prefix, text: &str| pepper.hash_of_key(prefix, text.as_bytes()).is_some();
        assert!(hashed("sk_live_", &key));
        assert!(!hashed("pk_live_", &key));
        assert!(!hashed("sk_live_", &key.replace("acme", "acne")));
        assert!(!hashed("sk_live_", "eyJ"));
        assert!(!hashed("sk_live_", ""));
    }
}
