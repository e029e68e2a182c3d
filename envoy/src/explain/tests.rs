//! An explanation of something else than what the filter does is not shown.

use std::fs;

use serde_json::json;

use super::*;
use crate::issuer::{Draft, Issuer};

/// Asks the rules and the filter about a member's request; the filter's clock is ahead by so much.
fn explained(ahead: Duration) -> Result<Explanation, ExplainError> {
    let issuer = Issuer::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    fs::write(&keys, issuer.key_set().to_string()).unwrap();
    let file = workspace::root().join("envoy/envoy.yaml");
    let source = Source::read(&file).unwrap();
    let keys = [keys.display().to_string()];
    let given = Given::read(&source, &keys, None, None, &[]).unwrap();
    let draft = Draft::member("acme")
        .claim("iss", json!("https://id.example.com"))
        .claim("aud", json!("api"));
    let mut asking = Asking::new("GET", "/api/v1/agents").unwrap();
    asking.add("X-Account-ID", "acme").unwrap();
    let bearer = format!("Bearer {}", issuer.mint(&draft));
    asking.add("Authorization", &bearer).unwrap();
    let asked = Asked {
        asking,
        found_in: None,
        notes: Vec::new(),
    };
    let at = At {
        rules: time::now(),
        filter: time::now() + ahead,
    };
    let mut module = Module::build(&Progress::new()).unwrap();
    explain(&source, &given, &mut module, asked, at, false)
}

#[test]
fn rules_and_filter_agree() {
    let explanation = explained(Duration::ZERO).unwrap();
    assert_eq!(explanation.verdict.result, Outcome::Forwarded);
}

#[test]
fn an_explanation_that_the_filter_does_not_bear_out_is_an_error() {
    let error = explained(Duration::from_secs(86_400)).unwrap_err();
    let error = error.to_string();
    for expected in [
        "does not agree with the filter",
        "the rules say it goes on as ",
        " of acme, the filter refuses it with token_expired",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(failed(&ExplainError::new(error)), 2);
}
