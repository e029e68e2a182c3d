//! Every algorithm, end to end, by Envoy's own cryptography where it has it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tollgate_envoy::issuer::{ALGORITHMS, Draft};
use tollgate_envoy::stack::Stack;

use crate::world::{AGENTS, all_pass, count, gate, stack, wait_until, wait_until_told};

/// Those that Envoy's `verify_signature` can verify.
const OFFLOADED: [&str; 5] = ["RS256", "RS384", "RS512", "ES256", "ES384"];

/// A gate that takes them all. One worker, so that a token is verified once.
fn start(token_cache: serde_json::Value) -> Stack {
    let stack = stack()
        .echo()
        .workers(1)
        .policy(move |policy| {
            policy["caps"] = json!([]);
            policy["issuers"][0]["algorithms"] = json!(ALGORITHMS);
            policy["token_cache"] = token_cache;
        })
        .start()
        .unwrap();
    wait_until("the worker has the keys", || all_pass(&stack));
    stack
}

fn outcome(stack: &Stack, token: &str) -> String {
    let request = stack.get(AGENTS).account("acme").bearer(token);
    request.send().unwrap().outcome()
}

#[test]
fn each_passes_and_is_verified_once_and_where_it_should_be() {
    let stack = start(json!({"entries": 100, "bytes": 1_000_000}));
    assert_eq!(count(&stack, "signatures.offloaded"), 1);
    let counts = || {
        wait_until_told(&stack);
        let count = |name| count(&stack, name);
        (
            count("signatures.host"),
            count("signatures.module"),
            count("tokens.cached"),
        )
    };
    for algorithm in ALGORITHMS {
        let token = stack.issuer().mint(&Draft::default().algorithm(algorithm));
        let before = counts();
        for _ in 0..3 {
            assert_eq!(outcome(&stack, &token), "200", "{algorithm}");
        }
        let offloaded = u64::from(OFFLOADED.contains(&algorithm));
        let expected = (before.0 + offloaded, before.1 + 1 - offloaded, before.2 + 2);
        assert_eq!(counts(), expected, "{algorithm}");
    }
}

#[test]
fn without_a_cache_each_request_is_verified() {
    let stack = start(json!({"entries": 0}));
    for algorithm in ALGORITHMS {
        let token = stack.issuer().mint(&Draft::default().algorithm(algorithm));
        let verified = || {
            wait_until_told(&stack);
            count(&stack, "signatures.host") + count(&stack, "signatures.module")
        };
        let before = verified();
        for _ in 0..3 {
            assert_eq!(outcome(&stack, &token), "200", "{algorithm}");
        }
        assert_eq!(verified() - before, 3, "{algorithm}");
    }
    assert_eq!(count(&stack, "tokens.cached"), 0);
}

/// Shared by those that change nothing.
static ALL: LazyLock<Stack> = LazyLock::new(|| start(json!({})));

#[test]
fn one_bit_of_each_signature_decides() {
    for algorithm in ALGORITHMS {
        let token = ALL.issuer().mint(&Draft::default().algorithm(algorithm));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(outcome(&ALL, &token), "200", "{algorithm}");
        for position in [0, signature.len() / 2, signature.len() - 1] {
            let mut wrong = signature.clone();
            wrong[position] ^= 1;
            let wrong = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(wrong));
            let outcome = outcome(&ALL, &wrong);
            assert_eq!(
                outcome, "401 token_signature",
                "{algorithm}: byte {position}"
            );
        }
    }
}

/// How long a flood may take to do harm on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the module must verify itself takes long, and forging it takes nothing.
#[test]
fn a_flood_of_slow_signatures_leaves_the_worker_free() {
    let stack = start(json!({}));
    let good = stack.issuer().mint(&Draft::default().algorithm("PS256"));
    assert_eq!(outcome(&stack, &good), "200");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode([1; 256]));
    let request = stack.get(AGENTS).account("acme").bearer(&forged);
    let (refused, deferred) = (AtomicU64::new(0), AtomicU64::new(0));
    let enough = |counter: &AtomicU64| counter.load(Ordering::Relaxed) >= 20;
    let start = Instant::now();
    let is_over = || enough(&refused) && enough(&deferred) || start.elapsed() > PATIENCE;
    let flood = || {
        while !is_over() {
            let answer = request.send().unwrap();
            let counter = match answer.outcome().as_str() {
                "401 token_signature" => &refused,
                "503 not_ready" => {
                    assert!(answer.header("retry-after").is_some());
                    &deferred
                }
                other => panic!("{other}"),
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let slowest = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(flood);
        }
        let mut slowest = Duration::ZERO;
        while !is_over() {
            let sent = Instant::now();
            assert_eq!(outcome(&stack, &good), "200", "remembered");
            slowest = slowest.max(sent.elapsed());
        }
        slowest
    });
    println!(
        "{refused:?} forged ones verified and {deferred:?} put off in {:?}; a remembered one took {slowest:?} at most",
        start.elapsed()
    );
    assert!(enough(&refused) && enough(&deferred));
    let deferred = deferred.into_inner();
    wait_until_told(&stack);
    assert_eq!(count(&stack, "signatures.deferred"), deferred);
    let new = stack.issuer().mint(&Draft::default().algorithm("PS512"));
    wait_until("another good one passes", || outcome(&stack, &new) == "200");
}

#[test]
fn a_key_serves_only_its_own_algorithm() {
    let set = ALL.issuer().key_set();
    let kid = |place: usize| set["keys"][place]["kid"].clone();
    for (algorithm, key) in [
        ("PS256", 0),
        ("RS512", 0),
        ("ES256", 0),
        ("ES256", 3),
        ("ES384", 2),
        ("EdDSA", 2),
        ("RS256", 4),
    ] {
        let draft = Draft::default()
            .algorithm(algorithm)
            .header("kid", kid(key));
        let outcome = outcome(&ALL, &ALL.issuer().mint(&draft));
        assert_eq!(outcome, "401 token_key", "{algorithm} by key {key}");
    }
}

#[test]
fn what_is_not_configured_is_refused() {
    let stack = gate();
    for algorithm in ["RS384", "PS256", "EdDSA", "ES512", "none", "HS256"] {
        let token = stack.issuer().mint(&Draft::default().algorithm(algorithm));
        let outcome = outcome(stack, &token);
        assert_eq!(outcome, "401 token_algorithm", "{algorithm}");
    }
}
