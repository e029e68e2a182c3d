//! What a token claims about itself (RFC 7519 §4.1), held against what the issuer's configuration allows.
//!
//! These checks cost little and come before the signature, so that they are all that a flood of old or foreign
//! tokens costs.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Malformed, Rejection};
use crate::issuer::Issuer;
use crate::refusal::Code;

/// When a token may be used, in seconds since the Unix epoch; skew is not in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    /// The later of `nbf` and `iat`.
    begins: f64,
    /// `exp`.
    ends: f64,
}

// === impl Validity ===

impl Validity {
    /// Whether now is the time.
    ///
    /// # Errors
    ///
    /// [`Code::TokenExpired`] or [`Code::TokenNotYetValid`].
    pub(super) fn check(self, issuer: &Issuer, now: Duration) -> Result<(), Code> {
        let now = now.as_secs_f64();
        let skew = issuer.clock_skew.as_secs_f64();
        if self.ends + skew <= now {
            return Err(Code::TokenExpired);
        }
        if self.begins - skew > now {
            return Err(Code::TokenNotYetValid);
        }
        Ok(())
    }
}

/// Checks audience, party and times. The issuer was found by `iss`, so that one holds already.
///
/// # Errors
///
/// The code of the claim that does not hold, or [`Malformed`] where one is missing or of a wrong type.
pub(super) fn check(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: Duration,
) -> Result<Validity, Rejection> {
    if !is_for(claims.get("aud"), &issuer.audiences)? {
        return Err(Code::TokenAudience.into());
    }
    if !issuer.authorized_parties.is_empty() {
        match claims.get("azp") {
            Some(Value::String(party)) if issuer.authorized_parties.contains(party) => {}
            None | Some(Value::String(_)) => return Err(Code::TokenParty.into()),
            Some(_) => return Err(Malformed::Party.into()),
        }
    }

    let ends = time(claims, "exp")?.ok_or(Malformed::NoExpiry)?;
    let issued = time(claims, "iat")?;
    let begins = time(claims, "nbf")?.unwrap_or_default();
    let validity = Validity {
        begins: issued.unwrap_or_default().max(begins),
        ends,
    };
    validity.check(issuer, now)?;
    if let Some(longest) = issuer.max_lifetime {
        let issued = issued.ok_or(Code::TokenLifetime)?;
        if ends - issued > longest.as_secs_f64() {
            return Err(Code::TokenLifetime.into());
        }
    }
    Ok(validity)
}

/// OpenID Connect Core §2 demands `sub`; without it the upstream could not tell who calls.
pub(super) fn subject(claims: &Map<String, Value>) -> Result<String, Malformed> {
    match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => Ok(subject.clone()),
        _ => Err(Malformed::Subject),
    }
}

/// `aud` is one string or a list of them (RFC 7519 §4.1.3).
pub(crate) fn is_for(audience: Option<&Value>, accepted: &[String]) -> Result<bool, Malformed> {
    match audience {
        None => Ok(false),
        Some(Value::String(one)) => Ok(accepted.contains(one)),
        Some(Value::Array(list)) => {
            let mut found = false;
            for one in list {
                let Value::String(one) = one else {
                    return Err(Malformed::Audience);
                };
                found |= accepted.contains(one);
            }
            Ok(found)
        }
        Some(_) => Err(Malformed::Audience),
    }
}

/// A NumericDate: seconds since the Unix epoch, fractions allowed (RFC 7519 §2).
pub(crate) fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, Malformed> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds >= 0.0 => Ok(Some(seconds)),
            _ => Err(Malformed::Time),
        },
    }
}
