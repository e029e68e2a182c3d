//! Somebody whose credential was verified: who they are, and what they may.

use std::mem;
use std::sync::Arc;

use crate::account::AccountName;
use crate::assertion::{CredentialKind, Kept};
use crate::membership::Accounts;
use crate::route::RoutePattern;
use crate::token::VerifiedToken;

/// Who calls, as far as the decision needs it: small enough to be remembered, whatever else the token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    subject: String,
    accounts: Accounts,
    administrator: bool,
    credential: CredentialKind,
    /// None: any route.
    routes: Option<Arc<[RoutePattern]>>,
    assertion: Kept,
}

// === impl Principal ===

impl Principal {
    /// The holder of a token.
    pub fn of(token: &VerifiedToken<'_>) -> Self {
        let issuer = token.issuer();
        Self {
            subject: token.subject().to_owned(),
            accounts: issuer.membership.accounts(token.claims()),
            administrator: issuer
                .admin
                .as_ref()
                .is_some_and(|admin| admin.is_in(token.claims())),
            credential: match issuer.routes {
                None => CredentialKind::Jwt,
                Some(_) => CredentialKind::RestrictedJwt,
            },
            routes: issuer.routes.clone(),
            assertion: Kept::default(),
        }
    }

    /// The holder of a credential that its issuer says is active.
    pub(crate) fn introspected(subject: String, accounts: Accounts) -> Self {
        Self {
            subject,
            accounts,
            administrator: false,
            credential: CredentialKind::ApiKey,
            routes: None,
            assertion: Kept::default(),
        }
    }

    /// Their name with the issuer: the token's `sub`, or the key's id.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether they may act for an account.
    pub fn is_member(&self, account: &AccountName) -> bool {
        self.accounts.contain(account)
    }

    /// The accounts that they may act for.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Whether they administrate the platform.
    pub fn is_administrator(&self) -> bool {
        self.administrator
    }

    /// What they showed.
    pub fn credential(&self) -> CredentialKind {
        self.credential
    }

    /// The routes on which their credential is accepted; none: on all.
    pub fn routes(&self) -> Option<&[RoutePattern]> {
        self.routes.as_deref()
    }

    /// What the upstream was told of them last.
    pub fn assertion(&self) -> &Kept {
        &self.assertion
    }

    /// How much memory they take, in bytes, with an assertion of the longest that is kept.
    pub fn size(&self) -> usize {
        mem::size_of::<Self>() + self.subject.len() + self.accounts.size() + Kept::LONGEST
    }
}
