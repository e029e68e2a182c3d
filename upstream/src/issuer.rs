//! The OIDC issuer, for the one endpoint that verifies a user's token itself.

mod fetch;
mod keys;
#[cfg(test)]
mod testing;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_policy::account::AccountName;
use tollgate_policy::issuer;
use tollgate_policy::key_source::Source;
use tollgate_policy::keys::KeySet;
use tollgate_policy::membership::Membership;
use tollgate_policy::refusal::Code;
use tollgate_policy::token::{self, Rejection, VerifiedToken};
use utoipa::ToSchema;

use crate::bound::Bound;
use crate::error::Error;
use crate::options::Options;
use crate::problem::Problem;
use fetch::Fetcher;
use keys::Keys;
use verifier::Verifying;

/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 8192;

/// How far the issuer's clock may be off.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Whom tokens are believed from.
pub(crate) struct Issuer {
    /// One, in the form in which the gate's rules take them.
    rules: Arc<[issuer::Issuer; 1]>,
    keys: Keys<Fetcher>,
    /// Of those who verify at the same time: this is for anybody, and a signature takes a while.
    bound: Bound,
    membership_claim: Option<String>,
}

/// What a verified token says.
struct Claims {
    subject: String,
    claims: Map<String, Value>,
}

/// Whose token it is.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Identity {
    subject: String,
    #[schema(required)]
    organisation: Option<Organisation>,
    /// Only where a membership claim is configured.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<String>>,
}

/// The organisation that owns the user (Zitadel's resource owner).
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Organisation {
    id: String,
    #[schema(required)]
    name: Option<String>,
}

// === impl Issuer ===

impl Issuer {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let rules = issuer::Issuer {
            issuer: options.issuer.clone(),
            audiences: options.audience.clone(),
            authorized_parties: Vec::new(),
            algorithms: options.algorithm.clone(),
            jwks: Source {
                inline: None,
                remote: None,
            },
            clock_skew: CLOCK_SKEW,
            max_lifetime: None,
            max_size: LONGEST_TOKEN,
            membership: Membership::Any,
            admin: None,
            routes: None,
        };
        Ok(Self {
            rules: Arc::new([rules]),
            bound: Bound::new(),
            keys: Keys::new(Fetcher::new(&options.issuer)?),
            membership_claim: options.membership_claim.clone(),
        })
    }

    /// The exact `iss`.
    pub(crate) fn url(&self) -> &str {
        let [rules] = &*self.rules;
        &rules.issuer
    }

    /// Verifies a token, by the same rules as the gate, and reads from it whose it is.
    ///
    /// # Errors
    ///
    /// The gate's code; [`Code::KeysUnavailable`] where nothing can be said about the token; 503 `verification_busy`
    /// where too many are verified already.
    pub(crate) async fn verify(&self, token: &[u8]) -> Result<Identity, Problem> {
        let known = self.keys.known();
        let keys = match (self.verified(token, known.clone()).await?, known) {
            (Err(Rejection::KeysNeeded(_)), _) => self.keys.current().await?,
            (Err(Rejection::Refused(refusal)), Some(known)) if refusal.code == Code::TokenKey => {
                self.keys.newer(known).await?
            }
            (outcome, _) => return Ok(self.identity(outcome)?),
        };
        let outcome = self.verified(token, Some(keys)).await?;
        Ok(self.identity(outcome)?)
    }

    /// Outer error: it was not tried.
    async fn verified(
        &self,
        token: &[u8],
        keys: Option<Arc<KeySet>>,
    ) -> Result<Result<Claims, Rejection>, Problem> {
        let (rules, token) = (Arc::clone(&self.rules), token.to_owned());
        let verify = move || {
            let verified = token::verify(&*rules, &token, &Verifying(keys.as_ref()))?;
            Ok(Claims::from(&verified))
        };
        Ok(self.bound.run(verify).await?)
    }

    fn identity(&self, outcome: Result<Claims, Rejection>) -> Result<Identity, Code> {
        let token = outcome.map_err(|rejection| match rejection {
            Rejection::Refused(refusal) => refusal.code,
            Rejection::KeysNeeded(_) => Code::KeysUnavailable,
        })?;
        let claims = &token.claims;
        let text = |claim: &str| claims.get(claim)?.as_str().map(str::to_owned);
        let organisation = text("urn:zitadel:iam:user:resourceowner:id").map(|id| Organisation {
            id,
            name: text("urn:zitadel:iam:user:resourceowner:name"),
        });
        let accounts = self.membership_claim.as_ref();
        let accounts = accounts.map(|claim| claims.get(claim).map(accounts_of).unwrap_or_default());
        Ok(Identity {
            subject: token.subject,
            organisation,
            accounts,
        })
    }
}

// === impl Claims ===

impl From<&VerifiedToken<'_>> for Claims {
    fn from(token: &VerifiedToken<'_>) -> Self {
        Self {
            subject: token.subject().to_owned(),
            claims: token.claims().clone(),
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
    use crate::issuer::testing::{TOKEN, key_set};
    use serde_json::json;

    fn issuer() -> Issuer {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            options: Options,
        }
        let arguments = "test --database-url=x --issuer=https://id.example.com --audience=api \
                         --membership-claim=accounts";
        let command = <Command as clap::Parser>::parse_from(arguments.split_whitespace());
        Issuer::new(&command.options).unwrap()
    }

    #[tokio::test]
    async fn a_token_tells_whose_it_is() {
        let issuer = issuer();
        let keys = Arc::new(KeySet::parse(&key_set("a")).unwrap());
        let outcome = issuer.verified(TOKEN.as_bytes(), Some(keys)).await.unwrap();
        let organisation = Organisation {
            id: "7".to_owned(),
            name: Some("Acme".to_owned()),
        };
        let expected = Identity {
            subject: "user-1".to_owned(),
            organisation: Some(organisation),
            accounts: Some(vec!["acme".to_owned()]),
        };
        assert_eq!(issuer.identity(outcome), Ok(expected));
    }

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
