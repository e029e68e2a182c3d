//! The issuer is down, slow, or talks nonsense: what there is stays as long as it may, and operators are told why.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_envoy::issuer::{Endpoint, Fault, FaultKind};
use tollgate_envoy::stack::Stack;

use crate::world::{all_pass, count, good, stack, wait_until};

fn outcome(stack: &Stack) -> String {
    good(stack).send().unwrap().outcome()
}

/// A gate that looks after its keys every second, and whose workers have them.
fn attentive(change: impl FnOnce(&mut Value) + 'static) -> Stack {
    let stack = stack()
        .echo()
        .policy(|policy| {
            policy["caps"] = json!([]);
            let jwks = &mut policy["issuers"][0]["jwks"];
            jwks["refresh"] = json!("1s");
            jwks["timeout"] = json!("1s");
            jwks["max_wait"] = json!("300ms");
            change(jwks);
        })
        .start()
        .unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    stack
}

#[test]
fn requests_pass_within_a_second_after_the_issuer_is_there() {
    let stack = stack()
        .echo()
        .policy_for(|policy, issuer| {
            issuer.down();
            policy["issuers"][0]["jwks"]["max_wait"] = json!("300ms");
        })
        .start()
        .unwrap();
    for _ in 0..5 {
        let refused = good(&stack).send().unwrap();
        assert_eq!(refused.outcome(), "503 keys_unavailable");
        let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds >= 1);
    }
    assert!(count(&stack, "issuer.0.keys.failed.connect") >= 1);
    assert_eq!(count(&stack, "issuer.0.keys.usable"), 0);

    stack.issuer().up().unwrap();
    let start = Instant::now();
    wait_until("a request passes", || outcome(&stack) == "200");
    let took = start.elapsed();
    println!("the first request passed {took:?} after the issuer was up");
    assert!(took < Duration::from_millis(1500), "{took:?}");
    wait_until("every worker has the keys", || all_pass(&stack));
    let took = start.elapsed();
    println!("every worker let requests pass {took:?} after it");
}

#[test]
fn keys_are_good_until_max_stale_and_not_for_longer() {
    const MAX_STALE: Duration = Duration::from_secs(3);
    let stack = attentive(|jwks| jwks["max_stale"] = json!("3s"));
    stack.issuer().down();
    // They were seen with the issuer at most a second and a tick ago.
    let start = Instant::now();
    wait_until("they are too old", || outcome(&stack) != "200");
    let took = start.elapsed();
    println!("keys were good for {took:?} after the issuer was gone");
    assert!(took > MAX_STALE - Duration::from_millis(1500), "{took:?}");
    assert!(took < MAX_STALE + Duration::from_secs(2), "{took:?}");
    let refused = good(&stack).send().unwrap();
    assert_eq!(refused.outcome(), "503 keys_unavailable");
    assert!(refused.header("retry-after").is_some());
    wait_until("the statistics say so", || {
        count(&stack, "issuer.0.keys.usable") == 0
    });

    stack.issuer().up().unwrap();
    wait_until("new ones are there", || all_pass(&stack));
}

/// Log lines that say that keys could not be fetched.
fn complaints(stack: &Stack) -> Vec<String> {
    let log = stack.envoy().log();
    let lines = log.lines().filter(|line| line.contains("not fetched"));
    lines.map(str::to_owned).collect()
}

#[test]
fn each_way_to_fail_keeps_the_keys_and_has_its_metric_and_one_line_in_the_log() {
    let stack = attentive(|_| {});
    let all = Fault::of_keys;
    for (number, (fault, reason)) in [
        (Some(all(FaultKind::Status)), "status"),
        (Some(all(FaultKind::Garbage)), "not_json"),
        (Some(all(FaultKind::Empty)), "no_usable_key"),
        (Some(all(FaultKind::TooLarge)), "too_large"),
        (Some(all(FaultKind::Hang)), "timeout"),
        (Some(all(FaultKind::Closed)), "reset"),
        // Nobody listens.
        (None, "connect"),
    ]
    .into_iter()
    .enumerate()
    {
        let counter = format!("issuer.0.keys.failed.{reason}");
        assert_eq!(count(&stack, &counter), 0, "{reason}");
        match fault {
            Some(fault) => stack.issuer().fault(fault),
            None => stack.issuer().down(),
        }
        wait_until(&format!("it has failed three times: {reason}"), || {
            assert_eq!(outcome(&stack), "200", "{reason}");
            count(&stack, &counter) >= 3
        });
        assert!(all_pass(&stack), "{reason}");
        let lines = complaints(&stack);
        assert_eq!(lines.len(), number + 1, "{reason}: {lines:#?}");
        println!("{reason}: {}", lines.last().unwrap());

        let fetched = count(&stack, "issuer.0.keys.fetched");
        stack.issuer().up().unwrap();
        stack.issuer().fault(all(FaultKind::None));
        wait_until("it works again", || {
            count(&stack, "issuer.0.keys.fetched") > fetched
        });
    }
}

#[test]
fn a_cluster_that_envoy_does_not_know_is_one_line_and_a_metric() {
    let stack = stack()
        .echo()
        .policy(|policy| {
            let jwks = &mut policy["issuers"][0]["jwks"];
            jwks["cluster"] = json!("nowhere");
            jwks["max_wait"] = json!("300ms");
        })
        .start()
        .unwrap();
    let failed = || count(&stack, "issuer.0.keys.failed.cluster_unknown");
    wait_until("it has failed three times", || failed() >= 3);
    assert_eq!(outcome(&stack), "503 keys_unavailable");
    let lines = complaints(&stack);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("`nowhere`"), "{lines:#?}");
}

#[test]
fn keys_that_cannot_be_used_do_not_spoil_those_that_can() {
    let stack = attentive(|_| {});
    let good = stack.issuer().key_set();
    let good = good["keys"].as_array().unwrap().clone();
    let like = |place: usize, member: &str, value: Value| {
        let mut key = good[place].clone();
        key["kid"] = json!("bad");
        key[member] = value;
        key
    };
    let bad = [
        json!({}),
        json!(null),
        json!("key"),
        json!([]),
        json!({"kty": "oct", "kid": "bad", "k": "AAAA"}),
        json!({"kty": "XYZ", "kid": "bad"}),
        like(0, "n", json!("AQAB")),
        like(0, "n", json!("not base64!")),
        like(0, "n", json!(7)),
        like(0, "e", json!("Ag")),
        like(0, "use", json!("enc")),
        like(0, "alg", json!("HS256")),
        like(0, "kid", json!(7)),
        like(2, "x", json!("AAAA")),
        like(2, "y", good[2]["x"].clone()),
        like(2, "crv", json!("P-521")),
        like(4, "x", json!("AAAA")),
        like(4, "crv", json!("X25519")),
    ];
    let spoiled: Vec<_> = bad.iter().chain(&good).chain(&bad).collect();
    let fetched = count(&stack, "issuer.0.keys.fetched");
    let set = json!({ "keys": spoiled });
    stack.issuer().fault(Fault::body(Endpoint::Keys, set));
    wait_until("it is fetched", || {
        count(&stack, "issuer.0.keys.fetched") > fetched + 1
    });
    assert!(all_pass(&stack));
    let usable = || count(&stack, "issuer.0.keys.usable");
    wait_until("those that can be used are counted", || {
        usable() == good.len() as u64
    });
}
