//! One JSON Web Key (RFC 7517 §4): what it says of itself, and which kind of key it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Key, PublicKey, ec, okp, rsa};
use crate::algorithm::Algorithm;
use crate::json;
use tollgate_config::quoted;

/// Members that only a private or a secret key has (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Why one key cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is not one JSON object: {0}")]
    Text(String),
    #[error("`{0}` is missing or not a string")]
    Member(&'static str),
    #[error("`{0}` is not base64url without padding")]
    Base64(&'static str),
    #[error("`kty` {0:?} is not supported; RSA, EC and OKP are")]
    KeyType(String),
    #[error("`crv` {curve:?} is not supported; {supported}")]
    Curve {
        curve: String,
        supported: &'static str,
    },
    #[error("`use` or `key_ops` does not allow verifying")]
    Use,
    #[error("`alg` {name:?} is not supported; {} are", Algorithm::ALL.map(Algorithm::as_str).join(", "))]
    Algorithm { name: String },
    #[error("`alg` {} is not for a key of its type", .0.as_str())]
    OtherType(Algorithm),
    #[error("`{0}` is part of the private key: whoever has read this set can sign with it")]
    Private(&'static str),
    #[error("the {0} key is not usable: {1}")]
    Material(&'static str, &'static str),
}

/// Reads a key from its text.
///
/// # Errors
///
/// As [`read`], and what stands against the text: a repeated member, say.
pub(super) fn parse(text: &str) -> Result<Key, Unusable> {
    let jwk = json::object(text.as_bytes()).map_err(|error| Unusable::Text(error.to_string()))?;
    read(&Value::Object(jwk))
}

/// Reads a key that may be used for verifying.
///
/// # Errors
///
/// What stands against it.
pub(super) fn read(jwk: &Value) -> Result<Key, Unusable> {
    let read_public: fn(&Value) -> Result<PublicKey, Unusable> = match text(jwk, "kty")? {
        "RSA" => rsa::read,
        "EC" => ec::read,
        "OKP" => okp::read,
        other => return Err(Unusable::KeyType(beginning(other))),
    };
    if !may_verify(jwk) {
        return Err(Unusable::Use);
    }
    let algorithm = optional(jwk, "alg")?
        .map(|name| {
            Algorithm::parse(name).ok_or_else(|| Unusable::Algorithm {
                name: beginning(name),
            })
        })
        .transpose()?;
    let id = optional(jwk, "kid")?.map(str::to_owned);
    let published = |member: &&str| jwk.get(member).is_some();
    if let Some(member) = PRIVATE_MEMBERS.into_iter().find(published) {
        return Err(Unusable::Private(member));
    }
    let public = read_public(jwk)?;
    match algorithm {
        Some(algorithm) if !public.fits(algorithm) => Err(Unusable::OtherType(algorithm)),
        _ => Ok(Key {
            id,
            algorithm,
            public,
        }),
    }
}

/// As much of a name as fits a line of a log.
pub(super) fn beginning(name: &str) -> String {
    quoted(name, 40)
}

/// A member that must be there.
pub(super) fn text<'a>(jwk: &'a Value, name: &'static str) -> Result<&'a str, Unusable> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(Unusable::Member(name))
}

/// The bytes that a member has in base64url.
pub(super) fn bytes(jwk: &Value, name: &'static str) -> Result<Vec<u8>, Unusable> {
    URL_SAFE_NO_PAD
        .decode(text(jwk, name)?)
        .map_err(|_| Unusable::Base64(name))
}

fn optional<'a>(jwk: &'a Value, name: &'static str) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(_) => text(jwk, name).map(Some),
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
