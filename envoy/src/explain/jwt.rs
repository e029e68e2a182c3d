//! A token taken apart, to be looked at: nothing of it is believed, and its signature never shown.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tollgate_policy::json;

use super::report::Assertion;
use super::time;

/// A token's readable parts.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Its header, where it is a JSON object.
    pub header: Option<Map<String, Value>>,
    /// Its claims, where they are a JSON object.
    pub claims: Option<Map<String, Value>>,
}

/// Claims that are times (RFC 7519 §4.1, OpenID Connect Core §2).
const TIMES: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];

// === impl Decoded ===

impl Decoded {
    /// Decodes what can be decoded.
    pub fn of(token: &str) -> Self {
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next(), parts.next(), parts.next());
        if signature.is_none() || parts.next().is_some() {
            return Self::default();
        }
        let part = |text: Option<&str>| {
            let bytes = URL_SAFE_NO_PAD.decode(text?).ok()?;
            json::object(&bytes).ok()
        };
        Self {
            header: part(header),
            claims: part(claims),
        }
    }

    /// A text of the header.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.header.as_ref()?.get(name)?.as_str()
    }

    /// A claim.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    /// A claim that is a time.
    pub fn time(&self, name: &str) -> Option<f64> {
        self.claim(name)?.as_f64()
    }

    /// All times in it, beside now.
    pub fn times(&self, now: Duration) -> Vec<String> {
        let time = |name: &&str| Some(format!("{name} {}", time::beside(self.time(name)?, now)));
        TIMES.iter().filter_map(time).collect()
    }

    /// As an assertion of the gate's, if it is whole.
    pub fn into_assertion(self) -> Option<Assertion> {
        Some(Assertion {
            header: Value::Object(self.header?),
            claims: Value::Object(self.claims?),
        })
    }
}

/// The same value where a secret in it is `…`.
pub fn without(secret: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if !secret.is_empty() => Value::String(text.replace(secret, "…")),
        Value::Array(list) => list.iter().map(|one| without(secret, one)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), without(secret, value)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let part = |text| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn what_can_be_decoded_is() {
        let decoded = Decoded::of(&token(r#"{"alg":"RS256"}"#, r#"{"exp":1795435008}"#));
        assert_eq!(decoded.parameter("alg"), Some("RS256"));
        let now = Duration::from_secs(1_795_435_200);
        assert_eq!(
            decoded.times(now),
            ["exp 2026-11-23T11:56:48Z, 3 min 12 s ago"]
        );
        let half = Decoded::of(&token(r#"{"alg":"RS256"}"#, "no"));
        assert!(half.header.is_some() && half.claims.is_none());
        for text in ["", "a.b", "a.b.c.d", "a.b.c", "sk_live_acme_1"] {
            let decoded = Decoded::of(text);
            assert!(
                decoded.header.is_none() && decoded.claims.is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_secret_is_left_out_wherever_it_is() {
        let value = json!({"a": ["x-s3-y", {"b": "s3"}], "c": 3});
        assert_eq!(
            without("s3", &value),
            json!({"a": ["x-…-y", {"b": "…"}], "c": 3})
        );
    }
}
