//! Long-lived keys, opaque tokens, and issuers that are accepted on some routes only.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::api_key::ApiKey;
use crate::assertion::{CredentialKind, HEADER};
use crate::introspection::{Answer, Inquiry};
use crate::request::Field;
use crate::testing::{NOW, api_keys, key};

const ACTIVE: &str = r#"{"active":true,"sub":"key-1"}"#;

fn with_keys(change: impl FnOnce(&mut Value)) -> Policy {
    policy(|configuration| {
        configuration["api_keys"] = api_keys();
        change(configuration);
    })
}

fn opaque(configuration: &mut Value) {
    let membership = json!({"claim": ["accounts"], "shape": "list"});
    configuration["api_keys"]["prefix"] = json!("");
    configuration["api_keys"]["membership"] = membership;
}

/// A world in which the issuer has said this of a credential.
fn knowing(policy: &Policy, credential: &str, answer: &str) -> World {
    let world = World::default();
    let keys = policy.api_keys.as_ref().unwrap();
    let bearer = format!("Bearer {credential}");
    let credential = Credential::read(Field::One(bearer.as_bytes()), Some(keys)).unwrap();
    let inquiry = Inquiry::about(&credential).unwrap();
    let answer = Answer::read(keys, &inquiry, answer.as_bytes(), world.now).unwrap();
    let cache = world.introspections.as_ref().unwrap();
    cache.learn(inquiry.digest(), answer, world.now, world.now);
    world
}

/// `forward`, `ask`, another need, or a code.
fn decided(sent: &Sent, policy: &Policy, world: &World) -> String {
    sent.decided(policy, world, |decision, _| match decision {
        Decision::Forward(_) => "forward".to_owned(),
        Decision::Refuse(refusal) => refusal.code.as_str().to_owned(),
        Decision::Need(Need::Introspection(_)) => "ask".to_owned(),
        Decision::Need(need) => format!("{need:?}"),
    })
}

fn get() -> Sent {
    send("GET /x")
}

#[test]
fn a_gate_for_keys_needs_no_issuer_of_tokens() {
    let policy = with_keys(|configuration| configuration["issuers"] = json!([]));
    let acme = key("acme");
    let world = knowing(&policy, &acme, ACTIVE);
    assert_eq!(decided(&get().bearer(&acme), &policy, &world), "forward");
    let by_token = get().account("acme").member();
    assert_eq!(decided(&by_token, &policy, &world), "token_issuer");
}

#[test]
fn the_table_before_anybody_is_asked() {
    let policy = with_keys(|_| {});
    let acme = key("acme");
    let mistyped = acme.replace("acme", "acne");
    let reserved = key("kataven-admin");
    let odd = ApiKey::write("sk_live_", "Acme", &[7; 24]);
    for (sent, expected) in [
        (get().bearer(&acme), "ask"),
        (get().bearer(&acme).account("acme"), "ask"),
        (get().bearer(&acme).account("globex"), "account_forbidden"),
        (get().bearer(&acme).account("Acme"), "account_invalid"),
        (get().bearer(&acme).account("postgres"), "account_reserved"),
        (
            get().bearer(&acme).account("acme").account("acme"),
            "account_duplicate",
        ),
        (get().bearer(&reserved), "account_reserved"),
        (get().bearer(&reserved).account("acme"), "account_reserved"),
        (get().bearer(&key("template1")), "account_reserved"),
        (get().bearer(&odd), "account_invalid"),
        (get().bearer(&mistyped), "token_malformed"),
        (get().bearer(&mistyped).account("acme"), "token_malformed"),
        (get().bearer(&mistyped).account("Acme"), "account_invalid"),
        (get().bearer("sk_live_"), "token_malformed"),
        (
            get().bearer(&format!("sk_live_{}", "a".repeat(5000))),
            "token_too_large",
        ),
        (
            get().bearer(&format!("{acme},Bearer {acme}")),
            "account_missing",
        ),
        (
            get().account("acme").bearer(&format!("{acme},Bearer x")),
            "token_duplicate",
        ),
        (get().with(BEARER, acme.clone()), "account_missing"),
        (
            get().with(BEARER, format!("Basic {acme}")).account("acme"),
            "token_missing",
        ),
        (
            get()
                .bearer(&acme.replace("sk_live_", "SK_LIVE_"))
                .account("acme"),
            "token_malformed",
        ),
        (
            get().bearer(&acme.replace("sk_live_", "pk_live_")),
            "account_missing",
        ),
        (get().account("acme").member(), "forward"),
        (send("GET /api/accounts").bearer(&acme), "forward"),
        (send("GET /x//y").bearer(&acme), "path_ambiguous"),
    ] {
        let shown = format!("{} {:?}", sent.line, sent.headers);
        assert_eq!(
            decided(&sent, &policy, &World::default()),
            expected,
            "{shown}"
        );
    }
    let without = super::policy(|_| {});
    let sent = get().bearer(&acme).account("acme");
    assert_eq!(
        decided(&sent, &without, &World::default()),
        "token_malformed"
    );
}

#[test]
fn an_active_key_goes_on_for_its_account() {
    let policy = with_keys(|_| {});
    let acme = key("acme");
    let world = knowing(&policy, &acme, ACTIVE);
    for (sent, expected) in [
        (get().bearer(&acme), "forward"),
        (get().bearer(&acme).account("acme"), "forward"),
        (get().bearer(&acme).account("globex"), "account_forbidden"),
        (get().bearer(&key("globex")), "ask"),
        (
            send("GET /api/admin/x").bearer(&acme),
            "credential_not_allowed",
        ),
        (
            send("GET /api/admin/x")
                .bearer(&acme)
                .with("x-admin", "true"),
            "credential_not_allowed",
        ),
    ] {
        let shown = format!("{} {:?}", sent.line, sent.headers);
        assert_eq!(decided(&sent, &policy, &world), expected, "{shown}");
    }
    let assertion = get()
        .bearer(&acme)
        .decided(&policy, &world, |decision, request| {
            let Decision::Forward(forward) = decision else {
                panic!("{decision:?}")
            };
            let edits = forward.edits(request, &policy);
            assert!(edits.set.contains(&(ACCOUNT, "acme")));
            assert!(
                edits.remove.contains(&BEARER.as_bytes()),
                "a key stays here"
            );
            let find = |wanted| edits.set.iter().find(|(name, _)| *name == wanted);
            let (_, text) = find(HEADER).unwrap();
            let key = world.assertion_key.as_ref().unwrap();
            key.verify(text, "upstream", NOW).unwrap()
        });
    assert_eq!(assertion.credential, CredentialKind::ApiKey);
    assert_eq!(assertion.subject, "key-1");
    assert_eq!(assertion.account.as_str(), "acme");
    assert!(!assertion.admin);
}

#[test]
fn a_key_that_is_not_active_is_refused() {
    let policy = with_keys(|_| {});
    let acme = key("acme");
    let mut world = knowing(&policy, &acme, r#"{"active":false}"#);
    let refused = |world: &World| decided(&get().bearer(&acme), &policy, world);
    assert_eq!(refused(&world), "key_inactive");
    world.now += Duration::from_secs(5);
    assert_eq!(refused(&world), "ask");
    let challenge = Refusal::from(Code::KeyInactive).challenge();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

#[test]
fn nobody_can_be_asked_without_a_credential_of_the_gates() {
    let policy = with_keys(|_| {});
    let world = World {
        introspections: None,
        ..World::default()
    };
    let sent = get().bearer(&key("acme"));
    sent.decided(&policy, &world, |decision, _| {
        let Decision::Refuse(refusal) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(refusal.code, Code::IntrospectionUnavailable);
        assert_eq!(refusal.retry_after, Some(1));
        assert!(refusal.detail.contains("nothing to show"));
    });
    let token = get().account("acme").member();
    assert_eq!(decided(&token, &policy, &world), "forward");
}

#[test]
fn a_need_that_is_not_met_is_unavailable() {
    let refusal = Need::Introspection(Digest::of(b"a")).refusal();
    assert_eq!(refusal.code, Code::IntrospectionUnavailable);
    assert_eq!(refusal.retry_after, Some(1));
}

#[test]
fn opaque_tokens_need_the_account_header() {
    let policy = with_keys(opaque);
    let answer = r#"{"active":true,"sub":"user-7","accounts":["acme"]}"#;
    let world = knowing(&policy, "V1_opaque", answer);
    for (sent, expected) in [
        (get().bearer("V1_opaque"), "account_missing"),
        (get().bearer("V1_opaque").account("acme"), "forward"),
        (
            get().bearer("V1_opaque").account("globex"),
            "account_forbidden",
        ),
        (get().bearer("V2_opaque").account("acme"), "ask"),
        (get().bearer("a b").account("acme"), "token_malformed"),
        (get().bearer("a b"), "account_missing"),
        (get().account("acme"), "token_missing"),
        (get().account("acme").member(), "forward"),
        (get().account("acme").bearer("x.y.z"), "token_malformed"),
        (
            send("GET /api/admin/x").bearer("V1_opaque").account("acme"),
            "credential_not_allowed",
        ),
    ] {
        let shown = format!("{} {:?}", sent.line, sent.headers);
        assert_eq!(decided(&sent, &policy, &world), expected, "{shown}");
    }
}

#[test]
fn an_issuer_can_be_accepted_on_some_routes_only() {
    let policy = policy(|configuration| {
        configuration["issuers"][0]["routes"] = json!(["GET /api/v1/calls/{id}", "* /api/admin/a"]);
    });
    let world = World::default();
    let admin = |line| send(line).administrator().account("acme");
    for (sent, expected) in [
        (
            send("GET /api/v1/calls/1").account("acme").member(),
            "forward",
        ),
        (
            send("GET /hub-api/api/v1/calls/1").account("acme").member(),
            "forward",
        ),
        (
            send("GET /api/v1/calls/1").account("globex").member(),
            "account_forbidden",
        ),
        (
            send("POST /api/v1/calls/1").account("acme").member(),
            "credential_not_allowed",
        ),
        (
            send("GET /x").account("acme").member(),
            "credential_not_allowed",
        ),
        (
            send("GET /x").account("globex").member(),
            "credential_not_allowed",
        ),
        (
            admin("GET /api/admin/b").with("x-admin", "true"),
            "credential_not_allowed",
        ),
        (admin("GET /api/admin/b"), "credential_not_allowed"),
        (admin("GET /api/admin/a"), "admin_required"),
        (send("GET /api/accounts").member(), "forward"),
    ] {
        let shown = format!("{} {:?}", sent.line, sent.headers.first());
        // Verified first, and then remembered.
        for _ in 0..2 {
            assert_eq!(decided(&sent, &policy, &world), expected, "{shown}");
        }
    }
    let sent = send("GET /api/v1/calls/1").account("acme").member();
    let kind = sent.decided(&policy, &world, |decision, _| match decision {
        Decision::Forward(forward) => forward.grant().unwrap().credential(),
        other => panic!("{other:?}"),
    });
    assert_eq!(kind, CredentialKind::RestrictedJwt);
}

#[test]
fn keys_count_in_caps_and_obey_the_directory() {
    let policy = with_keys(|configuration| {
        configuration["caps"] = json!([{"name": "requests", "limits": {"per_minute": 1}}]);
        configuration["accounts"] = json!({
            "directory": {"cluster": "accounts", "uri": "http://accounts/directory"},
        });
    });
    let acme = key("acme");
    let mut world = knowing(&policy, &acme, ACTIVE);
    let ask = |world: &World| decided(&get().bearer(&acme), &policy, world);
    assert_eq!(ask(&world), "Directory");
    let directory = |text: &str| {
        let parsed = Directory::parse(text.as_bytes(), &policy.accounts);
        Some(Arc::new(parsed.unwrap()))
    };
    world.directory = directory(r#"{"accounts":{"acme":{"status":"suspended"}}}"#);
    assert_eq!(ask(&world), "account_suspended");
    world.directory = directory(r#"{"accounts":{}}"#);
    assert_eq!(ask(&world), "account_unknown");
    world.directory = directory(r#"{"accounts":{"acme":{}}}"#);
    assert_eq!(ask(&world), "forward");
    assert_eq!(ask(&world), "cap_exceeded");
}
