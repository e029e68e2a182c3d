use serde_json::{Value, json};

use super::error;
use crate::config::Policy;
use crate::testing::configuration;

#[test]
fn errors_say_where_what_and_what_to_write() {
    let good = || json!({"cluster": "accounts", "uri": "http://accounts.internal/directory"});
    let with = |field: &str, value: Value| {
        let mut directory = good();
        directory[field] = value;
        directory
    };
    for (directory, expected) in [
        (
            json!("http://accounts.internal"),
            ": invalid type: string \"http://accounts.internal\", expected an object with \"cluster\" and \"uri\"",
        ),
        (
            json!({}),
            ".cluster: missing; write the Envoy cluster that reaches the directory",
        ),
        (
            json!({"cluster": "accounts"}),
            ".uri: missing; write where the directory is",
        ),
        (
            with("cluster", json!("")),
            ".cluster: write the name of an Envoy cluster",
        ),
        (
            with("uri", json!("/directory")),
            ".uri: \"/directory\": write http://… or https://…",
        ),
        (
            with("refresh", json!("0s")),
            ".refresh: write a duration from 1s to 86400s",
        ),
        (
            with("refresh", json!(5)),
            ".refresh: invalid type: integer `5`, expected a duration",
        ),
        (
            with("timeout", json!("2m")),
            ".timeout: write a duration from 1s to 60s",
        ),
        (
            with("max_wait", json!("61s")),
            ".max_wait: write a duration from 0s to 60s",
        ),
        (
            with("authorization_env", json!("")),
            ".authorization_env: write the name of an environment variable",
        ),
        (
            with("max_stale", json!("1h")),
            ".max_stale: unknown field `max_stale`",
        ),
    ] {
        let shown = directory.to_string();
        let error =
            error(|configuration| configuration["accounts"] = json!({"directory": directory}));
        let expected = format!("accounts.directory{expected}");
        assert!(error.starts_with(&expected), "{shown}: {error}");
    }

    let text =
        configuration(|configuration| configuration["accounts"] = json!({"directory": good()}));
    let policy = Policy::from_bytes(text.to_string().as_bytes()).unwrap();
    let directory = policy.directory.unwrap();
    let seconds =
        [directory.refresh, directory.timeout, directory.max_wait].map(|span| span.as_secs());
    assert_eq!(seconds, [5, 5, 2]);
    let none = Policy::from_bytes(configuration(|_| {}).to_string().as_bytes()).unwrap();
    assert!(none.directory.is_none());
}
