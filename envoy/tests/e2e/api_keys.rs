//! API keys in the real Envoy, with an introspection endpoint in the test's hand; and the upstream's own, once.

mod flood;
mod relay;
mod revocation;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::introspection::{self, Introspection};
use tollgate_envoy::stack::Stack;
use tollgate_envoy::upstream::INTROSPECTION_TOKEN;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::direct::Direct;
use crate::world::{AGENTS, count, gate, received, stack, wait_until};

const WORKERS: usize = 2;

/// Connections that no worker gets all of.
const CONNECTIONS: usize = 16;

/// How long a revoked key may work in these tests.
const ACTIVE: Duration = Duration::from_secs(2);

/// A gate whose keys are asked about at an endpoint of the test's.
fn world() -> (Stack, Introspection) {
    world_that_remembers(ACTIVE)
}

/// The same, for as long as this.
fn world_that_remembers(active: Duration) -> (Stack, Introspection) {
    let introspection = Introspection::start().unwrap();
    let address = introspection.address();
    let stack = stack()
        .workers(WORKERS)
        .echo()
        .policy(move |policy| {
            policy["caps"] = json!([]);
            policy["api_keys"] = json!({
                "prefix": "sk_live_",
                "introspection": {
                    "cluster": "keys",
                    "uri": format!("http://keys.internal{}", introspection::PATH),
                    "authorization_env": INTROSPECTION_TOKEN,
                },
                "cache": {"active": format!("{}s", active.as_secs()), "inactive": "1s"},
            });
        })
        .config(move |config| config.and_cluster("keys", address))
        .start()
        .unwrap();
    introspection.answer_to(stack.introspection_token());
    (stack, introspection)
}

fn key(account: &str, number: u8) -> String {
    ApiKey::write("sk_live_", account, &[number; ENTROPY])
}

fn with(stack: &Stack, key: &str) -> Request {
    stack.get(AGENTS).bearer(key)
}

fn send(request: &Request) -> Response {
    request.send().unwrap()
}

/// What requests with a key get, each over a connection of its own.
fn outcomes(stack: &Stack, key: &str) -> Vec<String> {
    let request = with(stack, key);
    (0..CONNECTIONS).map(|_| send(&request).outcome()).collect()
}

fn all_get(stack: &Stack, key: &str, expected: &str) {
    let outcomes = outcomes(stack, key);
    assert!(
        outcomes.iter().all(|outcome| outcome == expected),
        "{outcomes:?}"
    );
}

#[test]
fn a_key_is_its_account_and_nothing_more() {
    let (stack, introspection) = world_that_remembers(Duration::from_mins(1));
    let acme = key("acme", 1);
    introspection.activate(&acme, json!({"sub": "key-1", "account": "acme"}));

    let answer = send(&with(&stack, &acme));
    assert_eq!(answer.outcome(), "200", "{}", answer.text());
    let echo = answer.json();
    assert_eq!(received(&echo, "x-account-id"), ["acme"]);
    assert_eq!(received(&echo, "x-tollgate-subject"), ["key-1"]);
    assert_eq!(received(&echo, "authorization"), [""; 0]);
    assert_eq!(received(&echo, "x-tollgate-assertion").len(), 1);

    let admin = stack
        .get("/api/admin/accounts")
        .bearer(&acme)
        .account("acme");
    let both = with(&stack, &acme).bearer(stack.issuer().member("acme"));
    for (request, expected) in [
        (with(&stack, &acme).account("acme"), "200"),
        (
            with(&stack, &acme).account("globex"),
            "403 account_forbidden",
        ),
        (
            with(&stack, &acme).account("acme").account("acme"),
            "400 account_duplicate",
        ),
        (
            with(&stack, &acme.replace("acme", "acne")),
            "401 token_malformed",
        ),
        (with(&stack, &key("acme", 2)), "401 key_inactive"),
        (with(&stack, &key("globex", 1)), "401 key_inactive"),
        (with(&stack, &key("postgres", 1)), "403 account_reserved"),
        (admin.as_admin(), "403 credential_not_allowed"),
        (both.account("acme"), "401 token_duplicate"),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(send(&request).outcome(), expected, "{shown}");
    }
    all_get(&stack, &acme, "200");
    assert!(introspection.asked(&acme) <= WORKERS);
    wait_until("both refusals are told", || {
        count(&stack, "requests.refused.key_inactive") == 2
    });
}

#[test]
fn a_revoked_key_stops_in_every_worker_within_its_time() {
    let (stack, introspection) = world();
    let acme = key("acme", 1);
    introspection.activate(&acme, json!({"sub": "key-1"}));
    all_get(&stack, &acme, "200");

    introspection.revoke(&acme);
    let revoked = Instant::now();
    let mut sent = Duration::ZERO;
    while sent < ACTIVE * 5 / 4 {
        sent = revoked.elapsed();
        let outcome = send(&with(&stack, &acme)).outcome();
        let passes = outcome == "200" && sent <= ACTIVE;
        let is_refused = outcome == "401 key_inactive";
        assert!(
            passes || is_refused,
            "{outcome} {sent:?} after it was revoked"
        );
    }
    all_get(&stack, &acme, "401 key_inactive");
    // And one that is made active again is good a moment later.
    introspection.activate(&acme, json!({"sub": "key-1"}));
    wait_until("it passes everywhere", || {
        outcomes(&stack, &acme)
            .iter()
            .all(|outcome| outcome == "200")
    });
}

#[test]
fn a_server_that_is_gone_never_makes_a_key_wrong() {
    let (stack, mut introspection) = world();
    let (acme, other) = (key("acme", 1), key("acme", 2));
    for key in [&acme, &other] {
        introspection.activate(key, json!({"sub": "key"}));
    }
    all_get(&stack, &acme, "200");
    introspection.stop();
    let gone = Instant::now();
    let answer = send(&with(&stack, &other));
    assert_eq!(answer.outcome(), "503 introspection_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    if gone.elapsed() < ACTIVE / 2 {
        all_get(&stack, &acme, "200");
    }
    let mut seen = Vec::new();
    wait_until("what was known has grown too old", || {
        seen = outcomes(&stack, &acme);
        let allowed = ["200", "503 introspection_unavailable"];
        assert!(
            seen.iter().all(|outcome| allowed.contains(&&**outcome)),
            "{seen:?}"
        );
        !seen.iter().any(|outcome| outcome == "200")
    });
    let member = stack.get(AGENTS).account("acme");
    let token = member.bearer(stack.issuer().member("acme"));
    assert_eq!(send(&token).outcome(), "200", "tokens need nobody");

    introspection.come_back().unwrap();
    wait_until("both pass again", || {
        let passes = |key: &String| outcomes(&stack, key).iter().all(|outcome| outcome == "200");
        [&acme, &other].into_iter().all(passes)
    });
    assert!(count(&stack, "introspection.failed.connect") > 0);
}

#[test]
fn those_who_come_at_once_are_asked_about_once() {
    let (stack, introspection) = world_that_remembers(Duration::from_mins(1));
    let acme = key("acme", 1);
    introspection.activate(&acme, json!({"sub": "key-1"}));
    introspection.hold(true);
    let begin = |_| with(&stack, &acme).begin().unwrap();
    let waiting: Vec<_> = (0..40).map(begin).collect();
    wait_until("somebody has asked", || introspection.asked(&acme) > 0);
    // Requests of others are not held up.
    let token = stack.get(AGENTS).account("acme");
    let token = token.bearer(stack.issuer().member("acme"));
    assert_eq!(send(&token).outcome(), "200");
    introspection.hold(false);
    for request in waiting {
        assert_eq!(request.finish().unwrap().outcome(), "200");
    }
    let asked = introspection.asked(&acme);
    assert!((1..=WORKERS).contains(&asked), "{asked} for 40");
}

#[test]
fn the_upstreams_own_keys_pass() {
    let account = Direct::new("gate-keys");
    let wanted = json!({"name": "CI", "expiry": "30d"});
    let minted: Value = account.send("POST", "/api/v1/api-keys", &wanted).json();
    let key = minted["key"].as_str().unwrap();
    let answer = send(&with(gate(), key));
    assert_eq!(answer.outcome(), "200", "{}", answer.text());
    let leaked = gate().post("/api/v1/api-keys").bearer(key).json(&wanted);
    assert_eq!(send(&leaked).outcome(), "403 credential_not_allowed");
}
