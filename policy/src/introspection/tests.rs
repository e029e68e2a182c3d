use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::account::AccountName;
use crate::config::Policy;
use crate::credential::Credential;
use crate::request::Field;
use crate::testing::{NOW, api_keys, key, policy};

/// The rules for keys that name their account, changed.
fn keys(change: impl FnOnce(&mut Value)) -> Policy {
    policy(|configuration| {
        configuration["api_keys"] = api_keys();
        change(&mut configuration["api_keys"]);
    })
}

fn opaque(keys: &mut Value) {
    keys["prefix"] = json!("");
    keys["membership"] = json!({"claim": ["accounts"], "shape": "list"});
}

/// What this answer means for a credential.
fn read(policy: &Policy, credential: &str, text: &[u8]) -> Result<Answer, AnswerError> {
    let keys = policy.api_keys.as_ref().unwrap();
    let bearer = format!("Bearer {credential}");
    let credential = Credential::read(Field::One(bearer.as_bytes()), Some(keys)).unwrap();
    let inquiry = Inquiry::about(&credential).unwrap();
    Answer::read(keys, &inquiry, text, Duration::from_secs(NOW))
}

/// The same in a word: the accounts it may act for, a code, or what is wrong.
fn verdict(policy: &Policy, credential: &str, answer: &Value) -> String {
    match read(policy, credential, answer.to_string().as_bytes()) {
        Ok(Answer::Active(active)) => {
            let principal = &active.principal;
            assert!(!principal.is_administrator());
            let of = |name: &&str| {
                let account = AccountName::parse(name.as_bytes()).unwrap();
                principal.is_member(&account)
            };
            let accounts: Vec<_> = ["acme", "globex", "initech"]
                .into_iter()
                .filter(of)
                .collect();
            format!("{}: {}", principal.subject(), accounts.join(" "))
        }
        Ok(Answer::Refused(code)) => code.as_str().to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn answers_for_keys_that_name_their_account() {
    let policy = keys(|_| {});
    let longest = "s".repeat(255);
    let about = |change: Value| {
        let mut answer = json!({"active": true, "sub": "key-1"});
        for (name, value) in change.as_object().unwrap() {
            answer[name] = value.clone();
        }
        answer
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        verdict(&policy, &key("acme"), &answer)
    };
    let active = "`active` must be true or false";
    let sub = "`sub` must be 1 to 255 bytes of text";
    let time = "`exp` and `nbf` must be numbers of seconds since 1970";
    let account = "`account` is not the one in the key";
    for (change, expected) in [
        (json!({}), "key-1: acme"),
        (
            json!({"account": "acme", "iat": NOW, "scope": [1]}),
            "key-1: acme",
        ),
        (json!({"exp": NOW + 1}), "key-1: acme"),
        (json!({"nbf": NOW}), "key-1: acme"),
        (json!({"exp": 1e300}), "key-1: acme"),
        (json!({"accounts": ["globex"]}), "key-1: acme"),
        (json!({"sub": longest}), &format!("{longest}: acme")),
        (json!({"active": false}), "key_inactive"),
        (
            json!({"active": false, "sub": 1, "account": "globex"}),
            "key_inactive",
        ),
        (json!({"exp": NOW}), "key_inactive"),
        (json!({"exp": 0}), "key_inactive"),
        (json!({"nbf": NOW + 1}), "key_inactive"),
        (json!({"active": null}), active),
        (json!({"active": "true"}), active),
        (json!({"active": 1}), active),
        (json!({"sub": null}), sub),
        (json!({"sub": ""}), sub),
        (json!({"sub": 1}), sub),
        (json!({"sub": format!("{longest}s")}), sub),
        (json!({"account": "globex"}), account),
        (json!({"account": "Acme"}), account),
        (json!({"account": 1}), account),
        (json!({"exp": "tomorrow"}), time),
        (json!({"exp": -1}), time),
        (json!({"nbf": []}), time),
    ] {
        let found = about(change.clone());
        assert!(found.ends_with(expected), "{change}: {found}");
    }
}

#[test]
fn null_is_no_time_and_no_account() {
    let policy = keys(|_| {});
    for text in [
        r#"{"active":true,"sub":"a","exp":null}"#,
        r#"{"active":true,"sub":"a","account":null}"#,
        r#"{"active":null,"sub":"a"}"#,
    ] {
        let found = read(&policy, &key("acme"), text.as_bytes());
        assert!(matches!(found, Err(AnswerError::Wrong(_))), "{text}");
    }
}

#[test]
fn answers_for_opaque_tokens_say_which_accounts() {
    let policy = keys(opaque);
    for (accounts, expected) in [
        (json!(["globex", "acme"]), "a: acme globex"),
        (json!([]), "a: "),
        (json!("acme"), "a: "),
        (json!(null), "a: "),
    ] {
        let answer = json!({"active": true, "sub": "a", "accounts": accounts, "account": 1});
        assert_eq!(verdict(&policy, "V1_opaque", &answer), expected);
    }
}

#[test]
fn an_answer_for_somebody_else_is_a_refusal() {
    let policy = keys(|keys| keys["audiences"] = json!(["api", "b"]));
    for (audience, expected) in [
        (json!("api"), "a: acme"),
        (json!(["c", "b"]), "a: acme"),
        (json!("c"), "token_audience"),
        (json!([]), "token_audience"),
        (
            json!(1),
            "the answer's `aud` must be a text or a list of texts",
        ),
        (
            json!(["api", 1]),
            "the answer's `aud` must be a text or a list of texts",
        ),
    ] {
        let answer = json!({"active": true, "sub": "a", "aud": audience});
        assert_eq!(
            verdict(&policy, &key("acme"), &answer),
            expected,
            "{answer}"
        );
    }
    let none = json!({"active": true, "sub": "a"});
    assert_eq!(verdict(&policy, &key("acme"), &none), "token_audience");
}

#[test]
fn what_is_no_json_says_nothing() {
    let policy = keys(|_| {});
    let read = |text: &str| read(&policy, &key("acme"), text.as_bytes());
    for text in [
        "",
        "true",
        "[]",
        "<html>",
        r#"{"active":true,"sub":"a"} {}"#,
        r#"{"active":false,"active":true,"sub":"a"}"#,
        r#"{"active":true,"sub":"a","x":{"y":1,"y":1}}"#,
    ] {
        assert_eq!(read(text), Err(AnswerError::NotJson), "{text:?}");
    }
    let long = format!(r#"{{"active":true,"sub":"a"{}}}"#, " ".repeat(MAX_BYTES));
    assert_eq!(read(&long), Err(AnswerError::TooLarge(long.len())));
}

proptest! {
    /// Only an answer that says `"active":true` and whose key it is lets anybody in.
    #[test]
    fn any_answer_is_read(text: Vec<u8>) {
        let found = read(&keys(|_| {}), &key("acme"), &text);
        prop_assert!(!matches!(found, Ok(Answer::Active(_))));
    }
}
