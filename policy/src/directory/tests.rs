use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::account::{AccountRules, DEFAULT_PATTERN};
use crate::caps::Override;
use crate::testing::granted;

fn rules() -> AccountRules {
    AccountRules::new(DEFAULT_PATTERN, vec!["kataven-admin".to_owned()]).unwrap()
}

fn parse(text: &str) -> Result<Directory, DirectoryError> {
    Directory::parse(text.as_bytes(), &rules())
}

fn name(name: &str) -> AccountName {
    AccountName::parse(name.as_bytes()).unwrap()
}

/// What is wrong with a directory of the right kind.
fn wrong(text: &str) -> String {
    match parse(text) {
        Err(DirectoryError::Wrong(why)) => why,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_account_is_active_or_suspended_and_may_have_its_own_caps() {
    let directory = parse(
        r#"{"accounts": {
            "initech": {"caps": {"requests": {"per_minute": 600, "per_day": null}, "hooks": {}}},
            "globex": {"status": "suspended"},
            "acme": {}, "b-corp": {"status": "active", "plan": {"name": "gold"}, "tags": [1, null]}
        }}"#,
    )
    .unwrap();
    assert_eq!(directory.len(), 4);
    let status = |account| directory.find(&name(account)).map(|found| found.status);
    assert_eq!(status("acme"), Some(Status::Active));
    assert_eq!(status("b-corp"), Some(Status::Active));
    assert_eq!(status("globex"), Some(Status::Suspended));
    assert_eq!(status("acm"), None);
    assert_eq!(status("acme1"), None);
    let own = |account| directory.find(&name(account)).unwrap().own;
    let initech = Override {
        per_minute: Some(Some(600)),
        per_day: Some(None),
        ..Override::default()
    };
    let expected = Overrides::from([("requests".to_owned(), initech)]);
    assert_eq!(own("initech"), Some(&expected));
    assert_eq!(own("acme"), None);
}

#[test]
fn there_may_be_no_accounts_and_names_that_are_reserved() {
    assert!(parse(r#"{"accounts":{}}"#).unwrap().is_empty());
    assert_eq!(
        parse(r#"{"accounts":{"kataven-admin":{}}}"#).unwrap().len(),
        1
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_say_where_what_and_what_to_write() {
    let long = "A".repeat(100_000);
    let with = |account: &str| format!(r#"{{"accounts":{{"acme":{account}}}}}"#);
    for (text, expected) in [
        ("{}".to_owned(), "accounts: missing"),
        ("[]".to_owned(), "expected an object with \"accounts\""),
        ("null".to_owned(), "expected an object with \"accounts\""),
        (
            r#"{"accounts":[]}"#.to_owned(),
            "accounts: an object whose members",
        ),
        (
            r#"{"accounts":null}"#.to_owned(),
            "accounts: an object whose members",
        ),
        (
            r#"{"accounts":{},"accounts":{}}"#.to_owned(),
            "accounts: twice",
        ),
        (
            r#"{"accounts":{},"next":"/2"}"#.to_owned(),
            "\"next\" beside \"accounts\": write accounts alone at line 1 column",
        ),
        (
            r#"{"accounts":{"acme":{},"b":{},"\u0061cme":{}}}"#.to_owned(),
            "accounts.acme: twice",
        ),
        (
            with("null"),
            "accounts.acme: null: write an object at line 1 column",
        ),
        (
            with("\"active\""),
            "accounts.acme: \"active\": write an object",
        ),
        (with("[]"), "accounts.acme: []: write an object"),
        (
            with(r#"{"status":"closed"}"#),
            "accounts.acme.status: \"closed\": write \"active\" or \"suspended\"",
        ),
        (
            with(r#"{"status":null}"#),
            "accounts.acme.status: null: write",
        ),
        (
            with(r#"{"status":"Active"}"#),
            "accounts.acme.status: \"Active\": write",
        ),
        (
            with(r#"{"status":"active","status":"active"}"#),
            "accounts.acme: a repeated member",
        ),
        (
            with(r#"{"x":{"y":1,"y":1}}"#),
            "accounts.acme: a repeated member",
        ),
        (
            with(&format!(r#"{{"status":"{}"}}"#, "A".repeat(3000))),
            "AAA…: write \"active\" or \"suspended\"",
        ),
        (
            with(&format!(r#"{{"x":"{long}"}}"#)),
            "accounts.acme: 100008 bytes; an account may have 4096",
        ),
        (
            with(&format!(
                "{{\"x\":{}{}}}",
                "[".repeat(1000),
                "]".repeat(1000)
            )),
            "accounts.acme: recursion limit exceeded",
        ),
        (
            with(r#"{"caps":null}"#),
            "accounts.acme.caps: null: write an object such as {\"requests\"",
        ),
        (
            with(r#"{"caps":{"requests":600}}"#),
            "accounts.acme.caps.requests: write an object such as {\"per_minute\": 60}",
        ),
        (
            with(r#"{"caps":{"requests":[600,1,2,3]}}"#),
            "accounts.acme.caps.requests: write an object such as",
        ),
        (
            with(r#"{"caps":{"requests":{"per_week":1}}}"#),
            "accounts.acme.caps.requests: per_week: unknown field `per_week`, expected one of",
        ),
        (
            with(r#"{"caps":{"requests":{"per_minute":-1}}}"#),
            "accounts.acme.caps.requests: per_minute: invalid value: integer `-1`, expected a whole number",
        ),
        (
            with(r#"{"caps":{"requests":{"per_day":"60"}}}"#),
            "accounts.acme.caps.requests: per_day: invalid type: string \"60\", expected a whole number",
        ),
        (
            with(r#"{"caps":{"re\nquests":{"per_day":1.5}}}"#),
            "accounts.acme.caps.re\u{fffd}quests: per_day: invalid value: floating point `1.5`",
        ),
    ] {
        let why = wrong(&text);
        let shown = &text[..text.len().min(60)];
        assert!(why.contains(expected), "{shown}: {why}");
        assert!(why.len() < 800, "{shown}: {} bytes", why.len());
        assert!(!why.contains(char::is_control), "{shown}: {why:?}");
    }
}

#[test]
fn what_is_no_json_is_told_from_json_of_another_form() {
    for text in [
        "",
        "<html>",
        "{\"accounts\":{}} {}",
        "{\"accounts\":{\"a\":{}",
        "{\"accounts\":{\"a\":{},}}",
        "\u{feff}{\"accounts\":{}}",
    ] {
        let read = parse(text);
        assert!(matches!(read, Err(DirectoryError::NotJson(_))), "{read:?}");
    }
    let not_utf8 = Directory::parse(b"{\"accounts\":{\"a\":{\"x\":\"\xff\"}}}", &rules());
    assert!(
        matches!(not_utf8, Err(DirectoryError::NotJson(_))),
        "{not_utf8:?}"
    );
}

#[test]
fn size_and_number_are_bounded() {
    let large = format!("{{\"accounts\":{{}}{}}}", " ".repeat(MAX_BYTES));
    let error = parse(&large).unwrap_err();
    assert_eq!(error, DirectoryError::TooLarge(MAX_BYTES + 15));
    let accounts: Vec<_> = (0..=MAX_ACCOUNTS)
        .map(|number| format!("\"a{number}\":{{}}"))
        .collect();
    let why = wrong(&format!("{{\"accounts\":{{{}}}}}", accounts.join(",")));
    assert!(why.starts_with("more than 200000 accounts"), "{why}");
    let most = &accounts[..MAX_ACCOUNTS];
    let directory = parse(&format!("{{\"accounts\":{{{}}}}}", most.join(","))).unwrap();
    assert_eq!(directory.len(), MAX_ACCOUNTS);
    assert!(directory.find(&name("a199999")).is_some());
    assert!(directory.find(&name("a200000")).is_none());
}

#[test]
fn names_that_no_request_can_have_are_left_out() {
    let rules = AccountRules::new("[A-Z]+", Vec::new()).unwrap();
    let read = |text: &str| Directory::parse(text.as_bytes(), &rules).unwrap().len();
    let long = "A".repeat(5000);
    assert_eq!(
        read(r#"{"accounts":{"ACME":{},"acme":{"status":7},"":{}}}"#),
        1
    );
    assert_eq!(
        read(&format!(r#"{{"accounts":{{"{long}":{{}},"ACME":{{}}}}}}"#)),
        1
    );
}

#[test]
fn what_many_accounts_have_is_kept_once() {
    let caps = json!({"caps": {"requests": {"per_minute": 600}}});
    let directory = json!({"accounts": {"a": caps, "b": caps, "c": {"caps": {"requests": {}}}}});
    let directory = parse(&directory.to_string()).unwrap();
    assert_eq!(directory.own.len(), 1);
    let own = |account| directory.find(&name(account)).unwrap().own;
    assert_eq!(own("a"), own("b"));
    assert_eq!(own("c"), None);
}

#[test]
fn only_accounts_that_are_there_and_active_may_be_used() {
    let directory = parse(
        r#"{"accounts":{"acme":{"caps":{"x":{"per_day":1}}},"globex":{"status":"suspended"}}}"#,
    )
    .unwrap();
    let code = |account| existing(granted(account), Some(&directory)).map(|_| ());
    assert_eq!(code("acme"), Ok(()));
    assert_eq!(code("globex"), Err(Code::AccountSuspended));
    assert_eq!(code("initech"), Err(Code::AccountUnknown));

    let (grant, own) = existing(granted("acme"), Some(&directory))
        .unwrap()
        .into_parts();
    assert_eq!(grant.account(), &name("acme"));
    assert!(own.unwrap().contains_key("x"));
    let (_, own) = existing(granted("initech"), None).unwrap().into_parts();
    assert_eq!(own, None, "without a directory every account is there");
}

/// How long a worker stands still for a new directory: `cargo test --release -p tollgate-policy --lib -- --ignored
/// --nocapture how_long`.
#[test]
#[ignore = "a measurement"]
fn how_long_reading_takes() {
    for number in [10_000, 100_000, 200_000] {
        for (what, account) in [
            ("{}", "{}"),
            ("a status", r#"{"status":"active"}"#),
            (
                "a plan",
                r#"{"caps":{"requests":{"per_minute":600,"per_day":null}}}"#,
            ),
        ] {
            let accounts = (0..number).map(|number| format!("\"account-{number:06}\":{account}"));
            let text = format!(
                "{{\"accounts\":{{{}}}}}",
                accounts.collect::<Vec<_>>().join(",")
            );
            if text.len() > MAX_BYTES {
                continue;
            }
            let start = Instant::now();
            let directory = parse(&text).unwrap();
            let took = start.elapsed();
            let one = name("account-005000");
            let start = Instant::now();
            for _ in 0..1000 {
                assert!(std::hint::black_box(&directory).find(&one).is_some());
            }
            let lookup = start.elapsed() / 1000;
            let memory =
                directory.names.capacity() + directory.accounts.capacity() * size_of::<Entry>();
            println!(
                "{number} accounts with {what}: {} KiB read in {took:?}, {} KiB kept, found in {lookup:?}",
                text.len() / 1024,
                memory / 1024
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(text: Vec<u8>) {
        let _ = Directory::parse(&text, &rules());
    }

    #[test]
    fn every_account_is_found_and_no_other(names in proptest::collection::btree_set("[a-c]{1,4}", 0..60), other in "[a-c]{1,4}") {
        let accounts: Vec<_> = names.iter().rev().map(|name| format!("\"{name}\":{{}}")).collect();
        let directory = parse(&format!("{{\"accounts\":{{{}}}}}", accounts.join(","))).unwrap();
        for one in &names {
            prop_assert!(directory.find(&name(one)).is_some());
        }
        prop_assert_eq!(directory.find(&name(&other)).is_some(), names.contains(&other));
    }
}
