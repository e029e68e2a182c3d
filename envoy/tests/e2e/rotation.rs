//! New keys, and keys that nobody has: the issuer is asked once for all who come, and never as often as they like.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_envoy::issuer::{Draft, Endpoint, Fault, FaultKind};
use tollgate_envoy::stack::Stack;

use crate::world::{AGENTS, all_pass, good, stack, wait_until};

/// A gate whose workers all have the keys.
fn ready(change: impl FnOnce(&mut Value) + 'static) -> Stack {
    let stack = stack()
        .echo()
        .policy(|policy| policy["caps"] = json!([]))
        .policy(|policy| change(&mut policy["issuers"][0]["jwks"]))
        .start()
        .unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    stack
}

fn outcome(stack: &Stack, token: &str) -> String {
    let request = stack.get(AGENTS).account("acme").bearer(token);
    request.send().unwrap().outcome()
}

#[test]
fn a_new_key_is_fetched_once_for_two_hundred_at_once() {
    let stack = ready(|_| {});
    let before = stack.issuer().requests(Endpoint::Keys);
    stack.issuer().rotate().unwrap();
    let token = stack.issuer().member("acme");
    let start = Instant::now();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let requests: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| outcome(&stack, &token)))
            .collect();
        let outcomes = requests.into_iter().map(|request| request.join().unwrap());
        outcomes.collect()
    });
    let took = start.elapsed();
    let passed = outcomes.iter().filter(|outcome| *outcome == "200").count();
    let fetches = stack.issuer().requests(Endpoint::Keys) - before;
    println!("{passed} of 200 passed within {took:?}, by {fetches} fetch");
    let first = outcomes.iter().find(|outcome| *outcome != "200");
    assert_eq!(passed, 200, "{first:?}");
    assert_eq!(fetches, 1);
    assert!(
        took < Duration::from_secs(5),
        "nobody waited for a timer: {took:?}"
    );
}

/// Tokens like this one, each with another key id.
fn with_made_up_key(token: &str, number: usize) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
    let mut header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"] = json!(format!("made-up-{number}"));
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{rest}")
}

#[test]
fn made_up_keys_ask_the_issuer_once_a_cooldown_and_stop_nobody() {
    const REQUESTS: usize = 2000;
    const COOLDOWN: Duration = Duration::from_secs(2);
    let stack = ready(|jwks| jwks["unknown_kid_cooldown"] = json!("2s"));
    let before = stack.issuer().requests(Endpoint::Keys);
    let token = stack.issuer().member("acme");
    let (next, slowest) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (refused, unavailable, passed) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let start = Instant::now();
    let flood = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                break;
            }
            let counter = match outcome(&stack, &with_made_up_key(&token, number)).as_str() {
                "401 token_key" => &refused,
                "503 keys_unavailable" => &unavailable,
                other => panic!("{other}"),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(10) {
                let sent = Instant::now();
                assert_eq!(outcome(&stack, &token), "200");
                let took = usize::try_from(sent.elapsed().as_millis()).unwrap();
                slowest.fetch_max(took, Ordering::Relaxed);
                passed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(flood);
        }
    });
    let took = start.elapsed();
    let fetches = stack.issuer().requests(Endpoint::Keys) - before;
    println!(
        "{refused:?} refused, {unavailable:?} told to come back, {passed:?} good ones passed (slowest {slowest:?} ms) \
         in {took:?}, by {fetches} fetches"
    );
    let most = 1 + took.as_secs() / COOLDOWN.as_secs();
    assert!((1..=most).contains(&fetches), "{fetches}, at most {most}");
    assert_eq!(passed.into_inner(), REQUESTS / 10);
    assert_eq!(
        refused.into_inner(),
        REQUESTS,
        "the issuer could be asked all along"
    );
}

#[test]
fn a_key_that_leaves_the_set_takes_its_tokens_with_it_on_every_worker() {
    let stack = ready(|jwks| jwks["refresh"] = json!("1s"));
    let old = stack.issuer().member("acme");
    for _ in 0..20 {
        assert_eq!(outcome(&stack, &old), "200");
    }
    stack.issuer().rotate().unwrap();
    let all_refuse = || (0..20).all(|_| outcome(&stack, &old) == "401 token_key");
    wait_until("no worker takes the old key", all_refuse);
    assert!(all_refuse(), "and none ever again");
}

#[test]
fn nobody_is_told_that_a_key_is_wrong_while_the_issuer_cannot_say() {
    let stack = ready(|jwks| jwks["max_wait"] = json!("300ms"));
    stack.issuer().down();
    stack.issuer().rotate().unwrap();
    let new = stack.issuer().member("acme");
    let old = stack
        .issuer()
        .mint(&Draft::default().header("kid", json!("other")));
    for token in [&new, &old] {
        assert_eq!(outcome(&stack, token), "503 keys_unavailable");
    }
    assert_eq!(outcome(&stack, &new), "503 keys_unavailable", "again");
}

#[test]
fn good_tokens_pass_while_the_issuer_hangs() {
    let stack = ready(|jwks| {
        jwks["max_wait"] = json!("300ms");
        jwks["timeout"] = json!("2s");
    });
    let known = good(&stack);
    stack.issuer().fault(Fault::of_keys(FaultKind::Hang));
    let unknown = stack
        .issuer()
        .mint(&Draft::default().header("kid", json!("x")));
    let before = stack.issuer().requests(Endpoint::Keys);
    assert_eq!(outcome(&stack, &unknown), "503 keys_unavailable");
    for _ in 0..50 {
        assert_eq!(known.send().unwrap().status, 200);
    }
    assert_eq!(stack.issuer().requests(Endpoint::Keys) - before, 1);
}
