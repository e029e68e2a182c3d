mod api_keys;
mod directory;
mod schema;

use super::*;
use crate::testing::configuration;
use proptest::prelude::*;
use serde_json::{Value, json};

fn error(change: impl FnOnce(&mut Value)) -> String {
    let configuration = configuration(change);
    let error = Policy::from_bytes(configuration.to_string().as_bytes())
        .expect_err("a wrong configuration")
        .to_string();
    schema::agrees(&configuration, &error);
    error
}

/// Puts a value at a JSON pointer, making the members on the way.
fn at(pointer: &str, value: Value) -> impl FnOnce(&mut Value) {
    let steps: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
    move |configuration| {
        let mut place = configuration;
        for step in steps {
            place = match step.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[step],
            };
        }
        *place = value;
    }
}

#[test]
fn a_configuration_has_a_largest_size() {
    let text = configuration(|_| {}).to_string();
    let padded = |bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    assert!(Policy::from_bytes(padded(MAX_BYTES).as_bytes()).is_ok());
    assert_eq!(
        Policy::from_bytes(padded(MAX_BYTES + 1).as_bytes())
            .map(drop)
            .map_err(|error| error.to_string()),
        Err("configuration: 4194305 bytes; write at most 4194304".to_owned())
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_say_where_what_and_what_to_write() {
    let table = [
        ("/issuers", json!([]), "issuers: an empty list"),
        (
            "/issuers",
            json!({}),
            "issuers: invalid type: map, expected a sequence",
        ),
        (
            "/errors",
            json!("text"),
            "errors: invalid type: string \"text\", expected an object such as {\"format\": \"text\"}",
        ),
        (
            "/accounts",
            json!(null),
            "accounts: invalid type: null, expected an object such as",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": 60}]),
            "caps[0].limits: invalid type: integer `60`, expected an object such as {\"per_minute\": 60}",
        ),
        (
            "/issuers/0/isuer",
            json!(1),
            "issuers[0].isuer: unknown field `isuer`, expected one of `issuer`",
        ),
        (
            "/issuers/0/audiences",
            json!([]),
            "issuers[0].audiences: an empty list",
        ),
        (
            "/issuers/0/algorithms",
            json!(["HS256"]),
            "issuers[0].algorithms[0]: \"HS256\" is not available; write any of RS256",
        ),
        (
            "/issuers/0/clock_skew",
            json!("10 parsecs"),
            "issuers[0].clock_skew: invalid value: string \"10 parsecs\", expected a duration as text, such as \"30s\"",
        ),
        (
            "/issuers/0/clock_skew",
            json!(60),
            "issuers[0].clock_skew: invalid type: integer `60`, expected a duration as text",
        ),
        (
            "/issuers/0/clock_skew",
            json!("1h"),
            "issuers[0].clock_skew: write 10m at most",
        ),
        (
            "/issuers/0/max_size",
            json!(1.5),
            "issuers[0].max_size: invalid value: floating point `1.5`, expected a whole number",
        ),
        (
            "/issuers/0/max_size",
            json!(-1),
            "issuers[0].max_size: invalid value: integer `-1`",
        ),
        (
            "/issuers/0/membership",
            json!("all"),
            "issuers[0].membership: invalid value: string \"all\", expected {\"claim\"",
        ),
        (
            "/issuers/0/membership",
            json!({"claim": [], "shape": "list"}),
            "issuers[0].membership.claim: an empty path",
        ),
        (
            "/issuers/0/membership",
            json!({"claim": ["a"], "shape": "map"}),
            "issuers[0].membership.shape: unknown variant `map`, expected one of `string`, `list`, `keys`",
        ),
        (
            "/issuers/0/jwks",
            json!({}),
            "issuers[0].jwks: write cluster and uri, or cluster and discovery: true, or inline",
        ),
        (
            "/issuers/0/jwks",
            json!({"uri": "http://a"}),
            "issuers[0].jwks.cluster: missing",
        ),
        (
            "/issuers/0/jwks",
            json!({"cluster": "a"}),
            "issuers[0].jwks.uri: missing",
        ),
        (
            "/issuers/0/jwks",
            json!({"cluster": "a", "uri": "a/keys"}),
            "issuers[0].jwks.uri: \"a/keys\": write http",
        ),
        (
            "/issuers/0/jwks",
            json!({"inline": {"keys": []}}),
            "issuers[0].jwks.inline: no usable key",
        ),
        (
            "/issuers/0/jwks",
            json!({"cluster": "c", "uri": "http://a/b", "discovery": true}),
            "issuers[0].jwks: has uri and discovery; write one of them",
        ),
        (
            "/issuers/0/jwks",
            json!({"discovery": true}),
            "issuers[0].jwks.cluster: missing",
        ),
        (
            "/issuers/0/jwks",
            json!({"cluster": "c", "uri": "http://a/b", "unknown_kid_cooldown": "0s"}),
            "issuers[0].jwks.unknown_kid_cooldown: write a duration from 1s",
        ),
        (
            "/token_cache",
            json!({"entries": 1_000_001}),
            "token_cache.entries: write a number from 0 to 1000000",
        ),
        (
            "/issuers/0/jwks",
            json!({"cluster": "a", "uri": "http://a", "timeout": "0s"}),
            "issuers[0].jwks.timeout",
        ),
        (
            "/accounts",
            json!({"pattern": "("}),
            "accounts.pattern: \"(\"",
        ),
        (
            "/accounts",
            json!({"header": "X-Account"}),
            "accounts.header: \"X-Account\": write a header's name in lower-case",
        ),
        (
            "/accounts",
            json!({"header": "authorization"}),
            "accounts.header: \"authorization\": this header has a meaning",
        ),
        (
            "/mounts",
            json!(["hub-api"]),
            "mounts: \"hub-api\": a mount is",
        ),
        (
            "/routes/0/match",
            json!("GTE /x"),
            "routes[0].match: \"GTE /x\": unknown method; write GET, POST, … or *",
        ),
        (
            "/routes/0/access",
            json!("open"),
            "routes[0].access: unknown variant `open`",
        ),
        (
            "/caps",
            json!([{"name": "a b", "limits": {}}]),
            "caps[0].name: \"a b\": write 1 to 64 letters",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {"per_minute": "60"}}]),
            "caps[0].limits.per_minute: invalid type: string \"60\", expected a whole number",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {"per_week": 5}}]),
            "caps[0].limits.per_week: unknown field `per_week`, expected one of `concurrent`, `per_minute`, `per_hour`, `per_day`",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {}}, {"name": "a", "limits": {}}]),
            "caps[1].name: two caps",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {}, "routes": []}]),
            "caps[0].routes: an empty list",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {}, "routes": ["x"]}]),
            "caps[0].routes[0]: \"x\": write METHOD PATH",
        ),
        (
            "/caps",
            json!([{"name": "a", "limits": {}, "accounts": {"Acme": {}}}]),
            "caps[0].accounts.Acme: no request can be for this account",
        ),
        (
            "/assertion/ttl",
            json!("0s"),
            "assertion.ttl: write whole seconds",
        ),
        (
            "/assertion/key_env",
            json!(""),
            "assertion.key_env: write the name",
        ),
        (
            "/errors",
            json!({"format": "html"}),
            "errors.format: unknown variant `html`, expected `problem_json` or `text`",
        ),
        (
            "/filter_state",
            json!(["path"]),
            "filter_state[0]: unknown variant `path`, expected one of `account`, `subject`, `decision`, `cap`",
        ),
        ("/apikeys", json!({}), "apikeys: unknown field `apikeys`"),
        (
            "/issuers/0/routes",
            json!([]),
            "issuers[0].routes: an empty list",
        ),
        (
            "/issuers/0/routes",
            json!(["GET /x", "/y"]),
            "issuers[0].routes[1]: \"/y\": write METHOD PATH",
        ),
        (
            "/mode",
            json!("dry-run"),
            "mode: unknown variant `dry-run`, expected `enforce` or `report`",
        ),
        (
            "/shared_counts",
            json!({"bytes": 1000}),
            "shared_counts.bytes: 1000: with 0 caps, write a number from 1048576 to 268435456 (256 MiB)",
        ),
    ];
    for (pointer, value, expected) in table {
        let shown = format!("{pointer} = {value}");
        let error = error(at(pointer, value));
        assert!(error.starts_with(expected), "{shown}: {error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let found = Policy::from_bytes(b"{}").unwrap_err().to_string();
    assert_eq!(found, "configuration: missing field `issuers`");
    for field in ["issuer", "audiences", "jwks", "membership"] {
        let error = error(|configuration| {
            configuration["issuers"][0]
                .as_object_mut()
                .unwrap()
                .remove(field);
        });
        assert!(
            error.contains(&format!("missing field `{field}`")),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_json_is_located() {
    for (text, expected) in [
        ("", "configuration: missing; write an object"),
        (
            "{,}",
            "configuration: not valid JSON: key must be a string at line 1 column 2",
        ),
        ("[]", "configuration: not valid JSON: not an object"),
        (
            r#"{"caps":[],"caps":[]}"#,
            "configuration: not valid JSON: a repeated member",
        ),
    ] {
        let error = Policy::from_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_protobuf_struct_will_do() {
    // {"issuers": "x"}
    let message = b"\n\x0e\n\x07issuers\x12\x03\x1a\x01x";
    let error = Policy::from_bytes(message).unwrap_err().to_string();
    assert!(
        error.starts_with("issuers: invalid type: string \"x\""),
        "{error}"
    );
}

#[test]
fn numbers_may_be_floating_point_as_protobuf_writes_them() {
    let text = configuration(|configuration| {
        configuration["caps"] = json!([{"name": "a", "limits": {"per_minute": 60.0}}]);
        configuration["issuers"][0]["max_size"] = json!(8192.0);
    });
    assert!(Policy::from_bytes(text.to_string().as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,80}") {
        let _ = Policy::from_bytes(text.as_bytes());
    }

    /// Any one value of a good configuration replaced by anything.
    #[test]
    fn any_value_is_answered(
        pointer in prop::sample::select(vec![
            "/issuers", "/issuers/0", "/issuers/0/issuer", "/issuers/0/audiences", "/issuers/0/jwks",
            "/issuers/0/jwks/inline", "/issuers/0/membership", "/issuers/0/admin", "/accounts", "/mounts",
            "/routes", "/routes/0", "/routes/0/match", "/caps", "/assertion", "/assertion/ttl", "/errors",
        ]),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from), ".{0,20}".prop_map(Value::from),
            prop::collection::vec(".{0,8}", 0..3).prop_map(Value::from),
            Just(json!({})), Just(json!([{}])), Just(json!({"keys": [{}]})),
        ],
    ) {
        let text = configuration(at(pointer, value)).to_string();
        let _ = Policy::from_bytes(text.as_bytes());
    }
}

#[test]
fn discovery_is_asked_for_at_the_issuer() {
    for issuer in [
        "https://id.example.com/realm",
        "https://id.example.com/realm/",
    ] {
        let policy = crate::testing::policy(|configuration| {
            configuration["issuers"][0]["issuer"] = json!(issuer);
            configuration["issuers"][0]["jwks"] = json!({"cluster": "c", "discovery": true});
        });
        let remote = policy.issuers[0].jwks.remote.as_ref().unwrap();
        let expected = "/realm/.well-known/openid-configuration";
        assert_eq!(remote.location.uri().path, expected, "{issuer}");
    }
    let error = error(|configuration| {
        configuration["issuers"][0]["issuer"] = json!("urn:issuer");
        configuration["issuers"][0]["jwks"] = json!({"cluster": "c", "discovery": true});
    });
    assert!(error.starts_with("issuers[0].jwks.discovery: "), "{error}");
}
