//! Tokens: a good default, and any change to it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::keys::Keys;

/// The audience of the tokens, and of the reference configuration.
pub const AUDIENCE: &str = "tollgate-demo";

/// Seconds that a token is good for.
pub(super) const LIFETIME: u64 = 3600;

const ORGANIZATION: &str = "290000000000000001";
const PROJECT: &str = "290000000000000002";

/// Who may act for which accounts: the claim that the reference configuration reads.
pub const ACCOUNTS_CLAIM: &str = "urn:example:accounts";

/// What a token differs in from the default, which is good, for a member of `acme`.
///
/// Members replace the default's; a null removes one. The header's `alg` decides which of the issuer's keys signs, and
/// so the default for `kid`; without one it is RS256. `none` leaves the signature empty, `HS256` keys an HMAC with the
/// public RSA key, and what is no algorithm at all signs by RS256.
///
/// ```
/// # use tollgate_envoy::issuer::{Draft, Issuer};
/// # use serde_json::json;
/// let issuer = Issuer::start().unwrap();
/// let expired = issuer.mint(&Draft::default().claim("exp", json!(1)));
/// assert_eq!(expired.split('.').count(), 3);
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    header: Map<String, Value>,
}

// === impl Draft ===

impl Draft {
    /// A member of `account`, and of no other.
    pub fn member(account: &str) -> Self {
        Self::default()
            .claim("sub", json!(format!("29000000000000{}", digits(account))))
            .claim("email", json!(format!("member@{account}.example")))
            .claim(ACCOUNTS_CLAIM, json!([account]))
    }

    /// A platform administrator, who is a member of no account.
    pub fn administrator() -> Self {
        Self::default()
            .claim("sub", json!("290000000000009999"))
            .claim("email", json!("admin@platform.example"))
            .claim(ACCOUNTS_CLAIM, json!([]))
            .claim(
                "urn:zitadel:iam:org:project:roles",
                json!({"platform-admin": {ORGANIZATION: "platform.example"}}),
            )
    }

    /// Signs by one of [`ALGORITHMS`](super::ALGORITHMS).
    #[must_use]
    pub fn algorithm(self, name: &str) -> Self {
        self.header("alg", json!(name))
    }

    /// Sets a claim; null removes it.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Sets a member of the header; null removes it.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// The token, in compact serialization (RFC 7515 §7.1).
    pub(super) fn encode(&self, issuer: &str, keys: &Keys, now: u64) -> String {
        let default = json!({
            "iss": issuer,
            "aud": [AUDIENCE],
            "sub": "290000000000000003",
            "exp": now + LIFETIME,
            "iat": now,
            "auth_time": now,
            "azp": format!("{PROJECT}@tollgate"),
            "email": "member@acme.example",
            "urn:zitadel:iam:user:resourceowner:id": ORGANIZATION,
            "urn:zitadel:iam:user:resourceowner:name": "Example",
            ACCOUNTS_CLAIM: ["acme"],
        });
        let claims = merged(default, &self.claims);
        let algorithm = self.header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.unwrap_or("RS256");
        let default = json!({"alg": algorithm, "kid": keys.kid(algorithm), "typ": "JWT"});
        let header = merged(default, &self.header);
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = keys.sign(algorithm, text.as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn merged(default: Value, changes: &Map<String, Value>) -> Value {
    let mut members = match default {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    Value::Object(members)
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Four digits that differ between names, mostly: a user's number looks like one.
fn digits(name: &str) -> String {
    let sum = name
        .bytes()
        .fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 9000);
    (1000 + sum).to_string()
}
