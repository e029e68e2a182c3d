//! What a token claims about itself (RFC 7519 §4.1), held against what the issuer's configuration allows.
//!
//! These checks cost little and come before the signature, so that they are all that a flood of old or foreign
//! tokens costs.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::issuer::Issuer;
use crate::refusal::Code;

/// Checks audience, party and times. The issuer was found by `iss`, so that one holds already.
///
/// # Errors
///
/// The code of the claim that does not hold; [`Code::TokenMalformed`] where one is missing or of a wrong type.
pub(super) fn check(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: Duration,
) -> Result<(), Code> {
    if !is_for(claims.get("aud"), &issuer.audiences)? {
        return Err(Code::TokenAudience);
    }
    if !issuer.authorized_parties.is_empty() {
        match claims.get("azp") {
            Some(Value::String(party)) if issuer.authorized_parties.contains(party) => {}
            None | Some(Value::String(_)) => return Err(Code::TokenParty),
            Some(_) => return Err(Code::TokenMalformed),
        }
    }

    let now = now.as_secs_f64();
    let skew = issuer.clock_skew.as_secs_f64();
    let expires = time(claims, "exp")?.ok_or(Code::TokenMalformed)?;
    if expires + skew <= now {
        return Err(Code::TokenExpired);
    }
    let issued = time(claims, "iat")?;
    for begin in [time(claims, "nbf")?, issued].into_iter().flatten() {
        if begin - skew > now {
            return Err(Code::TokenNotYetValid);
        }
    }
    if let Some(longest) = issuer.max_lifetime {
        let issued = issued.ok_or(Code::TokenLifetime)?;
        if expires - issued > longest.as_secs_f64() {
            return Err(Code::TokenLifetime);
        }
    }
    Ok(())
}

/// `aud` is one string or a list of them (RFC 7519 §4.1.3).
fn is_for(audience: Option<&Value>, accepted: &[String]) -> Result<bool, Code> {
    match audience {
        None => Ok(false),
        Some(Value::String(one)) => Ok(accepted.contains(one)),
        Some(Value::Array(list)) => {
            let mut found = false;
            for one in list {
                let Value::String(one) = one else {
                    return Err(Code::TokenMalformed);
                };
                found |= accepted.contains(one);
            }
            Ok(found)
        }
        Some(_) => Err(Code::TokenMalformed),
    }
}

/// A NumericDate: seconds since the Unix epoch, fractions allowed (RFC 7519 §2).
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, Code> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds >= 0.0 => Ok(Some(seconds)),
            _ => Err(Code::TokenMalformed),
        },
    }
}
