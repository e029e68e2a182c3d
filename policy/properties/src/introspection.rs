//! What is made of an introspection server's answer is what another reader of RFC 7662 makes of it, and never more than was
//! asked.
//!
//! Input: a digit for one of three sets of rules, on a line of its own; then the answer.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::CredentialKind;
use tollgate_policy::config::Policy;
use tollgate_policy::credential::Credential;
use tollgate_policy::introspection::{self, Answer, Inquiry, IntrospectionCache, MAX_BYTES};
use tollgate_policy::json;
use tollgate_policy::refusal::Code;
use tollgate_policy::request::Field;

use crate::world::{NOW, key};
use crate::{assert_fits_a_log, line};

/// Keys that name their account; other tokens, whose answer names accounts in a list; and such as are for an audience.
static POLICIES: LazyLock<[Policy; 3]> = LazyLock::new(|| {
    let policy = |prefix: &str, membership: Value, audiences: &[&str]| {
        let mut configuration = json!({"issuers": [], "api_keys": {
            "prefix": prefix,
            "introspection": {"cluster": "c", "uri": "http://c/i", "authorization_env": "E"},
            "audiences": audiences,
        }});
        if !membership.is_null() {
            configuration["api_keys"]["membership"] = membership;
        }
        Policy::from_bytes(configuration.to_string().as_bytes()).unwrap()
    };
    [
        policy("sk_live_", Value::Null, &[]),
        policy("", json!({"claim": ["accounts"], "shape": "list"}), &[]),
        policy(
            "",
            json!({"claim": ["org", "ids"], "shape": "keys"}),
            &["api", "web"],
        ),
    ]
});

/// What the other reader makes of an answer.
#[derive(Debug, PartialEq)]
enum Expected {
    Nothing,
    Refused(Code),
    Active,
}

/// See the module.
pub fn check(input: &[u8]) {
    let (number, text) = line(input);
    let number = usize::from(number.first().copied().unwrap_or_default()) % POLICIES.len();
    let keys = POLICIES[number].api_keys.as_ref().unwrap();
    let credential = key("acme", 7);
    let bearer = format!("Bearer {credential}");
    let shown = Credential::read(Field::One(bearer.as_bytes()), Some(keys)).unwrap();
    let inquiry = Inquiry::about(&shown).expect("to be asked about");
    let now = Duration::from_secs(NOW);

    let found = Answer::read(keys, &inquiry, text, now);
    let members = json::object(text).ok().filter(|_| text.len() <= MAX_BYTES);
    let expected = members
        .as_ref()
        .and_then(|members| expected(number, members));
    assert_eq!(
        match &found {
            Ok(Answer::Active(_)) => Expected::Active,
            Ok(Answer::Refused(code)) => Expected::Refused(*code),
            Err(_) => Expected::Nothing,
        },
        expected.unwrap_or(Expected::Nothing)
    );
    let answer = match found {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!error.to_string().contains(&credential));
            return assert_fits_a_log(&error.to_string());
        }
    };
    let cache = IntrospectionCache::new(keys.cache);
    cache.learn(inquiry.digest(), answer.clone(), now, now);
    let known = introspection::authenticate(credential.as_bytes(), Some(&cache), Some(now));
    let other = introspection::authenticate(b"another", Some(&cache), Some(now));
    assert!(other.is_err());
    let Answer::Active(active) = answer else {
        assert!(known.is_err());
        return;
    };
    let principal = &active.principal;
    assert_eq!(known.as_ref(), Ok(principal));
    assert!(active.ends.is_none_or(|ends| ends > now));
    assert_eq!(principal.credential(), CredentialKind::ApiKey);
    assert!(!principal.is_administrator());
    let members = members.expect("an object");
    assert_eq!(members["sub"], principal.subject());
    for name in ["acme", "globex", "a"] {
        let account = AccountName::parse(name.as_bytes()).unwrap();
        let is_named = match number {
            0 => name == "acme",
            1 => members
                .get("accounts")
                .and_then(Value::as_array)
                .is_some_and(|list| list.contains(&json!(name))),
            _ => members.get("org").is_some_and(|org| {
                org.get("ids")
                    .is_some_and(|ids| ids.is_object() && ids.get(name).is_some())
            }),
        };
        assert_eq!(principal.is_member(&account), is_named, "{name}");
    }
}

fn expected(number: usize, members: &Map<String, Value>) -> Option<Expected> {
    if !members.get("active")?.as_bool()? {
        return Some(Expected::Refused(Code::KeyInactive));
    }
    let subject = members.get("sub")?.as_str()?;
    if subject.is_empty() || subject.len() > 255 {
        return None;
    }
    if number == 0
        && members
            .get("account")
            .is_some_and(|account| account != "acme")
    {
        return None;
    }
    let seconds = |name: &str| match members.get(name) {
        None => Some(None),
        Some(value) => value.as_f64().filter(|time| *time >= 0.0).map(Some),
    };
    let (nbf, exp) = (seconds("nbf")?, seconds("exp")?);
    let mut is_for_us = true;
    if number == 2 {
        let audiences = match members.get("aud") {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<_>>()?,
            Some(one) => vec![one.as_str()?],
        };
        is_for_us = audiences.iter().any(|one| ["api", "web"].contains(one));
    }
    #[expect(clippy::cast_precision_loss, reason = "well below 2^53")]
    let now = NOW as f64;
    Some(
        if nbf.is_some_and(|nbf| nbf > now) || exp.is_some_and(|exp| exp <= now) {
            Expected::Refused(Code::KeyInactive)
        } else if !is_for_us {
            Expected::Refused(Code::TokenAudience)
        } else {
            Expected::Active
        },
    )
}
