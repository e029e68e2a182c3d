//! Another configuration for a gate that runs: what the harness promises of it.

use std::time::Duration;

use serde_json::json;
use tollgate_envoy::envoy::ReloadError;

use crate::world::{AGENTS, stack};

#[test]
fn a_listener_is_replaced_as_a_whole_or_not_at_all() {
    let stack = stack()
        .echo()
        .reloadable(Duration::from_secs(600))
        .start()
        .unwrap();
    let outcome = || stack.get(AGENTS).send().unwrap().outcome();
    assert_eq!(outcome(), "400 account_missing");

    let public = json!([{"match": "* /**", "access": "public"}]);
    stack.reload(|policy| policy["routes"] = public).unwrap();
    assert!((0..20).all(|_| outcome() == "200"), "every worker has it");

    let nobody = stack.reload(|policy| {
        policy["issuers"] = json!([]);
        policy["api_keys"] = json!(null);
    });
    let error = nobody.unwrap_err();
    assert!(matches!(error, ReloadError::Refused(_)), "{error}");
    assert!(error.to_string().contains("issuers: an empty list"));
    assert_eq!(outcome(), "200", "the one before stays");
    stack.reload(|policy| policy["routes"] = json!([])).unwrap();
    assert_eq!(outcome(), "400 account_missing");
}
