//! The service account, for programs that call the API: its key, its secret, and what its tokens say.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::keys::{KeyError, RsaKey};
use super::token::Draft;
use crate::random;

/// How far a clock may be off, in seconds.
const LEEWAY: u64 = 60;

/// How old an assertion may be, in seconds.
const OLDEST: u64 = 3600;

/// A service account, a member of `acme`.
#[derive(Debug)]
pub(super) struct Robot {
    user_id: String,
    key: RsaKey,
    client_secret: String,
}

/// What the account says of itself, signed with its key (RFC 7523 §3).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    iat: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// The client's name.
const CLIENT_ID: &str = "acme-robot";

// === impl Robot ===

impl Robot {
    pub(super) fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            user_id: random::id(),
            key: RsaKey::generate()?,
            client_secret: random::hex(24),
        })
    }

    /// What Zitadel's console hands out, and both forms in one.
    pub(super) fn key_file(&self) -> Value {
        json!({
            "type": "serviceaccount",
            "keyId": self.key.kid(),
            "key": self.key.private_pem(),
            "userId": self.user_id,
            "client_id": CLIENT_ID,
            "client_secret": self.client_secret,
        })
    }

    /// What its tokens say.
    pub(super) fn draft(&self) -> Draft {
        Draft::member("acme")
            .claim("sub", json!(self.user_id))
            .claim("email", Value::Null)
            .claim("auth_time", Value::Null)
            .claim("client_id", json!(CLIENT_ID))
    }

    pub(super) fn has_secret(&self, client_id: &str, client_secret: &str) -> bool {
        client_id == CLIENT_ID && client_secret == self.client_secret
    }

    /// Checks an assertion of the account's own.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn check(
        &self,
        assertion: &str,
        issuer: &str,
        now: u64,
    ) -> Result<(), &'static str> {
        let malformed = "the assertion is not a signed JWT";
        let (text, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = text.split_once('.').ok_or(malformed)?;
        let header: Header = part(header).ok_or(malformed)?;
        let signature = BASE64_URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| malformed)?;
        if header.alg != "RS256" {
            return Err("the assertion must be signed by RS256");
        }
        if header.kid != self.key.kid() {
            return Err("the assertion's kid is not the account's key");
        }
        if !self.key.verifies_rs256(text.as_bytes(), &signature) {
            return Err("the assertion's signature is wrong");
        }
        let claims: Claims =
            part(claims).ok_or("the assertion needs iss, sub, aud, exp and iat")?;
        if claims.iss != self.user_id || claims.sub != self.user_id {
            return Err("the assertion's iss and sub must be the account's userId");
        }
        if !claims.aud.contains(issuer) {
            return Err("the assertion's aud must be the issuer");
        }
        if claims.exp <= now || claims.iat + OLDEST < now {
            return Err("the assertion has expired");
        }
        if claims.iat > now + LEEWAY {
            return Err("the assertion is from the future");
        }
        Ok(())
    }
}

// === impl Audience ===

impl Audience {
    fn contains(&self, issuer: &str) -> bool {
        match self {
            Self::One(one) => one == issuer,
            Self::Several(several) => several.iter().any(|one| one == issuer),
        }
    }
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&bytes).ok()
}
