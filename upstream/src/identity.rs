//! Who is calling, and for which account: the witnesses that only a verified assertion makes.
//!
//! A service adds [`authenticate`] as a layer around its whole router and takes an [`Account`] where a handler
//! needs one:
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Router, middleware, routing::get};
//! use tollgate_policy::assertion::AssertionKey;
//! use tollgate_upstream::identity::{Account, Authenticator, authenticate};
//!
//! async fn hello(account: Account) -> String {
//!     format!("hello, {}", account.name())
//! }
//!
//! # let key = AssertionKey::new(&[7; 32]).unwrap();
//! let gate = Arc::new(Authenticator::new(key, "upstream"));
//! let app: Router = Router::new()
//!     .route("/hello", get(hello))
//!     .layer(middleware::from_fn_with_state(gate, authenticate));
//! ```

mod authenticate;
mod gate;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, CredentialKind};

pub use authenticate::{Authenticator, authenticate};

pub(crate) use gate::{GateCredential, only_the_gate};

use crate::problem::Problem;

/// The account that the gate verified. There is no other way to make one, so a function that takes it needs no
/// check of its own.
#[derive(Clone, Debug)]
pub struct Account(Arc<Assertion>);

/// An [`Account`] whose caller is an administrator, and acts as one.
#[derive(Clone, Debug)]
pub struct Administrator(Account);

/// An [`Account`] whose caller showed an OIDC token, as people do; no API key, and no widget's token. What makes
/// credentials asks for it, so that one that leaked cannot make others.
#[derive(Clone, Debug)]
pub struct User(Account);

// === impl Account ===

impl Account {
    /// The account's name, which is also its database's.
    pub fn name(&self) -> &AccountName {
        &self.0.account
    }

    /// The caller: the token's `sub`.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// What the caller showed to the gate.
    pub fn credential(&self) -> CredentialKind {
        self.0.credential
    }
}

impl<S: Sync> FromRequestParts<S> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Without the layer nothing is verified, so nothing is let in.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(authenticate::missing)
    }
}

// === impl Administrator ===

impl Administrator {
    /// The caller, and the account that the request names.
    pub fn account(&self) -> &Account {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let User(account) = User::from_request_parts(parts, state).await?;
        if account.0.admin {
            Ok(Self(account))
        } else {
            Err(Problem::forbidden(
                "admin_required",
                "an administrator's token and the header `X-Admin: true` are needed",
            ))
        }
    }
}

// === impl User ===

impl User {
    /// The caller, and the account that the request names.
    pub fn account(&self) -> &Account {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let account = Account::from_request_parts(parts, state).await?;
        match account.credential() {
            CredentialKind::Jwt => Ok(Self(account)),
            CredentialKind::RestrictedJwt | CredentialKind::ApiKey => Err(not_allowed()),
        }
    }
}

fn not_allowed() -> Problem {
    Problem::forbidden(
        "credential_not_allowed",
        "this needs another kind of credential: a user's own token of the issuer",
    )
}
