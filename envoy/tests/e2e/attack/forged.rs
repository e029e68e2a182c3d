//! No identity can be forged, whatever the headers are called, and however often and in whatever order they come.

use tollgate_envoy::trials::storm::mirror::{Arrival, Field};
use tollgate_envoy::trials::storm::witness;

use super::{ATTACKED, Fate, Version, credentials, field};
use crate::world::AGENTS;

const PUBLIC: &str = "/api/accounts";
const FORGED: &str = "root";

/// What the gate sets, and what would be taken for it: as it is written, and with other bytes for the dashes and letters.
fn spellings(name: &str, version: Version) -> Vec<String> {
    let mut all = vec![
        name.to_owned(),
        name.replace('-', "_"),
        name.replace('-', "."),
    ];
    for (place, _) in name.match_indices('-') {
        for other in ["_", ".", "~", "!", "'"] {
            all.push(format!("{}{other}{}", &name[..place], &name[place + 1..]));
        }
    }
    if version == Version::One {
        let upper: Vec<_> = all.iter().map(|name| name.to_ascii_uppercase()).collect();
        all.extend(upper);
        all.push("X-tOLLGATE-sUBJECT".to_owned());
        all.push("X-Account-ID".to_owned());
    }
    all
}

fn names(version: Version) -> Vec<String> {
    let set = [
        "x-account-id",
        "x-admin",
        "x-tollgate-subject",
        "x-tollgate-assertion",
        "x-tollgate-",
        "x-tollgate-anything",
    ];
    set.iter()
        .flat_map(|name| spellings(name, version))
        .collect()
}

/// All that an upstream could take for the gate's word, as variables: name and value.
fn identity(arrival: &Arrival) -> Vec<(String, String)> {
    let all = [arrival.headers.clone(), arrival.trailers.clone()].concat();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let named = witness::identity_of(&all).into_iter();
    named.map(|(name, value)| (name, text(value))).collect()
}

/// A member of acme, and nobody else.
fn assert_acme(arrival: &Arrival, why: &str) {
    let mut found = identity(arrival);
    found.sort();
    let [account, assertion, subject] = &found[..] else {
        unreachable!("{why}: {found:?}");
    };
    assert_eq!(
        account,
        &("X_ACCOUNT_ID".to_owned(), "acme".to_owned()),
        "{why}"
    );
    assert_eq!(assertion.0, "X_TOLLGATE_ASSERTION", "{why}");
    assert_eq!(subject.0, "X_TOLLGATE_SUBJECT", "{why}");
    let said = ATTACKED.assertion(arrival);
    assert_eq!(
        (said.account.as_str(), said.admin),
        ("acme", false),
        "{why}"
    );
    assert_eq!(said.subject, subject.1, "{why}");
}

fn assert_nobody(arrival: &Arrival, why: &str) {
    assert_eq!(identity(arrival), [], "{why}");
}

/// One of each pair of forged field and route, before and behind the good ones, and twice.
#[test]
fn every_spelling_at_every_place() {
    let (mut arrived, mut refused) = (0, 0);
    for version in [Version::One, Version::Two] {
        for name in names(version) {
            let forged = field(&name, FORGED);
            let good = credentials();
            let orders: [Vec<Field>; 3] = [
                [vec![forged.clone()], good.clone()].concat(),
                [good.clone(), vec![forged.clone()]].concat(),
                [vec![forged.clone()], good, vec![forged.clone()]].concat(),
            ];
            for fields in orders {
                let why = format!("{version:?} {fields:?}");
                let fate = ATTACKED.send(version, "GET", PUBLIC.as_bytes(), &fields);
                assert_nobody(&fate.arrival(), &why);
                match ATTACKED.send(version, "GET", AGENTS.as_bytes(), &fields) {
                    Fate::Arrived(arrival) => {
                        assert_acme(&arrival, &why);
                        arrived += 1;
                    }
                    // The account, written twice.
                    Fate::Refused(code) => {
                        assert_eq!(code, "account_duplicate", "{why}");
                        assert!(name.eq_ignore_ascii_case("x-account-id"), "{why}");
                        refused += 1;
                    }
                    Fate::Rejected => unreachable!("{why}"),
                }
            }
        }
    }
    assert!(arrived > 300 && refused >= 12, "{arrived} {refused}");
}

/// All at once, as many as Envoy takes.
#[test]
fn many_forgeries_in_one_request() {
    for version in [Version::One, Version::Two] {
        let forged = names(version)
            .into_iter()
            .filter(|name| !name.eq_ignore_ascii_case("x-account-id"))
            .take(90)
            .map(|name| field(name, FORGED));
        let fields: Vec<_> = forged.chain(credentials()).collect();
        let fate = ATTACKED.send(version, "GET", AGENTS.as_bytes(), &fields);
        assert_acme(&fate.arrival(), &format!("{version:?}"));
        let fate = ATTACKED.send(version, "GET", PUBLIC.as_bytes(), &fields);
        assert_nobody(&fate.arrival(), &format!("{version:?}"));
    }
}

/// A credential or an account that is written in two ways.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_may_be_sent_once_is_sent_once() {
    let [account, token] = <[Field; 2]>::try_from(credentials()).unwrap();
    let good = String::from_utf8(token.1.clone()).unwrap();
    let cases: Vec<(Vec<Field>, &str)> = vec![
        (
            vec![account.clone(), account.clone(), token.clone()],
            "account_duplicate",
        ),
        (
            vec![
                account.clone(),
                field("x-account-id", "globex"),
                token.clone(),
            ],
            "account_duplicate",
        ),
        (
            vec![account.clone(), field("x-account-id", ""), token.clone()],
            "account_duplicate",
        ),
        (
            vec![field("x-account-id", "acme,globex"), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x-account-id", "acme, acme"), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x-account-id", ""), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x-account-id", "ac\u{e9}me"), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x-account-id", b"acme\xff"), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x-account-id", "ACME"), token.clone()],
            "account_invalid",
        ),
        (
            vec![field("x_account_id", "acme"), token.clone()],
            "account_missing",
        ),
        (
            vec![account.clone(), token.clone(), token.clone()],
            "token_duplicate",
        ),
        (
            vec![
                account.clone(),
                field("authorization", format!("{good},{good}")),
            ],
            "token_duplicate",
        ),
        (
            vec![
                account.clone(),
                field("authorization", format!("{good}, Basic eDp5")),
            ],
            "token_duplicate",
        ),
        (
            vec![
                account.clone(),
                field("authorization", format!("Basic eDp5, {good}")),
            ],
            "token_duplicate",
        ),
        (
            vec![account.clone(), field("authorization", "")],
            "token_missing",
        ),
        (
            vec![account.clone(), field("authorization", "Bearer")],
            "token_missing",
        ),
        (
            vec![
                account.clone(),
                field("authorization", format!("Bearer\u{a0}{}", &good[7..])),
            ],
            "token_missing",
        ),
        (
            vec![
                account.clone(),
                field("authorization", [good.as_bytes(), b"\xff"].concat()),
            ],
            "token_malformed",
        ),
        (
            vec![account.clone(), field("proxy-authorization", &good)],
            "token_missing",
        ),
        (
            vec![account.clone(), field("x-forwarded-authorization", &good)],
            "token_missing",
        ),
        (
            vec![account.clone(), field("authorization_", &good)],
            "token_missing",
        ),
    ];
    for version in [Version::One, Version::Two] {
        for (fields, code) in &cases {
            let fate = ATTACKED.send(version, "GET", AGENTS.as_bytes(), fields);
            assert_eq!(
                fate,
                Fate::Refused((*code).to_owned()),
                "{version:?} {fields:?}"
            );
        }
    }
}

/// White space around a value is no part of it (RFC 9110 §5.5); anything else is another value.
#[test]
fn white_space_is_not_a_way_in() {
    let good = credentials();
    for space in [" ", "\t", " \t ", "   "] {
        let fields = [
            field("x-account-id", format!("{space}acme{space}")),
            good[1].clone(),
            field("x-tollgate-subject", format!("{space}{FORGED}")),
        ];
        let fate = ATTACKED.send(Version::One, "GET", AGENTS.as_bytes(), &fields);
        assert_acme(&fate.arrival(), &format!("{space:?}"));
    }
    // Before the colon, folded (RFC 9112 §5.1, §5.2), in the name, or ended by a line feed alone.
    for line in [
        "x-tollgate-subject : root",
        "x-tollgate-subject\t: root",
        " x-tollgate-subject: root",
        "x-a: b\r\n x-tollgate-subject: root",
        "x-a: b\r\n\tx-tollgate-subject: root",
        "x-a: b\nx-tollgate-subject: root",
        "x-a: b\rx-tollgate-subject: root",
        "x-a: b\0\r\nx-tollgate-subject: root",
        "x-tollgate\0-subject: root",
        "x-tollgate-subject\u{e9}: root",
        "x-tollgate-subject",
        ": root",
    ] {
        for path in [AGENTS, PUBLIC] {
            let [account, token] = <[Field; 2]>::try_from(credentials()).unwrap();
            let (account, token) = (text(&account), text(&token));
            let request = format!(
                "GET {path} HTTP/1.1\r\nhost: gate\r\n{account}\r\n{token}\r\n{line}\r\n\r\n"
            );
            match ATTACKED.send_1(request.as_bytes(), "GET") {
                Fate::Rejected => {}
                Fate::Arrived(arrival) if path == PUBLIC => assert_nobody(&arrival, line),
                Fate::Arrived(arrival) => assert_acme(&arrival, line),
                // The line became a part of the one before.
                Fate::Refused(code) => {
                    assert_eq!((code.as_str(), path), ("token_malformed", AGENTS));
                }
            }
        }
    }
}

fn text((name, value): &Field) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    format!("{}: {}", text(name), text(value))
}

/// In HTTP/2 names are in lower case, and no byte of a name or value ends a line (RFC 9113 §8.2.1).
#[test]
fn what_http_2_forbids_never_arrives() {
    for (name, value) in [
        ("X-Tollgate-Subject", "root"),
        ("x-tollgate-Subject", "root"),
        ("x-tollgate-subject ", "root"),
        (" x-tollgate-subject", "root"),
        ("x-tollgate-subject\0", "root"),
        ("x-tollgate-subject:", "root"),
        ("x-a\r\nx-tollgate-subject", "root"),
        ("x-a", "b\r\nx-tollgate-subject: root"),
        ("x-a", "b\nx-tollgate-subject: root"),
        ("x-a", "b\0x-tollgate-subject: root"),
        ("", "root"),
        (":x-tollgate-subject", "root"),
        (":path", "/api/v1/agents"),
        (":method", "DELETE"),
        ("connection", "x-tollgate-assertion"),
        ("transfer-encoding", "chunked"),
    ] {
        let fields = [credentials(), vec![field(name, value)]].concat();
        for path in [AGENTS, PUBLIC] {
            let fate = ATTACKED.send(Version::Two, "GET", path.as_bytes(), &fields);
            assert_eq!(fate, Fate::Rejected, "{path} {name:?} {value:?}");
        }
    }
}

/// What is not the gate's arrives as it was sent, byte by byte and in its order.
#[test]
fn nothing_else_is_touched() {
    let mut value: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
    value.push(b'.');
    let odd = [
        field("x-odd", &value[1..]),
        field("x-odd", "second"),
        field("x_odd", "third"),
        field("x-tollgate", "no header of the gate's"),
        field("x-account-ids", "nor this"),
        field("x-empty", ""),
        field("cookie", "a=b"),
    ];
    for version in [Version::One, Version::Two] {
        for path in [PUBLIC, AGENTS] {
            let fields = [credentials(), odd.to_vec()].concat();
            let fate = ATTACKED.send(version, "GET", path.as_bytes(), &fields);
            let arrived = fate.arrival();
            let named = |found: &&Field| odd.iter().any(|(name, _)| *name == found.0);
            let found: Vec<_> = arrived.headers.iter().filter(named).cloned().collect();
            assert_eq!(found, odd, "{version:?} {path}");
        }
    }
}
