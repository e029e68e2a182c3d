//! The layer in front of everything: what is not public needs an assertion, also where there is no route.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tollgate_policy::assertion::{AssertionError, AssertionKey, CredentialKind, HEADER};

use super::Account;
use crate::accounts::name;
use crate::problem::Problem;

const ACCOUNT_HEADER: &str = "x-account-id";
const CHALLENGE: &str = "Tollgate realm=\"tollgate\"";

/// What an assertion must be like, which routes go without, and which are for restricted tokens too.
#[derive(Debug)]
pub struct Authenticator {
    keys: Vec<AssertionKey>,
    audience: String,
    public: HashSet<(Method, String)>,
    restricted: HashSet<(Method, String)>,
}

// === impl Authenticator ===

impl Authenticator {
    /// Believes assertions that were signed with `key` for `audience`.
    pub fn new(key: AssertionKey, audience: impl Into<String>) -> Self {
        Self {
            keys: vec![key],
            audience: audience.into(),
            public: HashSet::new(),
            restricted: HashSet::new(),
        }
    }

    /// Believes assertions that were signed with this key too: the one before, while the gates get a new one.
    #[must_use]
    pub fn or_signed_with(mut self, key: AssertionKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Lets one method of one route go without an assertion; `route` as the router has it: `/items/{id}`.
    #[must_use]
    pub fn public(mut self, method: Method, route: impl Into<String>) -> Self {
        self.public.insert((method, route.into()));
        self
    }

    /// Lets tokens of restricted issuers ([`CredentialKind::RestrictedJwt`]: visitors of a web page) use one method of
    /// one route. They get 403 everywhere else, whatever the gate lets through.
    #[must_use]
    pub fn restricted(mut self, method: Method, route: impl Into<String>) -> Self {
        self.restricted.insert((method, route.into()));
        self
    }

    /// The account; none on a public route.
    fn admit(&self, request: &Request) -> Result<Option<Account>, Problem> {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map(|route| (request.method().clone(), route.as_str().to_owned()));
        let is_one_of = |routes: &HashSet<_>| route.as_ref().is_some_and(|it| routes.contains(it));
        if is_one_of(&self.public) {
            return Ok(None);
        }
        let account = self.verify(request.headers())?;
        match account.credential() {
            CredentialKind::RestrictedJwt if !is_one_of(&self.restricted) => {
                Err(super::not_allowed())
            }
            _ => Ok(Some(account)),
        }
    }

    fn verify(&self, headers: &HeaderMap) -> Result<Account, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().ok_or_else(missing)?;
        if values.next().is_some() {
            return Err(invalid("the assertion must be sent once"));
        }
        let value = value
            .to_str()
            .map_err(|_| invalid("the assertion is not text"))?;
        let now = now();
        let mut found = Err(AssertionError::Signature);
        for key in &self.keys {
            found = key.verify(value, &self.audience, now);
            // Only a signature can be another key's.
            if !matches!(found, Err(AssertionError::Signature)) {
                break;
            }
        }
        let assertion = found.map_err(|error| invalid(error.to_string()))?;

        let account = assertion.account.as_str();
        let agrees = |value: &axum::http::HeaderValue| value.as_bytes() == account.as_bytes();
        if !headers.get_all(ACCOUNT_HEADER).iter().all(agrees) {
            return Err(invalid("the account header disagrees with the assertion"));
        }
        // The gate refuses these too. Here they would name databases that belong to no account.
        if name::is_reserved(&assertion.account) {
            return Err(name::reserved());
        }
        Ok(Account(Arc::new(assertion)))
    }
}

/// Axum middleware: puts the verified [`Account`] where its extractor finds it, or answers 401.
///
/// It goes around the whole router (`Router::layer`, after all routes and fallbacks), so that a route which nobody
/// called public is protected, and so is a path that has no route.
pub async fn authenticate(
    State(gate): State<Arc<Authenticator>>,
    mut request: Request,
    next: Next,
) -> Response {
    match gate.admit(&request) {
        Ok(Some(account)) => {
            request.extensions_mut().insert(account);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

pub(super) fn missing() -> Problem {
    Problem::unauthorized(
        "assertion_missing",
        "send the request through the gate: the gate's assertion is missing",
        CHALLENGE,
    )
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::unauthorized("assertion_invalid", why, CHALLENGE)
}

/// Seconds since the Unix epoch; a clock before it has every assertion refused as expired.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |elapsed| elapsed.as_secs())
}
