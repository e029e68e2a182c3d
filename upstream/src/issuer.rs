//! The OIDC issuer, for the one endpoint that verifies a user's token itself.

mod fetch;
mod keys;
mod token;

use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_policy::account::AccountName;

use crate::error::Error;
use crate::options::Options;
use fetch::Fetcher;
use keys::KeySet;
use token::Expected;

/// Whom tokens are believed from.
pub(crate) struct Issuer {
    expected: Expected,
    keys: KeySet<Fetcher>,
    membership_claim: Option<String>,
}

/// Whose token it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Identity {
    subject: String,
    organisation: Option<Organisation>,
    /// Only where a membership claim is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<String>>,
}

/// The organisation that owns the user (Zitadel's resource owner).
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Organisation {
    id: String,
    name: Option<String>,
}

/// Why a token is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The issuer's keys cannot be had: nothing can be said about the token.
    Keys,
    /// The token is not good.
    Token(&'static str),
}

// === impl Issuer ===

impl Issuer {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            expected: Expected {
                issuer: options.issuer.clone(),
                audiences: options.audience.clone(),
            },
            keys: KeySet::new(Fetcher::new(&options.issuer)?),
            membership_claim: options.membership_claim.clone(),
        })
    }

    /// The exact `iss`.
    pub(crate) fn url(&self) -> &str {
        &self.expected.issuer
    }

    /// Verifies a token and reads from it whose it is.
    pub(crate) async fn verify(&self, token: &str) -> Result<Identity, Unverified> {
        let header = token::header(token)?;
        let key = self.keys.key(&header).await?;
        let claims = self.expected.verify(token, &header, &key)?;
        Ok(self.identity(claims.sub, &claims.other))
    }

    fn identity(&self, subject: String, claims: &Map<String, Value>) -> Identity {
        let text = |claim: &str| claims.get(claim)?.as_str().map(str::to_owned);
        let organisation = text("urn:zitadel:iam:user:resourceowner:id").map(|id| Organisation {
            id,
            name: text("urn:zitadel:iam:user:resourceowner:name"),
        });
        let accounts = self.membership_claim.as_ref();
        let accounts = accounts.map(|claim| claims.get(claim).map(accounts_of).unwrap_or_default());
        Identity {
            subject,
            organisation,
            accounts,
        }
    }
}

/// Accounts in a string, a list, or an object's keys; what cannot be an account is left out.
fn accounts_of(claim: &Value) -> Vec<String> {
    let names: Vec<&str> = match claim {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let accounts = names.into_iter();
    let accounts = accounts.filter(|name| AccountName::parse(name.as_bytes()).is_some());
    accounts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn accounts_come_in_three_shapes() {
        let table = [
            (json!("acme"), vec!["acme"]),
            (json!(["acme", "globex", 7, "No"]), vec!["acme", "globex"]),
            (json!({"acme": {}}), vec!["acme"]),
            (json!(null), vec![]),
        ];
        for (claim, accounts) in table {
            assert_eq!(accounts_of(&claim), accounts, "{claim}");
        }
    }
}
