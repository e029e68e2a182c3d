//! The decision: one question after the other; the first refusal wins, and nothing after it is looked at.

use std::sync::Arc;

use crate::assertion::AssertionKey;
use crate::caps::{Asked, Counts, Store, StoreError};
use crate::config::Policy;
use crate::credential::Credential;
use crate::digest::Digest;
use crate::directory::{self, Directory};
use crate::forward::Forward;
use crate::introspection::{self, IntrospectionCache, Unsettled};
use crate::membership::{self, Destination};
use crate::path::Path;
use crate::refusal::{Code, Refusal};
use crate::request::Request;
use crate::route::Access;
use crate::token::{self, Rejection, TokenCache, Verifier};

/// What is to become of a request.
#[derive(Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once a request, and never kept"
)]
pub enum Decision {
    /// It goes on, with the identity that was verified.
    Forward(Forward),
    /// It is answered by the gate.
    Refuse(Refusal),
    /// Something must be known first. Get it and decide again.
    Need(Need),
}

/// What must be known before a request can be decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The keys of an issuer, or newer ones, by its place in the configured list.
    Keys(usize),
    /// The directory of accounts.
    Directory,
    /// What the issuer of the request's credential, which has this digest, says of it.
    Introspection(Digest),
}

/// All that the rules cannot know by themselves.
pub trait Knowledge: Verifier {
    /// Where requests are counted.
    type Store: Store;

    /// The tokens that were verified lately.
    fn tokens(&self) -> &TokenCache;

    /// The counts that all workers share, where they can be had.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn counts(&self) -> Result<Counts<'_, Self::Store>, StoreError>;

    /// What issuers have said of credentials lately; none: they cannot be asked.
    fn introspections(&self) -> Option<&IntrospectionCache>;

    /// The directory of accounts, where one has been fetched.
    fn directory(&self) -> Option<Arc<Directory>>;

    /// The key for assertions, where the environment has one.
    fn assertion_key(&self) -> Option<&AssertionKey>;
}

enum Stop {
    Refuse(Refusal),
    Need(Need),
}

/// Decides on a request.
pub fn decide(policy: &Policy, request: &Request<'_>, known: &impl Knowledge) -> Decision {
    match ask(policy, request, known) {
        Ok(forward) => Decision::Forward(forward),
        Err(Stop::Refuse(refusal)) => Decision::Refuse(refusal),
        Err(Stop::Need(need)) => Decision::Need(need),
    }
}

fn ask(policy: &Policy, request: &Request<'_>, known: &impl Knowledge) -> Result<Forward, Stop> {
    // 1. The request is readable.
    let path = Path::parse(request.target)?;

    // 2. Forged identity is removed: `Request` lists it, and every `Forward` takes it off.

    // 3. The route.
    let class = policy.class(request, &path);
    if class.access == Access::Public {
        return Ok(Forward::public(class));
    }
    if policy.assertion.is_some() && known.assertion_key().is_none() {
        return Err(
            Refusal::not_ready("the assertion's key is missing in the gate's environment").into(),
        );
    }

    // 4. The account.
    let keys = policy.api_keys.as_ref();
    let credential = Credential::read(request.authorization, keys);
    let account = match &credential {
        Ok(credential) => credential.account(request.account, &policy.accounts, keys)?,
        Err(_) => policy.accounts.account(request.account)?,
    };

    // 5. The credential.
    let principal = match credential? {
        Credential::Token(token) => {
            token::authenticate(&policy.issuers, token, known, known.tokens())?
        }
        Credential::Key { text, .. } | Credential::Opaque(text) => {
            introspection::authenticate(text, known.introspections(), known.now())?
        }
        Credential::NoKey(why) => return Err(Refusal::from(why).into()),
    };

    // 6. May they.
    let to = Destination {
        access: class.access,
        admin: request.admin,
        mounts: &policy.mounts,
        method: request.method,
        path: &path,
    };
    let grant = membership::grant(principal, account, &to)?;
    let directory = match policy.directory {
        Some(_) => Some(known.directory().ok_or(Stop::Need(Need::Directory))?),
        None => None,
    };
    let (grant, own) = directory::existing(grant, directory.as_deref())?.into_parts();

    // 7. The caps.
    let now = known.now().ok_or(Code::NotReady)?;
    let asked = Asked {
        mounts: &policy.mounts,
        method: request.method,
        path: &path,
        own,
    };
    let admitted = policy.caps.admit(grant, &asked, now, || known.counts())?;

    // 8. Forward.
    let assertion = policy.assertion.as_ref().zip(known.assertion_key());
    Forward::verified(admitted, class, now, assertion).map_err(|admitted| {
        // Never: the assertion of a time that could be counted can be signed.
        if let (Some(holding), Ok(counts)) = (admitted.holding(), known.counts()) {
            let _ = policy.caps.release(holding, &counts);
        }
        Code::NotReady.into()
    })
}

// === impl Need ===

impl Need {
    /// The refusal of a request that has waited for it long enough.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Keys(_) => Code::KeysUnavailable.into(),
            Self::Introspection(_) => Code::IntrospectionUnavailable.into(),
            Self::Directory => Refusal::not_ready("the directory of accounts has not been fetched"),
        }
    }
}

// === impl Stop ===

impl From<Code> for Stop {
    fn from(code: Code) -> Self {
        Self::Refuse(code.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Refused(refusal) => refusal.into(),
            Rejection::KeysNeeded(issuer) => Self::Need(Need::Keys(issuer)),
        }
    }
}

impl From<Unsettled> for Stop {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Refused(refusal) => refusal.into(),
            Unsettled::Unknown(digest) => Self::Need(Need::Introspection(digest)),
        }
    }
}

#[cfg(test)]
mod tests;
