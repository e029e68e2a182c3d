//! The JSON Schema and the parser: what the one refuses the other does.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::*;
use crate::algorithm::Algorithm;

static SCHEMA: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&tollgate_config::schema()).unwrap());

/// What only the parser knows: what fields mean together, what must differ, and texts with a grammar of their own.
const RULES: [&str; 24] = [
    "issuers: an empty list: nobody could be admitted",
    "is listed twice; put both into one",
    "clock_skew: write 10m at most",
    "jwks: write cluster and uri, or cluster and discovery: true, or inline",
    "jwks.cluster: missing",
    "jwks.uri: missing",
    "write http://… or https://…, without user and fragment",
    "has uri and discovery; write one of them",
    "no usable key",
    "write a duration from ",
    "is less than refresh",
    "is less than introspection.timeout",
    "without membership the key's text names its account",
    "a JWT can begin so",
    "this header has a meaning of its own",
    "accounts.pattern: ",
    "** must be a segment of its own",
    "* and ** may only be the last segment",
    "a segment is a text, {name}, * or **, not a mixture",
    "the gate refuses such a path, so it can never match",
    "two caps have this name",
    "no request can be for this account",
    "write whole seconds from 1s to 1h",
    "write 0 to remember no tokens, or 2 at least",
];

/// Holds a configuration that the parser refuses against the schema.
pub(super) fn agrees(configuration: &Value, error: &str) {
    let Value::Object(members) = configuration.clone() else {
        unreachable!("configurations of these tests are objects")
    };
    let is_form = tollgate_config::read(members).is_err();
    let is_rule = RULES.iter().any(|rule| error.contains(rule));
    if is_form || !is_rule {
        assert!(
            !SCHEMA.is_valid(configuration),
            "only the parser refuses: {error}"
        );
    }
}

#[test]
fn the_schema_takes_what_the_parser_takes() {
    let full = configuration(|configuration| {
        configuration["api_keys"] = crate::testing::api_keys();
        configuration["issuers"][0]["algorithms"] = json!(Algorithm::ALL.map(Algorithm::as_str));
        configuration["issuers"][0]["clock_skew"] = json!(" 1 0 s 1.5s 3ms");
        configuration["issuers"][0]["max_size"] = json!(8192.0);
        configuration["caps"] =
            json!([{"name": "a", "limits": {"per_day": null}, "accounts": {"b": {"per_hour": 0}}}]);
    });
    for right in [configuration(|_| {}), full] {
        assert!(Policy::from_bytes(right.to_string().as_bytes()).is_ok());
        let refused: Vec<_> = SCHEMA
            .iter_errors(&right)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(refused, Vec::<String>::new());
    }
}

#[test]
fn the_schema_knows_every_algorithm() {
    assert_eq!(
        tollgate_config::ALGORITHMS,
        Algorithm::ALL.map(Algorithm::as_str)
    );
}
