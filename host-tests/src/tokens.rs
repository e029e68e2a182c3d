//! Tokens of the issuer in [`crate::configuration`], signed with keys that are made for these tests.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
#[cfg(test)]
use rsa::pkcs8::EncodePublicKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Map, Value, json};

use crate::world::NOW;

/// A token to be.
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: usize,
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
            key: 1,
        }
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
        self.key = 2;
        self
    }

    /// The token in compact serialization.
    pub fn signed(&self) -> String {
        let part = |members: &Map<String, Value>| {
            URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string())
        };
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(self.key, signed.as_bytes()));
        format!("{signed}.{signature}")
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
    public_jwk(1, id)
}

/// Another key, with this `kid`.
pub fn other_jwk(id: &str) -> Value {
    public_jwk(2, id)
}

/// The issuer's key set: one key, `kid` 1.
pub fn key_set() -> Value {
    json!({ "keys": [jwk("1")] })
}

fn public_jwk(number: usize, id: &str) -> Value {
    let encode = |part: &rsa::BigUint| URL_SAFE_NO_PAD.encode(part.to_bytes_be());
    let key = key(number);
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
        "n": encode(key.n()), "e": encode(key.e()),
    })
}

pub(crate) fn sign(number: usize, text: &[u8]) -> Vec<u8> {
    SigningKey::<Sha256>::new(key(number).clone())
        .sign(text)
        .to_vec()
}

/// The key as SubjectPublicKeyInfo.
#[cfg(test)]
pub(crate) fn public_key(number: usize) -> Vec<u8> {
    let key = key(number).to_public_key();
    key.to_public_key_der().unwrap().into_vec()
}

fn key(number: usize) -> &'static RsaPrivateKey {
    static KEYS: [OnceLock<RsaPrivateKey>; 2] = [OnceLock::new(), OnceLock::new()];
    const PEM: [&str; 2] = [
        include_str!("../keys/test-only-1.pem"),
        include_str!("../keys/test-only-2.pem"),
    ];
    let read = || {
        let pem = PEM[number - 1];
        let begin = pem.find("-----BEGIN").unwrap();
        RsaPrivateKey::from_pkcs8_pem(&pem[begin..]).unwrap()
    };
    KEYS[number - 1].get_or_init(read)
}
