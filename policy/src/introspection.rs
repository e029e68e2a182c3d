//! Who says so, where the credential cannot? Whoever issued it is asked (RFC 7662), and the answer holds for seconds
//! (step 5).

mod answer;
mod cache;
mod inquiry;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

pub use self::answer::{Active, Answer, AnswerError, MAX_BYTES};
pub use self::cache::{CacheRules, IntrospectionCache};
pub use self::inquiry::Inquiry;
use crate::digest::Digest;
use crate::membership::Membership;
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::uri::Uri;

/// How long-lived keys, and other credentials that their issuer is asked about, are accepted.
#[derive(Debug)]
pub struct ApiKeys {
    /// What they begin with. Empty: whatever is not a JWT.
    pub prefix: String,
    /// Who is asked.
    pub remote: Remote,
    /// How long an answer holds.
    pub cache: CacheRules,
    /// Which accounts the answer says that the credential may act for; none: the key's text names its account.
    pub membership: Option<Membership>,
    /// Any of these must be in the answer's `aud`; empty: not checked.
    pub audiences: Vec<String>,
}

/// Whoever is asked, behind an Envoy cluster.
#[derive(Debug)]
pub struct Remote {
    /// The cluster that reaches the server.
    pub cluster: String,
    /// Its introspection endpoint.
    pub uri: Uri,
    /// The environment variable with what the server is shown.
    pub authorization_env: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a request may wait for an answer.
    pub max_wait: Duration,
}

/// Why a credential is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// For good, or for the moment.
    Refused(Refusal),
    /// Not before its issuer has been asked.
    Unknown(Digest),
}

/// Whose credential it is, as its issuer has said lately. Without a cache nobody can be asked.
///
/// # Errors
///
/// Its issuer has said that it is nobody's, could not be asked, or is to be asked.
pub fn authenticate(
    credential: &[u8],
    cache: Option<&IntrospectionCache>,
    now: Option<Duration>,
) -> Result<Rc<Principal>, Unsettled> {
    let cache = cache.ok_or_else(|| {
        Unsettled::Refused(Refusal {
            detail: "the gate has nothing to show where it would check the key",
            ..Code::IntrospectionUnavailable.into()
        })
    })?;
    let now = now.ok_or(Code::NotReady)?;
    let digest = Digest::of(credential);
    match cache.find(&digest, now) {
        Some(known) => Ok(known?),
        None => Err(Unsettled::Unknown(digest)),
    }
}

/// What `Authorization` is to be, from what the environment has: as it stands where it names its scheme, else a bearer
/// token. Nothing for what no header can be.
///
/// ```
/// # use tollgate_policy::introspection::authorization;
/// assert_eq!(authorization("secret").as_deref(), Some("Bearer secret"));
/// assert_eq!(authorization("Basic YTpi").as_deref(), Some("Basic YTpi"));
/// assert_eq!(authorization("a\nb"), None);
/// ```
pub fn authorization(value: &str) -> Option<String> {
    let value = value.trim_ascii();
    let fits = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if value.is_empty() || !value.bytes().all(fits) {
        return None;
    }
    Some(if value.contains(' ') {
        value.to_owned()
    } else {
        format!("Bearer {value}")
    })
}

// === impl Unsettled ===

impl From<Code> for Unsettled {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}
