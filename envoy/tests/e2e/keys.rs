//! The issuer's keys: fetched through Envoy, waited for, kept, and refused when they are no good.

use std::thread;

use serde_json::json;
use tollgate_envoy::issuer::{Draft, Endpoint, Fault, FaultKind};
use tollgate_envoy::stack::{Builder, Stack};

use crate::world::{all_pass, count, good, stack, wait_until};

/// A gate that begins with a key set that cannot be had.
fn without_keys(kind: FaultKind) -> Builder {
    stack().echo().policy_for(move |policy, issuer| {
        issuer.fault(Fault::of_keys(kind));
        policy["issuers"][0]["jwks"]["max_wait"] = json!("300ms");
    })
}

fn outcome(stack: &Stack) -> String {
    good(stack).send().unwrap().outcome()
}

#[test]
fn without_keys_nobody_passes_until_they_are_there() {
    let stack = without_keys(FaultKind::Closed).start().unwrap();
    let refused = good(&stack).send().unwrap();
    assert_eq!(refused.outcome(), "503 keys_unavailable");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(
        stack.get("/api/accounts").send().unwrap().status,
        200,
        "public routes go on"
    );

    stack.issuer().fault(Fault::of_keys(FaultKind::None));
    wait_until("the keys are there", || outcome(&stack) == "200");
}

#[test]
fn a_key_set_that_is_no_good_is_none() {
    let stack = without_keys(FaultKind::Status).start().unwrap();
    for kind in [
        FaultKind::Status,
        FaultKind::Garbage,
        FaultKind::Empty,
        FaultKind::TooLarge,
    ] {
        stack.issuer().fault(Fault::of_keys(kind));
        let fetched = stack.issuer().requests(Endpoint::Keys);
        wait_until("it is fetched", || {
            stack.issuer().requests(Endpoint::Keys) > fetched + 2
        });
        assert_eq!(outcome(&stack), "503 keys_unavailable", "{kind:?}");
    }
}

#[test]
fn one_thread_of_envoy_fetches_for_all() {
    let stack = stack().echo().start().unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    assert!(all_pass(&stack), "and keeps them");
    assert_eq!(stack.issuer().requests(Endpoint::Keys), 1);
    assert_eq!(count(&stack, "issuer.0.keys.fetched"), 1);
    let keys = stack.issuer().key_set()["keys"].as_array().unwrap().len();
    let usable = || count(&stack, "issuer.0.keys.usable");
    wait_until("every thread has said so", || usable() == keys as u64);
}

#[test]
fn a_request_waits_for_keys_that_are_late() {
    let stack = stack()
        .echo()
        .policy_for(|policy, issuer| {
            issuer.fault(Fault::of_keys(FaultKind::Closed));
            policy["issuers"][0]["jwks"]["max_wait"] = json!("20s");
        })
        .start()
        .unwrap();
    let outcome = thread::scope(|scope| {
        let request = scope.spawn(|| outcome(&stack));
        let waiting = || stack.envoy().stat("http.edge.downstream_rq_active");
        wait_until("it waits", || waiting() >= Some(1));
        stack.issuer().fault(Fault::of_keys(FaultKind::None));
        request.join().unwrap()
    });
    assert_eq!(outcome, "200");
}

#[test]
fn keys_that_were_good_stay_good_when_the_issuer_is_gone() {
    let stack = stack()
        .echo()
        .policy(|policy| policy["issuers"][0]["jwks"]["refresh"] = json!("1s"))
        .start()
        .unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    stack.issuer().fault(Fault::of_keys(FaultKind::Closed));
    let fetched = stack.issuer().requests(Endpoint::Keys);
    wait_until("it is tried again", || {
        stack.issuer().requests(Endpoint::Keys) > fetched + 2
    });
    assert!(all_pass(&stack));
}

#[test]
fn a_rotated_key_takes_over_with_the_next_fetch() {
    let stack = stack()
        .echo()
        .policy(|policy| policy["issuers"][0]["jwks"]["refresh"] = json!("1s"))
        .start()
        .unwrap();
    let old = stack.issuer().member("acme");
    let by_old = || {
        stack
            .get("/x")
            .account("acme")
            .bearer(&old)
            .send()
            .unwrap()
            .outcome()
    };
    wait_until("the keys are there", || by_old() == "200");
    stack.issuer().rotate().unwrap();
    wait_until("the new key counts", || outcome(&stack) == "200");
    wait_until("the old key does not", || by_old() == "401 token_key");
}

#[test]
fn an_inline_set_needs_no_issuer() {
    let stack = stack()
        .echo()
        .policy_for(|policy, issuer| {
            policy["issuers"][0]["jwks"] = json!({"inline": issuer.key_set()});
        })
        .start()
        .unwrap();
    assert_eq!(outcome(&stack), "200");
    let other = Draft::default().header("kid", json!("1"));
    let other = stack
        .get("/x")
        .account("acme")
        .bearer(stack.issuer().mint(&other));
    assert_eq!(other.send().unwrap().outcome(), "401 token_key");
    assert_eq!(stack.issuer().requests(Endpoint::Keys), 0);
}

#[test]
fn an_inline_set_holds_until_the_first_fetch() {
    let stack = stack()
        .echo()
        .policy_for(|policy, issuer| {
            issuer.fault(Fault::of_keys(FaultKind::Closed));
            policy["issuers"][0]["jwks"]["inline"] = issuer.key_set();
        })
        .start()
        .unwrap();
    let old = stack.issuer().member("acme");
    let by = |token: &str| {
        let request = stack.get("/x").account("acme").bearer(token);
        request.send().unwrap().outcome()
    };
    assert_eq!(by(&old), "200");

    stack.issuer().rotate().unwrap();
    stack.issuer().fault(Fault::of_keys(FaultKind::None));
    wait_until("every worker has the new key", || all_pass(&stack));
    for _ in 0..20 {
        assert_eq!(by(&old), "401 token_key");
    }
}

/// Anybody can make requests wait: they need a key id, and no signature.
#[test]
fn a_flood_that_waits_for_keys_does_not_bring_the_worker_down() {
    const FLOOD: u64 = 900;
    let stack = stack()
        .echo()
        .workers(1)
        .policy_for(|policy, issuer| {
            issuer.fault(Fault::of_keys(FaultKind::Status));
            policy["issuers"][0]["jwks"]["max_wait"] = json!("20s");
        })
        .start()
        .unwrap();
    let token = stack.issuer().member("acme");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = stack
        .get("/x")
        .account("acme")
        .bearer(format!("{signed}.AAAA"));

    let outcomes: Vec<_> = thread::scope(|scope| {
        let flood: Vec<_> = (0..FLOOD)
            .map(|_| {
                scope.spawn(|| {
                    forged
                        .send()
                        .map_or_else(|error| error.to_string(), |answer| answer.outcome())
                })
            })
            .collect();
        let waiting = || stack.envoy().stat("http.edge.downstream_rq_active");
        wait_until("all of them wait", || waiting() >= Some(FLOOD));
        stack.issuer().fault(Fault::of_keys(FaultKind::None));
        flood
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let refused = outcomes
        .iter()
        .filter(|outcome| *outcome == "401 token_signature");
    assert_eq!(refused.count() as u64, FLOOD);
    assert_eq!(outcome(&stack), "200");
    assert!(
        !stack.envoy().log().contains("RangeError"),
        "{}",
        stack.envoy().log()
    );
}
