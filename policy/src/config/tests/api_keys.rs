use std::time::Duration;

use serde_json::{Value, json};

use super::error;
use crate::config::Policy;
use crate::testing::{api_keys, configuration, policy};

/// `api_keys` with one field changed, by its path.
fn with(path: &[&str], value: Value) -> Value {
    let mut keys = api_keys();
    let mut place = &mut keys;
    for step in path {
        place = &mut place[step];
    }
    *place = value;
    keys
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_say_where_what_and_what_to_write() {
    let cache = |field: &str, value: &str| with(&["cache"], json!({field: value}));
    let introspection = |field: &str, value: Value| with(&["introspection", field], value);
    for (written, expected) in [
        (
            json!("sk_live_"),
            ": invalid type: string \"sk_live_\", expected an object with",
        ),
        (json!({}), ": missing field `prefix`"),
        (
            json!({"prefix": "sk_live_"}),
            ": missing field `introspection`",
        ),
        (
            with(&["prefixes"], json!([])),
            ".prefixes: unknown field `prefixes`",
        ),
        (
            with(&["prefix"], json!("")),
            ".prefix: \"\": without membership the key's text names",
        ),
        (
            with(&["prefix"], json!("sk live")),
            ".prefix: \"sk live\": write 1 to 32 letters",
        ),
        (
            with(&["prefix"], json!("sk.")),
            ".prefix: \"sk.\": write 1 to 32 letters",
        ),
        (
            with(&["prefix"], json!("schlüssel")),
            ".prefix: \"schlüssel\": write 1 to 32",
        ),
        (with(&["prefix"], json!("a".repeat(33))), ".prefix: \"aaaaa"),
        (
            with(&["prefix"], json!("e")),
            ".prefix: \"e\": a JWT can begin so; choose another",
        ),
        (
            with(&["prefix"], json!("ey")),
            ".prefix: \"ey\": a JWT can begin so",
        ),
        (
            with(&["prefix"], json!("eyJh")),
            ".prefix: \"eyJh\": a JWT can begin so",
        ),
        (
            introspection("cluster", json!("")),
            ".introspection.cluster: write the name",
        ),
        (
            introspection("uri", json!("/x")),
            ".introspection.uri: \"/x\": write http",
        ),
        (
            introspection("timeout", json!("0s")),
            ".introspection.timeout: write a duration from 1s to 60s",
        ),
        (
            introspection("max_wait", json!("2m")),
            ".introspection.max_wait: write a duration from 0s to 60s",
        ),
        (
            introspection("authorization_env", json!("")),
            ".introspection.authorization_env: write the name",
        ),
        (
            introspection("authorization_env", json!("A=B")),
            ".introspection.authorization_env: write the name",
        ),
        (
            introspection("secret", json!("x")),
            ".introspection.secret: unknown field",
        ),
        (
            cache("active", "0s"),
            ".cache.active: write a duration from 1s to 300s",
        ),
        (
            cache("active", "6m"),
            ".cache.active: write a duration from 1s to 300s",
        ),
        (
            cache("active", "1s"),
            ".cache.active: is less than introspection.timeout",
        ),
        (
            cache("inactive", "500ms"),
            ".cache.inactive: write a duration from 1s",
        ),
        (
            with(&["cache"], json!({"entries": 999})),
            ".cache.entries: write a number from 1000 to 1000000",
        ),
        (
            with(&["cache"], json!({"entries": 1_000_001})),
            ".cache.entries: write a number",
        ),
        (
            with(&["membership"], json!({"claim": [], "shape": "list"})),
            ".membership.claim: an empty path",
        ),
        (
            with(&["audiences"], json!([""])),
            ".audiences: an empty text is no audience",
        ),
    ] {
        let shown = written.to_string();
        let error = error(|configuration| configuration["api_keys"] = written);
        let expected = format!("api_keys{expected}");
        assert!(error.starts_with(&expected), "{shown}: {error}");
    }
    let required = error(|configuration| {
        configuration["api_keys"] = api_keys();
        let introspection = configuration["api_keys"]["introspection"].as_object_mut();
        introspection.unwrap().remove("authorization_env");
    });
    assert!(
        required.contains("missing field `authorization_env`"),
        "{required}"
    );
}

#[test]
fn what_is_left_out_has_a_default() {
    let keys = policy(|configuration| configuration["api_keys"] = api_keys());
    let keys = keys.api_keys.unwrap();
    let times = [
        keys.remote.timeout,
        keys.remote.max_wait,
        keys.cache.active,
        keys.cache.inactive,
    ];
    assert_eq!(times.map(|time| time.as_secs()), [2, 2, 10, 5]);
    assert_eq!(keys.cache.entries, 10_000);
    assert!(keys.name_their_account());

    for configuration in [
        configuration(|_| {}),
        configuration(|configuration| configuration["api_keys"] = json!(null)),
    ] {
        let policy = Policy::from_bytes(configuration.to_string().as_bytes()).unwrap();
        assert!(policy.api_keys.is_none());
    }
}

#[test]
fn what_is_right_is_taken() {
    let any = || json!("any");
    for written in [
        with(&["prefix"], json!("sk-")),
        with(&["prefix"], json!("E")),
        with(&["prefix"], json!("egg_")),
        with(
            &["cache"],
            json!({"active": "2s", "inactive": "1s", "entries": 1000.0}),
        ),
        with(&["membership"], json!(null)),
        with(&["audiences"], json!(["api"])),
        json!({"prefix": "", "membership": any(), "introspection": api_keys()["introspection"]}),
    ] {
        let shown = written.to_string();
        let text = configuration(|configuration| configuration["api_keys"] = written);
        let taken = Policy::from_bytes(text.to_string().as_bytes());
        assert!(taken.is_ok(), "{shown}: {taken:?}");
    }
    let longer = policy(|configuration| {
        configuration["api_keys"] = with(&["cache"], json!({"active": "5m"}));
    });
    let active = longer.api_keys.unwrap().cache.active;
    assert_eq!(active, Duration::from_secs(300));
}
