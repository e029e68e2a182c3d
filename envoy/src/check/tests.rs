//! What is wrong, and where.

mod carriers;
mod warnings;

use super::finding::Level;
use super::*;
use crate::carrier::reader::Reader;
use crate::config::{Config, REFERENCE};

/// What is found in a text, in its order.
fn findings(text: &str, is_json: bool) -> Vec<Finding> {
    let mut found = all_findings(&[carrier::documents(text, is_json)]);
    found.remove(0)
}

/// What is found, one line each, as it is printed.
fn lines(text: &str) -> Vec<String> {
    let show = |finding: &Finding| {
        let shown = Shown {
            finding,
            file: "f",
            in_colour: false,
        };
        shown.to_string()
    };
    findings(text, false).iter().map(show).collect()
}

fn names(text: &str) -> Vec<&'static str> {
    let name = |finding: &Finding| match finding.level {
        Level::Warning(warning) => warning.name(),
        Level::Error => "error",
        Level::Note => "note",
    };
    findings(text, false).iter().map(name).collect()
}

/// The reference with one text in place of another, which it must have.
fn changed(from: &str, to: &str) -> String {
    assert!(REFERENCE.contains(from), "{from}");
    REFERENCE.replacen(from, to, 1)
}

#[test]
fn there_is_nothing_to_say_of_the_reference() {
    assert_eq!(lines(REFERENCE), Vec::<String>::new());
}

/// This reader of YAML has the places of everything; the other one what the tests of the whole run on.
#[test]
fn the_reference_is_read_as_elsewhere() {
    let document = &Parsed::read(REFERENCE, false).documents[0];
    let mut other = Config::reference().unwrap();
    let read = Reader::Envoy.value(document);
    let place = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/1/typed_config/config/configuration/value";
    assert_eq!(read.pointer(place), Some(&*other.policy().unwrap()));
}

#[test]
fn all_errors_are_said_each_at_its_place() {
    let text = "\
issuers:
- isuer: https://id.example.com
  audiences: []
  jwks: {cluster: z, uri: ftp://x, refresh: 10 minuts, max_stale: 5m}
  membership: {claim: [a], shape: lst}
  clock_skew: yes
assertion: {key_env: A, audience: b, ttl: 0s}
caps:
- name: a b
  limits: {per_week: 5}
  accounts: {Acme: {}, \"a.b[0]\": {}, ok: {per_day: x}}
routes:
- match: GTE /x
  access: open
";
    let errors: Vec<_> = lines(text)
        .into_iter()
        .filter(|line| line.contains("error"))
        .collect();
    let expected = [
        "f:2:3: error: issuers[0].isuer: unknown field `isuer`, expected one of `issuer`",
        "f:2:3: error: issuers[0]: missing field `issuer`; write one such as \"https://id.example.com\"",
        "f:3:3: error: issuers[0].audiences: an empty list",
        "f:4:22: error: issuers[0].jwks.uri: \"ftp://x\": write http",
        "f:4:36: error: issuers[0].jwks.refresh: invalid value: string \"10 minuts\"",
        "f:5:28: error: issuers[0].membership.shape: unknown variant `lst`",
        "f:6:3: error: issuers[0].clock_skew: invalid type: boolean `true`",
        "f:7:38: error: assertion.ttl: write whole seconds",
        "f:9:3: error: caps[0].name: \"a b\": write 1 to 64",
        "f:10:12: error: caps[0].limits.per_week: unknown field",
        "f:11:14: error: caps[0].accounts.Acme: no request can be for this account",
        "f:11:24: error: caps[0].accounts.a.b[0]: no request can be for this account",
        "f:11:43: error: caps[0].accounts.ok.per_day: invalid type: string \"x\"",
        "f:13:3: error: routes[0].match: \"GTE /x\": unknown method",
        "f:14:3: error: routes[0].access: unknown variant `open`",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

/// Whatever is wrong, it ends, and says at least what the parser says.
#[test]
fn what_contradicts_itself_is_said_once() {
    for (text, expected) in [
        ("issuers: []", "issuers: an empty list"),
        ("{}", "no Tollgate filter"),
        ("issuers: 1", "issuers: invalid type"),
        (
            "issuers: []\napi_keys: {prefix: \"\", introspection: {cluster: a, uri: http://a, authorization_env: A}}",
            "api_keys.prefix: \"\": without membership",
        ),
        (
            "issuers: []\napi_keys: {prefix: a, introspection: {cluster: a, uri: http://a, authorization_env: A, timeout: 60s}}",
            "api_keys.cache.active: is less than",
        ),
        (
            "issuers: [{issuer: a, audiences: [a], membership: any, jwks: {cluster: a, uri: http://a, discovery: true}}]",
            "issuers[0].jwks: has uri and discovery",
        ),
        (
            "issuers: [{issuer: http://a, audiences: [a], membership: any, jwks: {discovery: true}}]",
            "issuers[0].jwks.cluster: missing",
        ),
        (
            "issuers: [{issuer: a, audiences: [a], membership: any, jwks: {cluster: a, uri: http://a, refresh: 2d}}]",
            "issuers[0].jwks.max_stale: is less than refresh",
        ),
        (
            "issuers: [{issuer: a, audiences: [a], membership: any, jwks: {cluster: a, discovery: true}}]",
            "issuers[0].jwks.discovery: \"a/.well-known",
        ),
        ("routes: []", "configuration: missing field `issuers`"),
    ] {
        let errors: Vec<_> = lines(text)
            .into_iter()
            .filter(|line| line.contains(" error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{text}: {errors:#?}");
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}

#[test]
fn text_in_a_string_value_has_its_lines() {
    let place = "                    issuers:\n";
    let (before, _) = REFERENCE.split_once(place).unwrap();
    let before = before.replace("google.protobuf.Struct", "google.protobuf.StringValue");
    let before = before.trim_end().to_owned();
    let text = format!(
        "{before} |\n                    {{\"issuers\": [],\n                     \"mode\": \"report\"}}\n"
    );
    let line = before.lines().count() + 1;
    let found = lines(&text);
    assert!(
        found
            .iter()
            .any(|one| one.starts_with(&format!("f:{line}:22: error: "))
                && one.contains("issuers: an empty list")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(
            |one| one.starts_with(&format!("f:{}:22: warning: ", line + 1)) && one.contains("mode")
        ),
        "{found:#?}"
    );
    let broken = text.replace("\"report\"}", "\"report\",}");
    let found = lines(&broken);
    assert!(
        found.iter().any(
            |one| one.starts_with(&format!("f:{}:39: error: ", line + 1))
                && one.contains("not valid JSON")
        ),
        "{found:#?}"
    );
}

#[test]
fn what_is_no_yaml_is_said_with_its_place() {
    assert_eq!(
        lines("a: [1\nb: 2\n")[0],
        "f:2:2: error: not valid YAML: illegal placement of ':' indicator"
    );
    assert_eq!(
        lines("issuers: []\nmode: a\nmode: b\n")[0],
        "f:3:1: error: \"mode\" is here twice (first at 2:1); keep one"
    );
    assert!(lines("hello")[0].contains("no Tollgate filter"));
    let json = findings("{\"issuers\": [\n\t{\"x\": 1}\n]}", true);
    assert_eq!((json[2].mark.line, json[2].mark.column), (2, 2), "{json:?}");
    let json = findings("{\"issuers\": 1,\n}", true);
    assert_eq!((json[0].mark.line, json.len()), (2, 1), "{json:?}");
}

#[test]
fn envoy_reads_numbers_in_its_own_way() {
    let text = changed(
        "shared_counts: {bytes: 67108864}",
        "shared_counts: {bytes: 67108864.0}",
    );
    assert!(lines(&text)[0].contains("shared_counts.bytes: invalid type: string \"67108864.0\""));
}
