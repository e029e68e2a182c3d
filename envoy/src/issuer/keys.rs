//! The issuer's current keys: one of each type, so that there is one for every algorithm.

mod curves;
mod rsa;

use serde_json::{Value, json};

use crate::random;
use curves::{Ed25519, P256, P384};
pub(super) use rsa::{KeyError, RsaKey};

/// All algorithms that the issuer signs by (RFC 7518 §3.1, RFC 8037).
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// One key of each type.
#[derive(Debug)]
pub(super) struct Keys {
    rsa: RsaKey,
    /// Another id of the RSA key. Zitadel's entry for it says `alg: RS256`, so it is good for nothing else; this one
    /// says nothing, and is good for all that RSA can do.
    rsa_for_others: String,
    p256: P256,
    p384: P384,
    ed25519: Ed25519,
}

// === impl Keys ===

impl Keys {
    pub(super) fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            rsa: RsaKey::generate()?,
            rsa_for_others: random::id(),
            p256: P256::generate(),
            p384: P384::generate(),
            ed25519: Ed25519::generate(),
        })
    }

    /// The id of the key that signs by `algorithm`; of the one for RS256 where there is no such algorithm.
    pub(super) fn kid(&self, algorithm: &str) -> &str {
        match algorithm {
            "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => &self.rsa_for_others,
            "ES256" => self.p256.kid(),
            "ES384" => self.p384.kid(),
            "EdDSA" => self.ed25519.kid(),
            _ => self.rsa.kid(),
        }
    }

    /// A signature by `algorithm`; by RS256 where there is no such algorithm.
    ///
    /// `none` leaves it empty. `HS256` is what a verifier accepts that takes a public key for a shared secret: keyed
    /// with the RSA key's PEM.
    pub(super) fn sign(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        match algorithm {
            "none" => Vec::new(),
            "HS256" => self.rsa.confused_hs256(text),
            "RS384" => self.rsa.rs384(text),
            "RS512" => self.rsa.rs512(text),
            "PS256" => self.rsa.ps256(text),
            "PS384" => self.rsa.ps384(text),
            "PS512" => self.rsa.ps512(text),
            "ES256" => self.p256.sign(text),
            "ES384" => self.p384.sign(text),
            "EdDSA" => self.ed25519.sign(text),
            _ => self.rsa.rs256(text),
        }
    }

    /// The key set (RFC 7517), Zitadel's own key first.
    pub(super) fn set(&self) -> Value {
        json!({"keys": [
            self.rsa.jwk(),
            self.rsa.jwk_without_algorithm(&self.rsa_for_others),
            self.p256.jwk(),
            self.p384.jwk(),
            self.ed25519.jwk(),
        ]})
    }
}
