//! Who says so? A JWT, believed only when everything about it is right (step 5).

mod claims;
mod jws;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value};

use self::jws::Jws;
use crate::algorithm::Algorithm;
use crate::issuer::Issuer;
use crate::keys::{KeyError, PublicKey};
use crate::refusal::Code;

/// What verifying a token needs from outside the rules.
pub trait Verifier {
    /// The time since the Unix epoch; none where it cannot be told.
    fn now(&self) -> Option<Duration>;

    /// Finds a key of an issuer, by its place in the configured list, and hands it to `verify`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where there is no such key, or no keys yet.
    fn with_key<T>(
        &self,
        issuer: usize,
        algorithm: Algorithm,
        key_id: Option<&str>,
        verify: impl FnOnce(&PublicKey) -> T,
    ) -> Result<T, KeyError>;

    /// Whether `signature` over `signed` is the key's.
    ///
    /// # Errors
    ///
    /// [`Unverifiable`] where that cannot be found out.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable>;
}

/// The signature could be neither confirmed nor refuted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature cannot be verified")]
pub struct Unverifiable;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// For good.
    Code(Code),
    /// Not before the keys of this issuer (its place in the list) are there.
    KeysNeeded(usize),
}

/// A token that was verified. Only [`verify`] makes one.
#[derive(Debug)]
pub struct VerifiedToken<'p> {
    issuer: &'p Issuer,
    subject: String,
    claims: Map<String, Value>,
}

// === impl VerifiedToken ===

impl VerifiedToken<'_> {
    /// The token's `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// All claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The issuer that signed it.
    pub fn issuer(&self) -> &Issuer {
        self.issuer
    }
}

// === impl Rejection ===

impl From<Code> for Rejection {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

/// Verifies a token: form, algorithm, issuer, claims, and last the signature, which costs the most.
///
/// # Errors
///
/// The first thing that is wrong, or the keys that are needed to go on.
pub fn verify<'p>(
    issuers: &'p [Issuer],
    token: &[u8],
    verifier: &impl Verifier,
) -> Result<VerifiedToken<'p>, Rejection> {
    if issuers.iter().all(|issuer| token.len() > issuer.max_size) {
        return Err(Code::TokenTooLarge.into());
    }
    let jws = Jws::parse(token)?;
    let algorithm = Algorithm::parse(&jws.algorithm).ok_or(Code::TokenAlgorithm)?;
    let (position, issuer) = issued_by(issuers, &jws.claims)?;
    if token.len() > issuer.max_size {
        return Err(Code::TokenTooLarge.into());
    }
    if !issuer.algorithms.contains(&algorithm) {
        return Err(Code::TokenAlgorithm.into());
    }
    let now = verifier.now().ok_or(Code::NotReady)?;
    claims::check(&jws.claims, issuer, now)?;
    let subject = subject(&jws.claims)?;

    let verified = verifier
        .with_key(position, algorithm, jws.key_id.as_deref(), |key| {
            verifier.verify(algorithm, key, jws.signed, &jws.signature)
        })
        .map_err(|error| match error {
            KeyError::Unknown => Rejection::Code(Code::TokenKey),
            KeyError::NotFetched => Rejection::KeysNeeded(position),
        })?;
    match verified {
        Ok(true) => Ok(VerifiedToken {
            issuer,
            subject,
            claims: jws.claims,
        }),
        Ok(false) => Err(Code::TokenSignature.into()),
        Err(Unverifiable) => Err(Code::NotReady.into()),
    }
}

fn issued_by<'p>(
    issuers: &'p [Issuer],
    claims: &Map<String, Value>,
) -> Result<(usize, &'p Issuer), Code> {
    let Some(Value::String(name)) = claims.get("iss") else {
        return Err(Code::TokenIssuer);
    };
    issuers
        .iter()
        .enumerate()
        .find(|(_, issuer)| issuer.issuer == *name)
        .ok_or(Code::TokenIssuer)
}

/// OpenID Connect Core §2 demands `sub`; without it the upstream could not tell who calls.
fn subject(claims: &Map<String, Value>) -> Result<String, Code> {
    match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => Ok(subject.clone()),
        _ => Err(Code::TokenMalformed),
    }
}
