//! Keys on elliptic curves, and signatures with them as JWS has them: fixed length, not DER (RFC 7518 §3.4).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::SECRET_KEY_LENGTH;
use rsa::rand_core::{OsRng, RngCore};
use rsa::signature::Signer;
use serde_json::{Value, json};

use crate::random;

/// For ES256.
#[derive(Debug)]
pub(crate) struct P256 {
    kid: String,
    key: p256::ecdsa::SigningKey,
}

/// For ES384.
#[derive(Debug)]
pub(crate) struct P384 {
    kid: String,
    key: p384::ecdsa::SigningKey,
}

/// For EdDSA.
#[derive(Debug)]
pub(crate) struct Ed25519 {
    kid: String,
    key: ed25519_dalek::SigningKey,
}

// === impl P256 ===

impl P256 {
    pub fn generate() -> Self {
        Self {
            kid: random::id(),
            key: p256::ecdsa::SigningKey::random(&mut OsRng),
        }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.key.sign(text);
        signature.to_bytes().to_vec()
    }

    pub fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_encoded_point(false);
        json!({
            "use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.kid,
            "x": coordinate(point.x()), "y": coordinate(point.y()),
        })
    }
}

// === impl P384 ===

impl P384 {
    pub fn generate() -> Self {
        Self {
            kid: random::id(),
            key: p384::ecdsa::SigningKey::random(&mut OsRng),
        }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        let signature: p384::ecdsa::Signature = self.key.sign(text);
        signature.to_bytes().to_vec()
    }

    pub fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_encoded_point(false);
        json!({
            "use": "sig", "kty": "EC", "crv": "P-384", "alg": "ES384", "kid": self.kid,
            "x": coordinate(point.x()), "y": coordinate(point.y()),
        })
    }
}

// === impl Ed25519 ===

impl Ed25519 {
    pub fn generate() -> Self {
        let mut secret = [0; SECRET_KEY_LENGTH];
        OsRng.fill_bytes(&mut secret);
        Self {
            kid: random::id(),
            key: ed25519_dalek::SigningKey::from_bytes(&secret),
        }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.key.sign(text).to_vec()
    }

    pub fn jwk(&self) -> Value {
        let public = self.key.verifying_key().to_bytes();
        json!({
            "use": "sig", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self.kid,
            "x": BASE64_URL_SAFE_NO_PAD.encode(public),
        })
    }
}

/// One of an uncompressed point, which has both.
fn coordinate(bytes: Option<impl AsRef<[u8]>>) -> String {
    bytes.map_or_else(String::new, |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
