//! May they? Whether a verified token is a member of the account, or an administrator (step 6, with `directory`).

use std::mem;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::account::AccountName;
use crate::assertion::{CredentialKind, Kept};
use crate::path::Path;
use crate::principal::Principal;
use crate::refusal::Code;
use crate::request::Field;
use crate::route::{Access, Mounts};

/// A path into a token's claims, one member name a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(pub Vec<String>);

/// Which accounts a token may act for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// All of them: whoever has a token of this issuer. Said in so many words, never implied.
    Any,
    /// Those that a claim names.
    Claim {
        /// Where the claim is.
        path: ClaimPath,
        /// What it looks like.
        shape: Shape,
    },
}

/// The form in which a claim names accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One account, as a string.
    String,
    /// A list of strings.
    List,
    /// An object whose keys are the accounts.
    Keys,
}

/// The accounts that somebody may act for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// All of them.
    Any,
    /// These, in order.
    Named(Vec<Box<str>>),
}

/// The claim that makes an administrator, by being there with any value but `null` and `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminClaim(pub ClaimPath);

/// Where a request goes, as far as it matters who may go there.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'r> {
    /// Who may reach it.
    pub access: Access,
    /// `x-admin`.
    pub admin: Field<'r>,
    /// Where the routes are.
    pub mounts: &'r Mounts,
    /// The request's method.
    pub method: &'r [u8],
    /// The request's path.
    pub path: &'r Path<'r>,
}

/// That a caller may act for an account. Only [`grant`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    account: AccountName,
    principal: Rc<Principal>,
    admin: bool,
}

// === impl Grant ===

impl Grant {
    /// The account that the request is for.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// Who calls.
    pub fn subject(&self) -> &str {
        self.principal.subject()
    }

    /// What the caller showed.
    pub fn credential(&self) -> CredentialKind {
        self.principal.credential()
    }

    /// What the upstream was told of the caller last.
    pub fn assertion(&self) -> &Kept {
        self.principal.assertion()
    }

    /// Whether the caller acts as an administrator: on an admin route, asked for and entitled.
    pub fn admin(&self) -> bool {
        self.admin
    }
}

/// Decides whether the caller may act for the account on a route.
///
/// # Errors
///
/// [`Code::CredentialNotAllowed`] where the kind of credential is not accepted; [`Code::AdminRequired`] on an admin
/// route, [`Code::AccountForbidden`] on any other.
pub fn grant(
    principal: Rc<Principal>,
    account: AccountName,
    to: &Destination<'_>,
) -> Result<Grant, Code> {
    if !to.accepts(&principal) {
        return Err(Code::CredentialNotAllowed);
    }
    let admin = to.access == Access::Admin;
    if admin {
        let asked = to.admin == Field::One(b"true");
        if !asked || !principal.is_administrator() {
            return Err(Code::AdminRequired);
        }
    } else if !principal.is_member(&account) {
        return Err(Code::AccountForbidden);
    }
    Ok(Grant {
        account,
        principal,
        admin,
    })
}

// === impl Destination ===

impl Destination<'_> {
    /// Whether this kind of credential is accepted there, whoever shows it.
    fn accepts(&self, principal: &Principal) -> bool {
        let is_key = principal.credential() == CredentialKind::ApiKey;
        let is_listed = principal.routes().is_none_or(|routes| {
            routes
                .iter()
                .any(|route| route.matches(self.mounts, self.method, self.path))
        });
        is_listed && !(is_key && self.access == Access::Admin)
    }
}

// === impl Membership ===

impl Membership {
    /// The accounts of a token with these claims.
    pub fn accounts(&self, claims: &Map<String, Value>) -> Accounts {
        match self {
            Self::Any => Accounts::Any,
            Self::Claim { path, shape } => {
                let claim = path.find(claims);
                let mut names = claim.map(|claim| shape.names(claim)).unwrap_or_default();
                names.sort_unstable();
                Accounts::Named(names)
            }
        }
    }
}

// === impl Accounts ===

impl Accounts {
    /// Whether an account is among them.
    pub fn contain(&self, account: &AccountName) -> bool {
        match self {
            Self::Any => true,
            Self::Named(names) => names
                .binary_search_by(|name| (**name).cmp(account.as_str()))
                .is_ok(),
        }
    }

    /// How much memory they take beside their own place, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Named(names) => names
                .iter()
                .map(|name| mem::size_of_val(name) + name.len())
                .sum(),
        }
    }
}

// === impl AdminClaim ===

impl AdminClaim {
    /// Whether these claims make an administrator.
    pub fn is_in(&self, claims: &Map<String, Value>) -> bool {
        let Self(path) = self;
        path.find(claims)
            .is_some_and(|claim| !matches!(claim, Value::Null | Value::Bool(false)))
    }
}

// === impl ClaimPath ===

impl ClaimPath {
    fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |claim, step| {
            claim.as_object()?.get(step)
        })
    }
}

// === impl Shape ===

impl Shape {
    /// The accounts that a claim names. Of another shape, it names none.
    fn names(self, claim: &Value) -> Vec<Box<str>> {
        match (self, claim) {
            (Self::String, Value::String(one)) => vec![one.as_str().into()],
            (Self::List, Value::Array(list)) => list
                .iter()
                .filter_map(|one| one.as_str().map(Into::into))
                .collect(),
            (Self::Keys, Value::Object(object)) => {
                object.keys().map(|name| name.as_str().into()).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(steps: &[&str]) -> ClaimPath {
        ClaimPath(steps.iter().map(|step| (*step).to_owned()).collect())
    }

    #[test]
    fn paths_lead_into_objects() {
        let Value::Object(claims) = json!({"a": {"b": {"c": 1}}, "a.b": 2}) else {
            unreachable!()
        };
        assert_eq!(path(&["a", "b", "c"]).find(&claims), Some(&json!(1)));
        assert_eq!(path(&["a.b"]).find(&claims), Some(&json!(2)));
        assert_eq!(path(&["a", "x"]).find(&claims), None);
        assert_eq!(path(&["a", "b", "c", "d"]).find(&claims), None);
        assert_eq!(path(&[]).find(&claims), None);
    }

    #[test]
    fn shapes_name_accounts_and_nothing_else() {
        let table = [
            (Shape::String, json!("acme"), true),
            (Shape::String, json!("acme globex"), false),
            (Shape::String, json!(["acme"]), false),
            (Shape::List, json!(["globex", "acme"]), true),
            (Shape::List, json!(["globex", ["acme"]]), false),
            (Shape::List, json!("acme"), false),
            (Shape::Keys, json!({"acme": {"123": "acme.example"}}), true),
            (Shape::Keys, json!({"globex": "acme"}), false),
            (Shape::Keys, json!(["acme"]), false),
        ];
        for (shape, claim, expected) in table {
            let Value::Object(claims) = json!({"accounts": claim}) else {
                unreachable!()
            };
            let path = path(&["accounts"]);
            let accounts = Membership::Claim { path, shape }.accounts(&claims);
            let acme = AccountName::parse(b"acme").unwrap();
            assert_eq!(accounts.contain(&acme), expected, "{shape:?} {claims:?}");
        }
    }

    /// As Zitadel writes them: role, organisation, domain; of all projects and of one.
    #[test]
    fn zitadels_roles_name_accounts() {
        let Value::Object(claims) = json!({
            "urn:zitadel:iam:org:project:roles": {
                "acme": {"298765432109876543": "acme.id.example.com"},
                "member": {"298765432109876543": "acme.id.example.com"},
                "platform-admin": {"298765432109876540": "example.id.example.com"},
            },
            "urn:zitadel:iam:org:project:312345678901234567:roles": {
                "globex": {"298765432109876544": "globex.id.example.com"},
            },
        }) else {
            unreachable!()
        };
        let (all, one) = (
            "urn:zitadel:iam:org:project:roles",
            "urn:zitadel:iam:org:project:312345678901234567:roles",
        );
        let is_member = |steps: &[&str], account: &str| {
            let (path, shape) = (path(steps), Shape::Keys);
            let account = AccountName::parse(account.as_bytes()).unwrap();
            let accounts = Membership::Claim { path, shape }.accounts(&claims);
            accounts.contain(&account)
        };
        assert!(is_member(&[all], "acme"));
        assert!(!is_member(&[all], "globex"));
        assert!(is_member(&[one], "globex"));
        assert!(!is_member(&[one], "acme"));
        assert!(is_member(&[all, "member"], "298765432109876543"));
        assert!(!is_member(&[all, "member"], "298765432109876540"));
        assert!(AdminClaim(path(&[all, "platform-admin"])).is_in(&claims));
        assert!(!AdminClaim(path(&[one, "platform-admin"])).is_in(&claims));
    }
}
