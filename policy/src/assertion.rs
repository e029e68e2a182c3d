//! The signed statement by which the upstream knows what the gate decided.
//!
//! A compact JWT (RFC 7519), HS256 (RFC 7518 §3.2) with a key that only the gate and the upstream have. The
//! upstream believes this and nothing else: headers can be forged by whoever reaches its port.

mod kept;

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{AlgorithmExt, Claims, Header, UntrustedToken};
use serde::{Deserialize, Serialize};

pub use self::kept::{Kept, Signed};
use crate::account::AccountName;

/// The request header that carries the assertion.
pub const HEADER: &str = "x-tollgate-assertion";

/// The shortest key, in bytes: as long as the hash (RFC 7518 §3.2).
pub const MINIMUM_KEY_BYTES: usize = 32;

const ISSUER: &str = "tollgate";

/// The key that signs and verifies assertions. Never shown by `Debug`.
pub struct AssertionKey(Hs256Key);

/// Who the gate says is calling, and for which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The account that the request is for.
    pub account: AccountName,
    /// The token's `sub`.
    pub subject: String,
    /// True on an admin route, for an administrator who asked for it with `X-Admin: true`.
    pub admin: bool,
    /// What the caller showed.
    pub credential: CredentialKind,
}

/// The kinds of credential that the gate verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// An OIDC token.
    Jwt,
    /// A token of an issuer whose tokens are accepted on chosen routes only.
    RestrictedJwt,
    /// A long-lived key, or another credential that its issuer was asked about.
    ApiKey,
}

/// The key has fewer than [`MINIMUM_KEY_BYTES`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the assertion key has {0} bytes; it needs at least {MINIMUM_KEY_BYTES}")]
pub struct WeakKey(usize);

/// Why an assertion is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Not a JWT, not HS256, or signed with another key.
    #[error("the assertion is not signed with the gate's key")]
    Signature,
    /// `exp` is missing or has come.
    #[error("the assertion has expired")]
    Expired,
    /// Made for another upstream, or by another issuer.
    #[error("the assertion is for another audience")]
    Audience,
    /// Signed with the right key, and yet without the claims that the gate writes.
    #[error("the assertion's claims are not the gate's")]
    Claims,
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    iss: Cow<'a, str>,
    aud: Cow<'a, str>,
    sub: Cow<'a, str>,
    account: Cow<'a, str>,
    admin: bool,
    credential: CredentialKind,
}

// === impl AssertionKey ===

impl AssertionKey {
    /// A key from its bytes.
    ///
    /// # Errors
    ///
    /// [`WeakKey`] under [`MINIMUM_KEY_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, WeakKey> {
        if bytes.len() < MINIMUM_KEY_BYTES {
            return Err(WeakKey(bytes.len()));
        }
        Ok(Self(Hs256Key::new(bytes)))
    }

    /// Signs `assertion` for `audience`, from `now` (seconds since the Unix epoch) for `ttl` seconds.
    ///
    /// Nothing is returned for a time that no calendar has.
    pub fn sign(
        &self,
        assertion: &Assertion,
        audience: &str,
        now: u64,
        ttl: u32,
    ) -> Option<String> {
        let issued_at = timestamp(now)?;
        let mut claims = Claims::new(Body {
            iss: ISSUER.into(),
            aud: audience.into(),
            sub: assertion.subject.as_str().into(),
            account: assertion.account.as_str().into(),
            admin: assertion.admin,
            credential: assertion.credential,
        });
        claims.issued_at = Some(issued_at);
        claims.expiration = issued_at.checked_add_signed(Duration::seconds(ttl.into()));
        Hs256.token(&Header::empty(), &claims, &self.0).ok()
    }

    /// Reads what the gate asserted; `now` in seconds since the Unix epoch, no leeway.
    ///
    /// # Errors
    ///
    /// Every reason not to believe it.
    pub fn verify(
        &self,
        token: &str,
        audience: &str,
        now: u64,
    ) -> Result<Assertion, AssertionError> {
        let untrusted = UntrustedToken::new(token).map_err(|_| AssertionError::Signature)?;
        let token = Hs256
            .validator::<Body>(&self.0)
            .validate(&untrusted)
            .map_err(|error| match error {
                jwt_compact::ValidationError::MalformedClaims(_) => AssertionError::Claims,
                _ => AssertionError::Signature,
            })?;
        let now = timestamp(now).ok_or(AssertionError::Expired)?;
        let claims = token.claims();
        if claims.expiration.is_none_or(|end| end <= now) {
            return Err(AssertionError::Expired);
        }
        let body = &claims.custom;
        if body.iss != ISSUER || body.aud != audience {
            return Err(AssertionError::Audience);
        }
        Ok(Assertion {
            account: AccountName::admitted(&body.account).ok_or(AssertionError::Claims)?,
            subject: body.sub.clone().into_owned(),
            admin: body.admin,
            credential: body.credential,
        })
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssertionKey(…)")
    }
}

fn timestamp(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn key() -> AssertionKey {
        AssertionKey::new(&[7; 32]).unwrap()
    }

    fn assertion() -> Assertion {
        Assertion {
            account: AccountName::parse(b"acme").unwrap(),
            subject: "user-1".to_owned(),
            admin: false,
            credential: CredentialKind::Jwt,
        }
    }

    fn signed() -> String {
        key().sign(&assertion(), "upstream", NOW, 60).unwrap()
    }

    #[test]
    fn what_is_signed_is_read_back() {
        let read = key().verify(&signed(), "upstream", NOW + 59);
        assert_eq!(read, Ok(assertion()));
    }

    #[test]
    fn an_assertion_ends() {
        let read = key().verify(&signed(), "upstream", NOW + 60);
        assert_eq!(read, Err(AssertionError::Expired));
    }

    #[test]
    fn another_audience_is_refused() {
        let read = key().verify(&signed(), "billing", NOW);
        assert_eq!(read, Err(AssertionError::Audience));
    }

    #[test]
    fn another_key_or_another_byte_is_refused() {
        let other = AssertionKey::new(&[8; 32]).unwrap();
        let read = other.verify(&signed(), "upstream", NOW);
        assert_eq!(read, Err(AssertionError::Signature));

        let read = key().verify(&signed().replace('.', ".e"), "upstream", NOW);
        assert_eq!(read, Err(AssertionError::Signature));
    }

    #[test]
    fn keys_have_a_least_length_and_are_never_shown() {
        assert_eq!(AssertionKey::new(&[7; 31]).err(), Some(WeakKey(31)));
        assert_eq!(format!("{:?}", key()), "AssertionKey(…)");
    }
}
