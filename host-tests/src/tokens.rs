//! Tokens of the issuer in [`crate::configuration`], signed with keys that are made for these tests.

mod keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::world::NOW;
pub(crate) use keys::Key;

/// All algorithms that the filter knows.
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// A token to be.
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: Key,
}

// === impl Token ===

impl Token {
    /// A token of a member of `acme`, good at the time at which a world begins and for ten minutes.
    pub fn good() -> Self {
        let (header, claims) = (
            json!({"alg": "RS256", "kid": "1"}),
            json!({
                "iss": "https://id.example.com", "aud": ["api"], "sub": "user-1",
                "iat": NOW - 10, "exp": NOW + 600, "accounts": ["acme"],
            }),
        );
        let members = |value: Value| value.as_object().unwrap().clone();
        Self {
            header: members(header),
            claims: members(claims),
            key: Key::Rsa1,
        }
    }

    /// The same, signed by any of [`ALGORITHMS`], by its key in [`full_key_set`].
    pub fn by(algorithm: &str) -> Self {
        let (key, id) = match algorithm {
            "RS256" => (Key::Rsa1, "1"),
            "ES256" => (Key::P256, "p256"),
            "ES384" => (Key::P384, "p384"),
            "EdDSA" => (Key::Ed25519, "ed25519"),
            _ => (Key::Rsa1, "rsa"),
        };
        let mut token = Self::good().header("alg", algorithm).header("kid", id);
        token.key = key;
        token
    }

    /// With another claim; `null` takes it away.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        change(&mut self.claims, name, value.into());
        self
    }

    /// With another header parameter; `null` takes it away.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        change(&mut self.header, name, value.into());
        self
    }

    /// Signed with the key of [`other_jwk`].
    #[must_use]
    pub fn other_key(mut self) -> Self {
        self.key = Key::Rsa2;
        self
    }

    /// The token in compact serialization.
    pub fn signed(&self) -> String {
        let signed = self.text();
        let algorithm = self.header.get("alg").and_then(Value::as_str);
        let signature = self
            .key
            .sign(algorithm.unwrap_or_default(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The token with a signature of nobody's: for tests that make thousands.
    pub fn unsigned(&self) -> String {
        format!("{}.{}", self.text(), URL_SAFE_NO_PAD.encode([1; 256]))
    }

    fn text(&self) -> String {
        let part = |members: &Map<String, Value>| {
            URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string())
        };
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}

fn change(members: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

/// The issuer's key, with this `kid`.
pub fn jwk(id: &str) -> Value {
    rs256(Key::Rsa1, id)
}

/// Another key, with this `kid`.
pub fn other_jwk(id: &str) -> Value {
    rs256(Key::Rsa2, id)
}

/// The issuer's key set: one key, `kid` 1.
pub fn key_set() -> Value {
    json!({ "keys": [jwk("1")] })
}

/// A set with a key for each of [`ALGORITHMS`]: the same RSA key again without `alg`, and one on each curve.
pub fn full_key_set() -> Value {
    json!({ "keys": [
        jwk("1"),
        Key::Rsa1.jwk("rsa"),
        Key::P256.jwk("p256"),
        Key::P384.jwk("p384"),
        Key::Ed25519.jwk("ed25519"),
    ] })
}

fn rs256(key: Key, id: &str) -> Value {
    let mut jwk = key.jwk(id);
    jwk["alg"] = json!("RS256");
    jwk
}
