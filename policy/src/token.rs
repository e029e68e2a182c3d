//! Who says so? A JWT, believed only when everything about it is right (step 5).

mod cache;
pub(crate) mod claims;
mod jws;
mod malformed;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

pub use self::cache::{CacheLimits, TokenCache};
use self::claims::Validity;
use self::jws::{Compact, Header};
pub use self::malformed::Malformed;
use crate::algorithm::Algorithm;
use crate::digest::FingerprintKey;
use crate::issuer::Issuer;
use crate::keys::{Key, KeySet, PublicKey};
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};

/// What verifying a token needs from outside the rules. An issuer is meant by its place in the configured list.
pub trait Verifier {
    /// The time since the Unix epoch; none where it cannot be told.
    fn now(&self) -> Option<Duration>;

    /// A key made of random bytes, for tokens to be remembered by; none where there are none to be had, and then none is
    /// remembered. It is asked for until there is one.
    fn fingerprint_key(&self) -> Option<FingerprintKey> {
        None
    }

    /// The issuer's keys; none where there are none yet, or only such as have grown too old.
    fn keys(&self, issuer: usize) -> Option<Arc<KeySet>>;

    /// Whether a key that is not among [`Verifier::keys`] may be among newer ones.
    fn newer_keys(&self, issuer: usize) -> NewerKeys;

    /// Whether `signature` over `signed` is the key's.
    ///
    /// # Errors
    ///
    /// [`Unverifiable`] where that cannot be found out now.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable>;
}

/// Whether there may be keys that are newer than those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewerKeys {
    /// Those known are as new as can be.
    None,
    /// They can be fetched.
    Fetchable,
    /// There may be, but the issuer cannot be asked at the moment.
    OutOfReach,
}

/// Why a signature could be neither confirmed nor refuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverifiable {
    /// What verifies it does not work.
    #[error("the signature cannot be verified")]
    Broken,
    /// Verifying has taken too much time already.
    #[error("too many signatures to verify at the moment")]
    Busy,
}

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// For good.
    Refused(Refusal),
    /// Not before the issuer's keys, or newer ones, are there.
    KeysNeeded(usize),
}

/// A token that was verified. Only [`verify`] makes one.
#[derive(Debug)]
pub struct VerifiedToken<'p> {
    position: usize,
    issuer: &'p Issuer,
    key: Arc<Key>,
    validity: Validity,
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
        Self::Refused(code.into())
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Refused(malformed.into())
    }
}

impl From<Unverifiable> for Rejection {
    fn from(why: Unverifiable) -> Self {
        Self::Refused(Refusal::not_ready(match why {
            Unverifiable::Broken => "the signature cannot be verified",
            Unverifiable::Busy => "there are too many signatures to verify",
        }))
    }
}

/// Whose token it is: remembered, where it was verified before and still holds, else verified now.
///
/// # Errors
///
/// As [`verify`].
pub fn authenticate(
    issuers: &[Issuer],
    token: &[u8],
    verifier: &impl Verifier,
    cache: &TokenCache,
) -> Result<Rc<Principal>, Rejection> {
    if issuers.is_empty() {
        // Only other credentials are accepted.
        return Err(Code::TokenIssuer.into());
    }
    fits(issuers, token)?;
    let fingerprint = cache.fingerprint(token, verifier);
    if let Some(fingerprint) = &fingerprint
        && let Some(remembered) = cache.find(fingerprint, issuers, verifier)?
    {
        return Ok(remembered);
    }
    let token = verify_split(issuers, Compact::split(token)?, verifier)?;
    let principal = Rc::new(Principal::of(&token));
    if let Some(fingerprint) = fingerprint {
        cache.remember(fingerprint, &token, &principal);
    }
    Ok(principal)
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
    fits(issuers, token)?;
    verify_split(issuers, Compact::split(token)?, verifier)
}

/// Refuses what is too long for every issuer.
fn fits(issuers: &[Issuer], token: &[u8]) -> Result<(), Code> {
    if issuers.iter().all(|issuer| token.len() > issuer.max_size) {
        return Err(Code::TokenTooLarge);
    }
    Ok(())
}

fn verify_split<'p>(
    issuers: &'p [Issuer],
    token: Compact<'_>,
    verifier: &impl Verifier,
) -> Result<VerifiedToken<'p>, Rejection> {
    let header = Header::read(token)?;
    // Before the claims are read, which takes longer.
    let algorithm = Algorithm::parse(&header.algorithm)
        .filter(|algorithm| {
            let mut configured = issuers.iter().flat_map(|issuer| &issuer.algorithms);
            configured.any(|one| one == algorithm)
        })
        .ok_or(Code::TokenAlgorithm)?;
    let signature = token.signature()?;
    let claims = token.claims()?;
    let (position, issuer) = issued_by(issuers, &claims)?;
    if token.size() > issuer.max_size {
        return Err(Code::TokenTooLarge.into());
    }
    if !issuer.algorithms.contains(&algorithm) {
        return Err(Code::TokenAlgorithm.into());
    }
    let now = verifier.now().ok_or(Code::NotReady)?;
    let validity = claims::check(&claims, issuer, now)?;
    let subject = claims::subject(&claims)?;

    let key = find_key(position, algorithm, header.key_id.as_deref(), verifier)?;
    if !verifier.verify(algorithm, key.public(), token.signed, &signature)? {
        return Err(Code::TokenSignature.into());
    }
    Ok(VerifiedToken {
        position,
        issuer,
        key,
        validity,
        subject,
        claims,
    })
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

fn find_key(
    issuer: usize,
    algorithm: Algorithm,
    key_id: Option<&str>,
    verifier: &impl Verifier,
) -> Result<Arc<Key>, Rejection> {
    let keys = verifier.keys(issuer).ok_or(Rejection::KeysNeeded(issuer))?;
    match keys.find(algorithm, key_id) {
        Some(key) => Ok(Arc::clone(key)),
        None => Err(match verifier.newer_keys(issuer) {
            NewerKeys::None => Code::TokenKey.into(),
            NewerKeys::Fetchable => Rejection::KeysNeeded(issuer),
            NewerKeys::OutOfReach => Code::KeysUnavailable.into(),
        }),
    }
}
