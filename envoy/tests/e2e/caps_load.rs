//! Step 7 under load: a limit is exact, whoever comes, however many at once, on whichever worker.

use serde_json::json;
use tollgate_envoy::minute;
use tollgate_envoy::soak::{Soak, outcomes};
use tollgate_envoy::stack::Stack;

use crate::streams::{Stream, Streams};
use crate::world::{AGENTS, WORKERS, count, stack};

const CONNECTIONS: usize = 64;

fn gate(workers: usize) -> Stack {
    stack()
        .echo()
        .workers(workers)
        .policy(|policy| {
            policy["caps"] = json!([{"name": "requests", "limits": {"per_minute": 100}}]);
        })
        .start()
        .unwrap()
}

#[test]
fn a_hundred_of_a_thousand_at_once_pass() {
    for workers in WORKERS {
        let stack = gate(workers);
        let found = minute::within_one(|attempt| {
            let account = format!("acme-{attempt}");
            let token = stack.issuer().member(&account);
            let request = stack.get(AGENTS).account(account).bearer(token);
            let request = |_| request.clone();
            stack.gate().volley(CONNECTIONS, 1000, request).unwrap()
        });
        assert_eq!(found, outcomes(100, 900), "{workers} workers");
        every_worker_had_a_part(&stack, workers);
    }
}

/// HTTP/2 has them all under way at the same moment.
#[test]
fn a_hundred_of_a_thousand_streams_pass() {
    for workers in WORKERS {
        let stack = gate(workers);
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| Streams::connect(stack.gate()))
            .collect();
        let passed = minute::within_one(|attempt| {
            let account = format!("acme-{attempt}");
            let bearer = format!("Bearer {}", stack.issuer().member(&account));
            let headers = [("x-account-id", &*account), ("authorization", &*bearer)];
            let begin = |number: usize| connections[number % CONNECTIONS].begin(AGENTS, &headers);
            let streams: Vec<_> = (0..1000).map(begin).collect();
            let status = |stream: Stream| stream.response().unwrap().status().as_u16();
            let statuses: Vec<_> = streams.into_iter().map(status).collect();
            let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
            (of(200), of(429))
        });
        assert_eq!(passed, (100, 900), "{workers} workers");
        every_worker_had_a_part(&stack, workers);
    }
}

/// With so many connections it is chance, though no small one, that one has none.
fn every_worker_had_a_part(stack: &Stack, workers: usize) {
    let had = |worker: &usize| {
        let connections = format!("listener.edge.worker_{worker}.downstream_cx_total");
        stack.envoy().stat(&connections).unwrap() > 0
    };
    let busy = (0..workers).filter(had).count();
    assert!(busy > workers / 2, "{busy} of {workers}");
}

/// The short form of `tollgate soak`.
#[test]
fn every_request_and_every_account_is_counted() {
    for workers in WORKERS {
        let soak = Soak {
            requests: 5000,
            accounts: 10_000,
            workers,
        };
        let report = soak.run(stack()).unwrap();
        println!("{workers} workers\n{report}");
        assert!(report.is_right(), "{workers} workers:\n{report}");
    }
}

#[test]
fn a_limit_that_nobody_reaches_refuses_nobody_and_loses_nothing() {
    let stack = stack()
        .echo()
        .workers(8)
        .policy(|policy| policy["caps"][0]["limits"]["per_minute"] = json!(100_000))
        .start()
        .unwrap();
    let token = stack.issuer().member("acme");
    let request = stack.get(AGENTS).account("acme").bearer(token);
    let found = stack.gate().volley(CONNECTIONS, 5000, |_| request.clone());
    assert_eq!(found.unwrap(), outcomes(5000, 0));
    assert_eq!(count(&stack, "requests.forwarded"), 5000);
    assert_eq!(count(&stack, "requests.refused.cap_exceeded"), 0);
}
