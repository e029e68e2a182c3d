use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::KeySet;
use tollgate_policy::signature;

use super::*;
use crate::secrets::Secret;

const ISSUER: &str = "https://accounts.internal/widget";

fn tokens() -> Tokens {
    with(ISSUER, 1)
}

fn with(issuer: &str, secret: u8) -> Tokens {
    Tokens::new(
        issuer.to_owned(),
        WidgetSecret::new(&Secret::of_test(secret)),
    )
}

fn caller() -> WidgetCaller {
    WidgetCaller::of_test("acme", Uuid::from_u128(1))
}

fn at(second: i64) -> DateTime<Utc> {
    timestamp(1_800_000_000 + second).unwrap()
}

fn visitor() -> Visitor {
    Visitor::user("42", Some("Ada".to_owned()), None)
}

/// One of each kind, made at `at(0)`.
fn one_of_each(tokens: &Tokens) -> [(Kind, String); 3] {
    let agent = Some(Uuid::from_u128(2));
    let grant = tokens.granted(&caller(), agent, visitor(), at(0), at(0));
    let grant = grant.unwrap();
    let body = tokens.body(Kind::User, caller().account(), visitor());
    [
        (Kind::Access, grant.token),
        (Kind::Refresh, grant.refresh_token),
        (Kind::User, tokens.sign(body, at(0), USER).unwrap()),
    ]
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn none_passes_for_another() {
    let tokens = tokens();
    for (kind, token) in one_of_each(&tokens) {
        for asked in [Kind::Access, Kind::Refresh, Kind::User] {
            let found = tokens.verify(asked, &token, at(1));
            assert_eq!(found.is_ok(), kind == asked, "{kind:?} as {asked:?}");
        }
    }
}

#[test]
fn only_our_own_are_good_and_only_for_their_time() {
    let ours = tokens();
    for (kind, token) in one_of_each(&ours) {
        let is_good = |tokens: &Tokens, second| tokens.verify(kind, &token, at(second)).is_ok();
        assert!(is_good(&ours, kind.seconds() - 1), "{kind:?}");
        assert!(!is_good(&ours, kind.seconds()), "{kind:?}");
        assert!(is_good(&with(ISSUER, 1), 1), "another instance");
        assert!(!is_good(&with(ISSUER, 2), 1), "another secret");
        assert!(!is_good(&with("https://other.example", 1), 1));

        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, unnamed) = token.split_once('.').unwrap();
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for forged in [
            String::new(),
            "a.b.c".to_owned(),
            format!("{signed}."),
            format!("{none}.{unnamed}"),
        ] {
            assert!(ours.verify(kind, &forged, at(1)).is_err(), "{forged}");
        }
    }
}

#[test]
fn a_visitors_token_says_who_and_where() {
    let [(_, access), (_, refresh), (_, user)] = one_of_each(&tokens());
    let found = claims(&access);
    for (claim, expected) in [
        ("iss", ISSUER),
        ("aud", "widget"),
        ("sub", "user:42"),
        ("account", "acme"),
        ("agent", "00000000-0000-0000-0000-000000000002"),
        ("name", "Ada"),
    ] {
        assert_eq!(found[claim], expected, "{claim}");
    }
    let time = |claim: &str| found[claim].as_i64().unwrap();
    assert_eq!(time("exp") - time("iat"), ACCESS);
    assert_eq!((found.get("email"), found.get("key")), (None, None));
    let ids = [access, refresh, user].map(|token| claims(&token)["jti"].to_string());
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn the_gate_can_verify_them() {
    let tokens = tokens();
    let keys = KeySet::parse(tokens.key_set().to_string().as_bytes()).unwrap();
    let key = keys
        .find(Algorithm::Es256, Some(tokens.secret.id()))
        .unwrap();
    let [(_, access), ..] = one_of_each(&tokens);
    let (signed, encoded) = access.rsplit_once('.').unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let verifies =
        |signed: &str| signature::verify(Algorithm::Es256, key.public(), signed.as_bytes(), &bytes);
    assert!(verifies(signed));
    assert!(!verifies(&signed[1..]));
}

#[test]
fn a_visit_is_renewed_and_has_an_end() {
    let tokens = tokens();
    let renew = |token: &str, second| {
        let body = tokens.verify(Kind::Refresh, token, at(second)).ok()?;
        let since = timestamp(body.auth_time.unwrap()).unwrap();
        tokens.granted(&caller(), body.agent, body.visitor, since, at(second))
    };
    let [_, (_, mut token), _] = one_of_each(&tokens);
    // As late as can be, each time.
    let late = REFRESH - 1;
    let mut second = 0;
    while let Some(grant) = renew(&token, second + late) {
        second += late;
        assert_eq!(claims(&grant.token)["sub"], "user:42");
        assert_eq!(grant.expires_in, ACCESS.min(LONGEST - second));
        token = grant.refresh_token;
    }
    assert_eq!(second, 7 * late);
    assert_eq!(claims(&token)["exp"], at(LONGEST).timestamp());
    let last = renew(&token, LONGEST - 1).unwrap();
    for token in [&last.token, &last.refresh_token] {
        assert_eq!(claims(token)["exp"], at(LONGEST).timestamp());
    }
    assert!(renew(&token, LONGEST).is_none());
}

#[test]
fn a_users_id_cannot_pass_for_anything_else() {
    let table = [
        ("42", "user:42"),
        ("a.b_c-d~e", "user:a.b_c-d~e"),
        ("guest:1", "user:guest%3A1"),
        ("a/b c@d", "user:a%2Fb%20c%40d"),
        ("é", "user:%C3%A9"),
        ("%41", "user:%2541"),
    ];
    for (id, expected) in table {
        let visitor = Visitor::user(id, None, None);
        assert_eq!(
            (visitor.sub.as_str(), visitor.is_guest()),
            (expected, false)
        );
    }
    assert!(Visitor::guest().is_guest());
    assert_ne!(Visitor::guest(), Visitor::guest());
}

#[test]
fn the_longest_token_is_one_that_the_gate_reads() {
    let caller = WidgetCaller::of_test(&"a".repeat(63), Uuid::nil());
    let (id, name) = ("€".repeat(66), "\u{10ffff}".repeat(200));
    let visitor = Visitor::user(&id, Some(name), Some("\"".repeat(254)));
    let agent = Some(Uuid::nil());
    let grant = tokens().granted(&caller, agent, visitor, at(0), at(0));
    let bytes = grant.unwrap().token.len();
    assert!(bytes <= 8192, "{bytes}");
}

#[test]
fn a_user_of_another_account_is_nobody() {
    let tokens = tokens();
    let body = tokens.body(Kind::User, caller().account(), visitor());
    let token = tokens.sign(body, now(), USER).unwrap();
    let other = WidgetCaller::of_test("globex", Uuid::nil());
    assert_eq!(tokens.user(&token, &caller()), Ok(visitor()));
    assert_eq!(tokens.user(&token, &other), Err(NotGood));
}
