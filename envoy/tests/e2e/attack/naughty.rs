//! The big list of naughty strings, in every field of a request.

use naughty_strings::BLNS;
use serde_json::json;
use tollgate_envoy::issuer::Draft;
use tollgate_envoy::trials::storm::http2::Http2;
use tollgate_envoy::trials::storm::mirror::Arrival;

use super::{ATTACKED, Fate, TOKEN, Version, credentials, fate_1, fate_2, field, head, pseudo};
use crate::world::{AGENTS, good};

const VERSIONS: [Version; 2] = [Version::One, Version::Two];

/// Whether a header can carry it: no control bytes (RFC 9110 §5.5).
fn is_value(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f)
}

/// The same bytes, but for white space around them.
fn trimmed(text: &str) -> &[u8] {
    text.as_bytes().trim_ascii()
}

fn escaped(text: &str) -> String {
    let escape = |byte| format!("%{byte:02X}");
    text.bytes().map(escape).collect::<Vec<_>>().concat()
}

fn assert_acme(arrival: &Arrival, text: &str) {
    let said = ATTACKED.assertion(arrival);
    assert_eq!(
        (said.account.as_str(), said.admin),
        ("acme", false),
        "{text:?}"
    );
    assert_eq!(
        arrival.values("x-account-id").collect::<Vec<_>>(),
        [b"acme"],
        "{text:?}"
    );
}

#[test]
fn in_headers_that_are_not_the_gates_they_arrive_as_they_are() {
    let mut arrived = 0;
    for text in BLNS {
        for version in VERSIONS {
            let fields = [credentials(), vec![field("x-naughty", text)]].concat();
            match ATTACKED.send(version, "GET", AGENTS.as_bytes(), &fields) {
                Fate::Arrived(arrival) => {
                    assert_acme(&arrival, text);
                    let found: Vec<_> = arrival
                        .values("x-naughty")
                        .map(<[u8]>::trim_ascii)
                        .collect();
                    assert_eq!(found, [trimmed(text)], "{version:?}");
                    arrived += 1;
                }
                other => assert!(
                    other == Fate::Rejected && !is_value(text),
                    "{other:?} {text:?}"
                ),
            }
        }
    }
    assert!(arrived > 900, "{arrived}");
}

#[test]
fn in_the_gates_headers_they_are_refused_or_removed() {
    for text in BLNS {
        for version in VERSIONS {
            for (name, removed) in [
                ("x-tollgate-subject", true),
                ("x_tollgate_assertion", true),
                ("x-admin", true),
                ("x-account-id", false),
                ("authorization", false),
            ] {
                let mut fields = credentials();
                fields.retain(|(found, _)| found != name.as_bytes());
                fields.push(field(name, text));
                match ATTACKED.send(version, "GET", AGENTS.as_bytes(), &fields) {
                    Fate::Arrived(arrival) if removed => assert_acme(&arrival, text),
                    Fate::Arrived(_) => unreachable!("{version:?} {name}: {text:?}"),
                    Fate::Refused(_) => assert!(!removed, "{version:?} {name}: {text:?}"),
                    Fate::Rejected => assert!(!is_value(text), "{version:?} {name}: {text:?}"),
                }
            }
            let fields = [
                field("x-account-id", "acme"),
                field("authorization", format!("Bearer {text}")),
            ];
            let fate = ATTACKED.send(version, "GET", AGENTS.as_bytes(), &fields);
            assert!(!matches!(fate, Fate::Arrived(_)), "{version:?} {text:?}");
        }
    }
}

/// Whatever a path is, whoever has no right to it does not get there; what does, arrives as it was sent.
#[test]
fn in_paths_and_queries() {
    let (mut arrived, mut refused) = (0, 0);
    for text in BLNS {
        for version in VERSIONS {
            for (target, fields) in [
                (format!("/{text}"), vec![]),
                (format!("/{}", escaped(text)), vec![]),
                (format!("/api/accounts/validate/{text}"), vec![]),
                (format!("/api/accounts/validate/{}", escaped(text)), vec![]),
                (format!("{AGENTS}/{text}"), credentials()),
                (format!("{AGENTS}/{}", escaped(text)), credentials()),
                (format!("{AGENTS}?{text}"), credentials()),
                (format!("{AGENTS}?{}", escaped(text)), credentials()),
            ] {
                match ATTACKED.send(version, "GET", target.as_bytes(), &fields) {
                    Fate::Arrived(arrival) => {
                        arrived += 1;
                        // Envoy's HTTP/1 takes spaces behind the target for those before the version.
                        assert_eq!(arrival.target, target.trim_end_matches(' '), "{version:?}");
                        let is_public = target.starts_with("/api/accounts/validate/");
                        if is_public {
                            assert_eq!(arrival.values("x-tollgate-assertion").count(), 0);
                        } else {
                            assert_acme(&arrival, text);
                        }
                    }
                    Fate::Refused(_) => refused += 1,
                    Fate::Rejected => {}
                }
            }
        }
    }
    assert!(arrived > 2000 && refused > 1000, "{arrived} {refused}");
}

/// Bodies are nobody's business here.
#[test]
fn in_bodies_they_arrive_as_they_are() {
    for text in BLNS {
        let length = field("content-length", text.len().to_string());
        let fields = [credentials(), vec![length]].concat();
        let mut connection = ATTACKED.stack.gate().connect().unwrap();
        let request = [
            head("POST", AGENTS.as_bytes(), &fields),
            text.as_bytes().to_vec(),
        ]
        .concat();
        connection.write(&request).unwrap();
        let one = fate_1(connection.receive("POST")).arrival();
        assert_eq!(one.body, text.as_bytes());

        let mut connection = Http2::connect(ATTACKED.stack.gate()).unwrap();
        let fields = pseudo("POST", AGENTS.as_bytes(), &credentials());
        let stream = connection.begin(&fields, false).unwrap();
        connection.body(stream, text.as_bytes(), true).unwrap();
        let two = fate_2(&connection.end().unwrap().unwrap().1).arrival();
        assert_eq!(two.body, text.as_bytes());
    }
}

#[test]
fn in_claims_they_are_whoever_it_is() {
    for text in BLNS {
        let draft = Draft::member("acme")
            .claim("sub", json!(text))
            .algorithm("ES256");
        let token = ATTACKED.stack.issuer().mint(&draft);
        let fields = [
            field("x-account-id", "acme"),
            field("authorization", format!("Bearer {token}")),
        ];
        match ATTACKED.send(Version::One, "GET", AGENTS.as_bytes(), &fields) {
            Fate::Arrived(arrival) => assert_eq!(ATTACKED.assertion(&arrival).subject, **text),
            // Nobody is called nothing.
            other => assert!(text.is_empty(), "{other:?} {text:?}"),
        }
    }
    assert!(!TOKEN.is_empty());
    assert_eq!(good(&ATTACKED.stack).send().unwrap().status, 200);
    let log = ATTACKED.stack.envoy().log();
    assert!(!log.contains("unreachable"), "{log}");
}
