//! Each code is given, at its step; and what passes says what the upstream gets.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate_envoy::config::Config;
use tollgate_envoy::issuer::{Draft, Issuer};
use tollgate_policy::refusal::Code;

use super::{Explained, SCENE, Words, archive, asks, key, run, to, words};

/// The code and the step of a refusal, which the verdict and the steps must tell alike.
fn refused(found: &Value) -> (String, u64) {
    let verdict = &found["verdict"];
    assert_eq!(verdict["result"], "refused", "{found:#}");
    assert_eq!(verdict["by"], "module");
    let steps = found["steps"].as_array().unwrap();
    let is_refused = |step: &&Value| step["answer"] == "refused";
    let step = steps.iter().find(is_refused).expect("a step");
    assert_eq!(step["code"], verdict["code"], "{found:#}");
    assert!(!step["because"].as_str().unwrap().is_empty(), "{found:#}");
    let number = step["number"].as_u64().unwrap();
    for later in steps.iter().skip(usize::try_from(number).unwrap()) {
        assert_eq!(later["answer"], "not_looked_at", "{found:#}");
    }
    let code = verdict["code"].as_str().unwrap();
    let known = Code::parse(code).unwrap();
    assert_eq!(verdict["status"], known.status(), "{found:#}");
    assert_eq!(verdict["body"]["code"], code);
    let told = verdict["answer_headers"].to_string();
    assert_eq!(
        told.contains("www-authenticate"),
        known.status() == 401,
        "{told}"
    );
    assert_eq!(
        told.contains("retry-after"),
        matches!(known.status(), 429 | 503),
        "{told}"
    );
    (code.to_owned(), number)
}

/// What the reference configuration refuses when all servers are as they should be.
fn by_the_reference() -> Vec<(Words, &'static str, u64)> {
    let scene = &*SCENE;
    let token = |name: &str, value: Value| {
        asks(
            "acme",
            &scene.token(Draft::member("acme").claim(name, value)),
        )
    };
    let raw = |draft: Draft| asks("acme", &scene.issuer.mint(&draft));
    let good = scene.member();
    let other = Issuer::start().unwrap();
    let kid = scene.issuer.key_set()["keys"][0]["kid"].clone();
    let forged = other.mint(
        &Draft::member("acme")
            .claim("iss", json!("https://id.example.com"))
            .claim("aud", json!("api"))
            .header("kid", kid),
    );
    let member = format!("Authorization: Bearer {good}");
    let two = "Authorization: Bearer a, Bearer b";
    let acme = "X-Account-ID: acme";
    let agents = |headers: &[&str]| words("GET", "/api/v1/agents", headers);
    let header = |name: &str, value: Value| scene.token(Draft::member("acme").header(name, value));
    vec![
        (
            words("GET", "/api/v1/..%2fagents", &[]),
            "path_ambiguous",
            1,
        ),
        (words("GET", "/api//agents", &[]), "path_ambiguous", 1),
        (agents(&[&member]), "account_missing", 4),
        (agents(&[acme, acme, &member]), "account_duplicate", 4),
        (asks("Acme", &good), "account_invalid", 4),
        (asks("kataven-admin", &good), "account_reserved", 4),
        (asks("globex", &key()), "account_forbidden", 4),
        (agents(&[acme]), "token_missing", 5),
        (
            agents(&[acme, "Authorization: Basic YTpi"]),
            "token_missing",
            5,
        ),
        (agents(&[acme, two]), "token_duplicate", 5),
        (token("x", json!("x".repeat(9000))), "token_too_large", 5),
        (asks("acme", "a.b.c"), "token_malformed", 5),
        (asks("acme", "sk_live_acme_x"), "token_malformed", 5),
        (
            asks("acme", &header("alg", json!("EdDSA"))),
            "token_algorithm",
            5,
        ),
        (raw(Draft::member("acme")), "token_issuer", 5),
        (
            raw(Draft::member("acme").claim("iss", json!("https://id.example.com"))),
            "token_audience",
            5,
        ),
        (token("exp", json!(1_700_000_000)), "token_expired", 5),
        (
            token("nbf", json!(4_000_000_000_u64)),
            "token_not_yet_valid",
            5,
        ),
        (
            asks("acme", &header("kid", json!("another"))),
            "token_key",
            5,
        ),
        (asks("acme", &forged), "token_signature", 5),
        (asks("globex", &good), "account_forbidden", 6),
        (
            to("GET", "/api/admin/accounts", "acme", &good),
            "admin_required",
            6,
        ),
    ]
}

/// Flags, a request, the code that it gets, and the step that gives it.
type Row = (Vec<String>, Words, &'static str, u64);

/// What takes another configuration, or one that Envoy does not give the environment that it needs.
fn by_another_configuration() -> Vec<Row> {
    let scene = &*SCENE;
    let good = asks("acme", &scene.member());
    let config = |name: &str, change: fn(&mut Value)| super::config(scene.policy(name, change));
    let plugin = |name: &str, variables: &[&str]| {
        let mut reference = Config::reference().unwrap();
        let environment = variables
            .iter()
            .map(|name| json!({"name": name, "valueFrom": "HOST"}));
        let environment: Vec<_> = environment.collect();
        let plugin = json!({"kind": "WasmPlugin", "spec": {
            "pluginConfig": reference.policy().unwrap(),
            "vmConfig": {"env": environment},
        }});
        super::config(scene.write(name, &plugin))
    };
    let of_the_widget = Draft::default()
        .header("alg", json!("ES256"))
        .claim("iss", json!("https://accounts.internal/widget"))
        .claim("aud", json!("api"));
    let of_the_widget = asks("acme", &scene.issuer.mint(&of_the_widget));
    let parties = config("parties.json", |policy| {
        policy["issuers"][0]["authorized_parties"] = json!(["app"]);
    });
    let lifetime = config("lifetime.json", |policy| {
        policy["issuers"][0]["max_lifetime"] = json!("10m");
    });
    let audience = config("audience.json", |policy| {
        policy["issuers"][1]["audiences"] = json!(["api"]);
    });
    let keyless = plugin("keyless.json", &[]);
    let unasked = plugin("unasked.json", &["TOLLGATE_ASSERTION_KEY"]);
    let key = asks("acme", &key());
    vec![
        (keyless, key.clone(), "not_ready", 3),
        (parties, good.clone(), "token_party", 5),
        (lifetime, good.clone(), "token_lifetime", 5),
        (unasked.clone(), key, "introspection_unavailable", 5),
        (audience, of_the_widget, "credential_not_allowed", 6),
        (
            [unasked, vec!["--offline".to_owned()]].concat(),
            good,
            "not_ready",
            6,
        ),
    ]
}

/// What takes a server that says no, or none at all, or an account that has used something.
fn by_what_is_given() -> Vec<Row> {
    let scene = &*SCENE;
    let good = scene.member();
    let flag = |name: &str, value: String| vec![name.to_owned(), value];
    let offline = vec!["--offline".to_owned()];
    let active = || flag("--introspection", scene.file("active.json"));
    let spent = |what: &str| flag("--spent", what.to_owned());
    let calls = to("POST", "/api/v1/calls/originate", "acme", &good);
    vec![
        (
            offline,
            asks("acme", &key()),
            "introspection_unavailable",
            5,
        ),
        (
            flag("--introspection", scene.file("inactive.json")),
            asks("acme", &key()),
            "key_inactive",
            5,
        ),
        (
            active(),
            to("GET", "/api/admin/accounts", "acme", &key()),
            "credential_not_allowed",
            6,
        ),
        (
            flag("--directory", scene.file("nobody.json")),
            asks("acme", &good),
            "account_unknown",
            6,
        ),
        (
            flag("--directory", scene.file("suspended.json")),
            asks("acme", &good),
            "account_suspended",
            6,
        ),
        (
            spent("requests.per_minute=60"),
            asks("acme", &good),
            "cap_exceeded",
            7,
        ),
        (
            spent("requests.concurrent=20"),
            asks("acme", &good),
            "cap_exceeded",
            7,
        ),
        (spent("calls.per_day=500"), calls, "cap_exceeded", 7),
    ]
}

fn explained(flags: &[String], request: &Words) -> Explained {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let flags: Vec<_> = ["--json"].iter().chain(&flags).copied().collect();
    SCENE.explain(&flags, request)
}

#[test]
fn every_code_is_explained() {
    let mut seen = BTreeSet::new();
    let table = by_the_reference();
    let requests: Vec<_> = table.iter().map(|(request, ..)| request.clone()).collect();
    let file = SCENE.write("codes.har", &archive(&requests));
    let found = SCENE.explain(&["--json", "--har", &file], &[]);
    assert_eq!(found.code, Some(1), "{}{}", found.out, found.errors);
    let found = found.json();
    assert_eq!(found.len(), table.len());
    for (found, (request, code, step)) in found.iter().zip(&table) {
        assert_eq!(refused(found), ((*code).to_owned(), *step), "{request:?}");
        seen.insert(*code);
    }
    let rows = by_another_configuration()
        .into_iter()
        .chain(by_what_is_given());
    for (flags, request, code, step) in rows {
        let found = explained(&flags, &request);
        assert_eq!(found.code, Some(1), "{code}: {}{}", found.out, found.errors);
        assert_eq!(
            refused(&found.json()[0]),
            (code.to_owned(), step),
            "{request:?}"
        );
        seen.insert(code);
    }
    // Without keys, and out of reach.
    let found = run(&["--json", "--offline"], &asks("acme", &SCENE.member()), "");
    assert_eq!(found.code, Some(1), "{}", found.errors);
    assert_eq!(
        refused(&found.json()[0]),
        ("keys_unavailable".to_owned(), 5)
    );
    seen.insert("keys_unavailable");
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(seen, all);
}

#[test]
fn what_no_server_was_given_for_is_not_guessed() {
    let keyless = run(&[], &asks("acme", &SCENE.member()), "");
    assert_eq!(keyless.code, Some(2), "{}", keyless.errors);
    for expected in [
        "it would fetch the keys of https://id.example.com from https://id.example.com/oauth/v2/keys through cluster zitadel",
        "503 keys_unavailable. Give them with --key-set FILE",
        "not known: it waits",
    ] {
        assert!(
            keyless.out.contains(expected),
            "{expected}: {}",
            keyless.out
        );
    }
    let unasked = SCENE.explain(&[], &asks("acme", &key()));
    assert_eq!(unasked.code, Some(2), "{}", unasked.errors);
    let expected =
        "it would ask http://accounts.internal/internal/introspect through cluster accounts";
    assert!(unasked.out.contains(expected), "{}", unasked.out);
}

#[test]
fn times_are_told_as_people_tell_them() {
    let expired = SCENE.token(
        Draft::member("acme")
            .claim("exp", json!(1_795_435_008))
            .claim("iat", json!(1_795_431_408)),
    );
    let found = SCENE.explain(&["--at", "2026-11-23T12:00:00Z"], &asks("acme", &expired));
    assert_eq!(found.code, Some(1), "{}", found.errors);
    for expected in [
        "exp 2026-11-23T11:56:48Z, 3 min 12 s ago",
        "refused token_expired: it expired 3 min 12 s ago, and clock_skew allows for 1 min",
        "refused: 401 token_expired (the filter itself says so)",
        "at 2026-11-23T12:00:00Z",
    ] {
        assert!(found.out.contains(expected), "{expected}: {}", found.out);
    }
    let earlier = SCENE.explain(&["--at", "2026-11-23T11:57:30Z"], &asks("acme", &expired));
    assert_eq!(earlier.code, Some(0), "{}{}", earlier.out, earlier.errors);
}
