//! What a request that may go on looks like to the upstream (step 8).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::assertion::{self, Assertion, AssertionKey, Signed};
use crate::caps::Admitted;
use crate::config::{AssertionRules, Policy};
use crate::identity;
use crate::membership::Grant;
use crate::request::{Field, Request};
use crate::route::Class;

/// A request that may go on.
#[derive(Debug, PartialEq, Eq)]
pub struct Forward {
    /// None on a public route.
    verified: Option<Verified>,
    forward_authorization: bool,
    /// Whether it would be refused, were refusals not only reported.
    is_reported: bool,
}

#[derive(PartialEq, Eq)]
struct Verified {
    admitted: Admitted,
    /// `sub` as a header value, where that is not just `sub`.
    written: Option<String>,
    assertion: Option<Signed>,
}

/// How the request's headers change.
#[derive(Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// Names to remove, however often they occur.
    pub remove: Vec<&'a [u8]>,
    /// Headers to set, each once; what the client sent of that name is replaced.
    pub set: Vec<(&'a str, &'a str)>,
}

// === impl Forward ===

impl Forward {
    /// A request to a public route: no identity at all.
    pub(crate) fn public(class: Class) -> Self {
        Self {
            verified: None,
            forward_authorization: class.forward_authorization,
            is_reported: false,
        }
    }

    /// A request that is let pass although it would be refused: as the client sent it, but for what an upstream takes
    /// for the gate's word.
    pub fn reported() -> Self {
        Self {
            verified: None,
            forward_authorization: true,
            is_reported: true,
        }
    }

    /// A request that was admitted for an account at `now`, with an assertion where there are rules for one.
    ///
    /// # Errors
    ///
    /// No assertion can be made; what the request holds is to be given back.
    #[allow(clippy::result_large_err, reason = "it never happens")]
    pub(crate) fn verified(
        admitted: Admitted,
        class: Class,
        now: Duration,
        assertion: Option<(&AssertionRules, &AssertionKey)>,
    ) -> Result<Self, Admitted> {
        let assertion = match assertion {
            None => None,
            Some((rules, key)) => match signed(admitted.grant(), now.as_secs(), rules, key) {
                Some(signed) => Some(signed),
                None => return Err(admitted),
            },
        };
        let written = match identity::header_value(admitted.grant().subject()) {
            Cow::Owned(written) => Some(written),
            Cow::Borrowed(_) => None,
        };
        let verified = Verified {
            admitted,
            written,
            assertion,
        };
        Ok(Self {
            verified: Some(verified),
            forward_authorization: class.forward_authorization,
            is_reported: false,
        })
    }

    /// Who was admitted; none on a public route.
    pub fn grant(&self) -> Option<&Grant> {
        self.admitted().map(Admitted::grant)
    }

    /// That somebody was admitted; none on a public route.
    pub fn admitted(&self) -> Option<&Admitted> {
        self.verified.as_ref().map(|verified| &verified.admitted)
    }

    /// What was admitted, to be given back when the request ends; none on a public route.
    pub fn into_admitted(self) -> Option<Admitted> {
        self.verified.map(|verified| verified.admitted)
    }

    /// The subject as it may be written into a header or a log; none on a public route.
    pub fn subject(&self) -> Option<&str> {
        let verified = self.verified.as_ref()?;
        Some(verified.subject())
    }

    /// What to change in the request that was decided on.
    pub fn edits<'a>(&'a self, request: &Request<'a>, policy: &'a Policy) -> Edits<'a> {
        let set = self
            .verified
            .as_ref()
            .map(|verified| verified.headers(request, policy))
            .unwrap_or_default();
        let stays = |name: &[u8]| {
            let admin = self.is_reported || self.grant().is_some_and(Grant::admin);
            let account = self.is_reported || self.grant().is_some();
            (account && name == policy.account_header.as_bytes())
                || (admin && name == identity::ADMIN_HEADER.as_bytes())
        };
        let mut remove: Vec<_> = request
            .forged
            .iter()
            .copied()
            .filter(|name| !stays(name))
            .filter(|name| !set.iter().any(|(written, _)| written.as_bytes() == *name))
            .collect();
        if remove.len() > 1 {
            remove.sort_unstable();
            remove.dedup();
        }
        if !self.forward_authorization && request.authorization != Field::Missing {
            remove.push(b"authorization");
        }
        Edits { remove, set }
    }
}

// === impl Verified ===

impl Verified {
    fn subject(&self) -> &str {
        let subject = self.admitted.grant().subject();
        self.written.as_deref().unwrap_or(subject)
    }

    fn headers<'a>(&'a self, request: &Request<'a>, policy: &'a Policy) -> Vec<(&'a str, &'a str)> {
        let account = self.admitted.grant().account().as_str();
        let mut headers = vec![(identity::SUBJECT_HEADER, self.subject())];
        // Every write costs; usually the client sent just this.
        if request.account != Field::One(account.as_bytes()) {
            headers.push((&policy.account_header, account));
        }
        if let Some(assertion) = &self.assertion {
            headers.push((assertion::HEADER, assertion));
        }
        if request.disowned_by != Field::Missing {
            // All that an upgrade needs; the next hop would remove what we have just written.
            headers.push(("connection", "upgrade"));
        }
        headers
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("admitted", &self.admitted)
            .field("written", &self.written)
            .field("assertion", &self.assertion.as_ref().map(|_| "…"))
            .finish()
    }
}

// === impl Edits ===

impl fmt::Debug for Edits<'_> {
    /// The names: among the values is the assertion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remove = self
            .remove
            .iter()
            .map(|name| name.escape_ascii().to_string());
        let set = self.set.iter().map(|(name, _)| *name);
        f.debug_struct("Edits")
            .field("remove", &remove.collect::<Vec<_>>())
            .field("set", &set.collect::<Vec<_>>())
            .finish()
    }
}

fn signed(grant: &Grant, now: u64, rules: &AssertionRules, key: &AssertionKey) -> Option<Signed> {
    let kept = grant.assertion();
    kept.or_sign(grant.account(), grant.admin(), now, rules.ttl, || {
        let assertion = Assertion {
            account: grant.account().clone(),
            subject: grant.subject().to_owned(),
            admin: grant.admin(),
            credential: grant.credential(),
        };
        key.sign(&assertion, &rules.audience, now, rules.ttl)
    })
}
