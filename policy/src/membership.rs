//! May they? Whether a verified token is a member of the account, or an administrator (step 6).

use serde_json::{Map, Value};

use crate::account::AccountName;
use crate::refusal::Code;
use crate::request::Field;
use crate::route::Access;
use crate::token::VerifiedToken;

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

/// The claim that makes an administrator, by being there with any value but `null` and `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminClaim(pub ClaimPath);

/// That a caller may act for an account. Only [`grant`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    account: AccountName,
    subject: String,
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
        &self.subject
    }

    /// Whether the caller acts as an administrator: on an admin route, asked for and entitled.
    pub fn admin(&self) -> bool {
        self.admin
    }
}

/// Decides whether the token's holder may act for the account on a route.
///
/// # Errors
///
/// [`Code::AdminRequired`] on an admin route, [`Code::AccountForbidden`] on any other.
pub fn grant(
    token: &VerifiedToken<'_>,
    account: AccountName,
    access: Access,
    admin_header: Field<'_>,
) -> Result<Grant, Code> {
    let admin = access == Access::Admin;
    if admin {
        let asked = admin_header == Field::One(b"true");
        if !asked || !is_administrator(token) {
            return Err(Code::AdminRequired);
        }
    } else if !is_member(token, &account) {
        return Err(Code::AccountForbidden);
    }
    Ok(Grant {
        account,
        subject: token.subject().to_owned(),
        admin,
    })
}

fn is_administrator(token: &VerifiedToken<'_>) -> bool {
    token
        .issuer()
        .admin
        .as_ref()
        .and_then(|AdminClaim(path)| path.find(token.claims()))
        .is_some_and(|claim| !matches!(claim, Value::Null | Value::Bool(false)))
}

fn is_member(token: &VerifiedToken<'_>, account: &AccountName) -> bool {
    match &token.issuer().membership {
        Membership::Any => true,
        Membership::Claim { path, shape } => path
            .find(token.claims())
            .is_some_and(|claim| shape.names(claim, account.as_str())),
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
    fn names(self, claim: &Value, account: &str) -> bool {
        match (self, claim) {
            (Self::String, Value::String(one)) => one == account,
            (Self::List, Value::Array(list)) => list.iter().any(|one| one == account),
            (Self::Keys, Value::Object(object)) => object.contains_key(account),
            _ => false,
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
            assert_eq!(shape.names(&claim, "acme"), expected, "{shape:?} {claim}");
        }
    }
}
