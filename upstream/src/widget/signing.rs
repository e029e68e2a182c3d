//! The key that signs the widget's tokens: derived, so that all instances with the same secret have the same.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use jwt_compact::{Algorithm, AlgorithmSignature};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use zeroize::Zeroizing;

use crate::secrets::Secret;

/// What the secret is used for here. Another text would be another key.
const PURPOSE: &[u8] = b"tollgate widget tokens ES256 1";

/// The key, and its name. Never shown by `Debug`.
#[derive(Clone)]
pub(crate) struct WidgetSecret {
    key: SigningKey,
    id: String,
}

/// ES256 (RFC 7518 §3.4).
pub(super) struct Es256;

/// r and s, 32 bytes each.
pub(super) struct Es256Signature(Signature);

// === impl WidgetSecret ===

impl WidgetSecret {
    pub(crate) fn new(secret: &Secret) -> Self {
        let key = derived(secret);
        let id = thumbprint(key.verifying_key());
        Self { key, id }
    }

    pub(super) fn signing(&self) -> &SigningKey {
        &self.key
    }

    pub(super) fn verifying(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// The `kid` (RFC 7515 §4.1.4).
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The public half (RFC 7517 §5), for whoever verifies the tokens.
    pub(crate) fn key_set(&self) -> Value {
        let [x, y] = coordinates(self.verifying());
        let key = json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y,
            "kid": self.id, "use": "sig", "alg": "ES256",
        });
        json!({"keys": [key]})
    }
}

impl fmt::Debug for WidgetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WidgetSecret(…)")
    }
}

/// By HMAC of a counter (as in RFC 5869 §2.3), until it is a private key: all but one of 2^32 are.
fn derived(secret: &Secret) -> SigningKey {
    let hash = secret.keyed_hash().chain_update(PURPOSE);
    let mut counter = 0_u32;
    loop {
        let candidate = hash.clone().chain_update(counter.to_be_bytes()).finalize();
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(candidate.into_bytes().into());
        if let Ok(key) = SigningKey::from_slice(bytes.as_slice()) {
            return key;
        }
        counter = counter.wrapping_add(1);
    }
}

/// RFC 7638 §3.
fn thumbprint(key: &VerifyingKey) -> String {
    let [x, y] = coordinates(key);
    let json = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(json))
}

/// Base64url, as a JWK has them.
fn coordinates(key: &VerifyingKey) -> [String; 2] {
    let point = key.to_encoded_point(false);
    let encoded = |coordinate: Option<&p256::FieldBytes>| {
        coordinate.map_or_else(String::new, |bytes| URL_SAFE_NO_PAD.encode(bytes))
    };
    [encoded(point.x()), encoded(point.y())]
}

// === impl Es256 ===

impl Algorithm for Es256 {
    type SigningKey = SigningKey;
    type VerifyingKey = VerifyingKey;
    type Signature = Es256Signature;

    fn name(&self) -> Cow<'static, str> {
        "ES256".into()
    }

    fn sign(&self, key: &SigningKey, message: &[u8]) -> Es256Signature {
        Es256Signature(key.sign(message))
    }

    fn verify_signature(
        &self,
        signature: &Es256Signature,
        key: &VerifyingKey,
        message: &[u8],
    ) -> bool {
        key.verify(message, &signature.0).is_ok()
    }
}

// === impl Es256Signature ===

impl AlgorithmSignature for Es256Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(bytes: &[u8]) -> anyhow::Result<Self> {
        // Its error says nothing and, without its own `std`, is no error.
        let signature = Signature::from_slice(bytes);
        signature
            .map(Self)
            .map_err(|error| anyhow::anyhow!(error.to_string()))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        self.0.to_bytes().to_vec().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_key() {
        let key = |byte| WidgetSecret::new(&Secret::of_test(byte));
        assert_eq!(key(1).key_set(), key(1).key_set());
        assert_ne!(key(1).id(), key(2).id());
        // Another one would end all tokens, and part instances of two versions. Computed by another program.
        assert_eq!(key(1).id(), "U2kItwdav2-7sdonxF7k-NkdhWhmpuRg6nnfpw5SEMU");
        assert_eq!(format!("{:?}", key(1)), "WidgetSecret(…)");
        let shown = key(1).key_set().to_string();
        assert!(!shown.contains("\"d\""), "{shown}");
    }
}
