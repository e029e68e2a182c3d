//! Another configuration for a gate that runs: what the harness promises of it.

use std::time::Duration;

use serde_json::{Value, json};
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

/// Envoy asks the filter about it once, with a size of 0, and remembers what it said; the listener it refuses each time.
#[test]
fn no_configuration_at_all_is_refused_however_often_it_comes() {
    let any = |name: &str, value: Value| json!({"@type": format!("type.googleapis.com/google.protobuf.{name}"), "value": value});
    let nothing = [
        ("no message", Value::Null),
        ("no bytes", any("BytesValue", json!(""))),
        ("no text", any("StringValue", json!(""))),
        ("an empty message", any("Empty", json!({}))),
    ];
    let stack = stack()
        .echo()
        .reloadable(Duration::from_secs(600))
        .start()
        .unwrap();
    for (what, configuration) in nothing {
        for attempt in ["at first", "again"] {
            let error = stack
                .reload_config(|config| config.with_configuration(configuration.clone()))
                .expect_err(what);
            let refused = matches!(&error, ReloadError::Refused(_));
            assert!(refused, "{what}, {attempt}: {error}");
            let outcome = stack.get(AGENTS).send().unwrap().outcome();
            assert_eq!(outcome, "400 account_missing", "{what}, {attempt}");
        }
    }
    assert!(stack.envoy().log().contains("configuration: missing"));
    // What is at work is nothing new, whatever was refused meanwhile.
    stack.reload_config(Ok).unwrap();
}
