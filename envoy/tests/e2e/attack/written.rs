//! Nothing that somebody writes becomes more than the value that it is: not in headers, not in bodies, not in logs.

use serde_json::{Value, json};
use tollgate_envoy::issuer::Draft;
use tollgate_envoy::trials::storm::mirror::Field;

use super::{ATTACKED, Fate, Version, credentials, field};
use crate::world::{AGENTS, wait_until};

/// What no value of a header or a line of a log may have in it.
const INJECTED: &str = "x-injected";

fn subjects() -> Vec<String> {
    let mut all: Vec<String> = (0..0x20_u8)
        .chain([0x7f])
        .map(|byte| format!("a{}{INJECTED}: 1", char::from(byte)))
        .collect();
    all.extend(
        [
            "a\r\nx-injected: 1",
            "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "user 1",
            " user",
            "user ",
            "100%",
            "%0d%0a",
            "\"quoted\", error=\"none\"",
            "back\\slash",
            "comma,comma",
            "{\"admin\":true}",
            "é",
            "用户",
            "🦀🦀",
            "\u{202e}resu",
            "\u{feff}user",
            "a\u{0}b",
            "\u{85}\u{2028}\u{2029}",
            "\u{d7ff}\u{e000}\u{10ffff}",
        ]
        .map(str::to_owned),
    );
    all.push("é".repeat(1500));
    all.push("\n".repeat(2000));
    all.push("x".repeat(4500));
    all
}

fn bearing(draft: &Draft) -> Vec<Field> {
    let token = ATTACKED.stack.issuer().mint(draft);
    vec![
        field("x-account-id", "acme"),
        field("authorization", format!("Bearer {token}")),
    ]
}

/// The gate's encoding, written anew: visible ASCII but `%` stays.
fn encoded(subject: &str) -> String {
    let escape = |byte: u8| match byte {
        b'%' => "%25".to_owned(),
        b'!'..=b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    subject.bytes().map(escape).collect()
}

#[test]
fn subjects_are_encoded_and_stay_one_value_everywhere() {
    for (number, subject) in subjects().iter().enumerate() {
        let fields = bearing(&Draft::member("acme").claim("sub", json!(subject)));
        let target = format!("{AGENTS}?subject={number}");
        let fate = ATTACKED.send(Version::One, "GET", target.as_bytes(), &fields);
        let arrival = fate.arrival();
        let written: Vec<_> = arrival.values("x-tollgate-subject").collect();
        assert_eq!(written, [encoded(subject).as_bytes()], "{subject:?}");
        assert_eq!(ATTACKED.assertion(&arrival).subject, *subject);
        assert_eq!(arrival.values(INJECTED).count(), 0, "{subject:?}");

        let entry = |entry: &Value| entry["path"] == json!(target);
        let entry = ATTACKED.stack.envoy().access(entry).unwrap();
        let logged = entry["subject"].as_str().unwrap();
        assert!(
            encoded(subject).starts_with(logged) && logged.len() > 2,
            "{entry}"
        );
        assert_eq!(entry["account"], "acme");
    }
}

/// Claims that are not the subject are read, and written nowhere.
#[test]
fn other_claims_go_nowhere() {
    let odd = "a\r\nx-injected: 1\"}\u{0}🦀";
    for claim in ["email", "name", "azp", "jti", "scope", odd] {
        let fields = bearing(&Draft::member("acme").claim(claim, json!(odd)));
        let arrival = ATTACKED
            .send(Version::One, "GET", AGENTS.as_bytes(), &fields)
            .arrival();
        assert!(
            !arrival.to_json().to_string().contains(INJECTED),
            "{claim:?}"
        );
    }
}

/// Refusals say what is wrong in the gate's words, whatever was sent.
#[test]
fn refusals_repeat_nothing() {
    let marker = "x-injected\"}<b>";
    let draft = |name: &str| Draft::member("acme").claim(name, json!(marker));
    let forged = |header: &str| {
        let draft = Draft::member("acme").header(header, json!(marker));
        bearing(&draft)
    };
    let header = |name: &str| [credentials(), vec![field(name, marker)]].concat();
    let cases: Vec<(&str, Vec<Field>, &str)> = vec![
        (
            AGENTS,
            vec![field("x-account-id", marker)],
            "account_invalid",
        ),
        (AGENTS, bearing(&draft("iss")), "token_issuer"),
        (AGENTS, bearing(&draft("aud")), "token_audience"),
        (AGENTS, bearing(&draft("exp")), "token_malformed"),
        (AGENTS, forged("alg"), "token_algorithm"),
        (AGENTS, forged("typ"), "token_malformed"),
        (
            AGENTS,
            vec![
                field("x-account-id", "acme"),
                field("authorization", format!("Bearer {marker}")),
            ],
            "token_malformed",
        ),
        (
            AGENTS,
            vec![
                field("x-account-id", "acme"),
                field("authorization", format!("Bearer sk_live_{marker}")),
            ],
            "",
        ),
        ("/api/accounts/%00x-injected", vec![], "path_ambiguous"),
        (
            "/api/v1/x-injected",
            header("x-account-id"),
            "account_duplicate",
        ),
        ("/api/admin/accounts", header("x-admin"), "admin_required"),
    ];
    for (path, fields, code) in cases {
        let request = fields
            .iter()
            .fold(ATTACKED.stack.get(path), |request, (name, value)| {
                request.header(name, value)
            });
        let answer = request.send().unwrap();
        let problem = answer.json();
        assert!(problem.is_object(), "{path} {}", answer.text());
        assert!(
            code.is_empty() || problem["code"] == code,
            "{path}: {problem}"
        );
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            !answer.text().contains("injected") && !challenge.contains("injected"),
            "{problem} {challenge}"
        );
        // quoted-string (RFC 9110 §5.6.4): nothing in it needs a backslash.
        assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
        assert!(!challenge.contains('\\'), "{challenge}");
    }
}

/// Any bytes that Envoy lets through leave one line of JSON in the access log; and no path but the request's own.
#[test]
fn a_line_of_the_access_log_stays_a_line() {
    let any: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
    for version in [Version::One, Version::Two] {
        for (name, value) in [
            ("x-request-id", any.clone()),
            ("x-envoy-original-path", b"/somewhere/else".to_vec()),
            ("x-forwarded-for", any.clone()),
            ("user-agent", any.clone()),
            ("x-account-id", any.clone()),
            ("authorization", any.clone()),
        ] {
            for path in ["/api/accounts", AGENTS] {
                let target = format!("{path}?line-{version:?}-{name}");
                let fate = ATTACKED.send(version, "GET", target.as_bytes(), &[field(name, &value)]);
                assert_ne!(fate, Fate::Rejected, "{version:?} {name}");
                let entry = ATTACKED
                    .stack
                    .envoy()
                    .access(|entry| entry["path"] == json!(target));
                assert!(entry.is_some(), "{target} is not in the log");
            }
        }
    }
    let log = || ATTACKED.stack.envoy().access_log_bytes().unwrap();
    wait_until("the log ends with a whole line", || log().ends_with(b"\n"));
    for line in log()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let entry: Result<Value, _> = serde_json::from_slice(line);
        assert!(
            entry.is_ok_and(|entry| entry["time"].is_string()),
            "{}",
            line.escape_ascii()
        );
    }
}
