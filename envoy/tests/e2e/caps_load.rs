//! Step 7 under load: a limit is exact, whoever comes, however many at once, on whichever worker.

use serde_json::json;
use tollgate_envoy::client::Request;
use tollgate_envoy::minute;
use tollgate_envoy::stack::Stack;
use tollgate_envoy::trials::caps::{Caps, outcomes};

use crate::streams::{Stream, Streams};
use crate::world::{WORKERS, count, stack, wait_until};

const CONNECTIONS: usize = 64;

#[test]
fn a_limit_is_exact_for_a_thousand_at_once() {
    for workers in WORKERS {
        let stack = stack()
            .echo()
            .workers(workers)
            .policy(|policy| {
                let routes = ["GET /plenty"];
                policy["caps"] = json!([
                    {"name": "few", "routes": ["GET /few"], "limits": {"per_minute": 100}},
                    {"name": "plenty", "routes": routes, "limits": {"per_minute": 100_000}},
                ]);
            })
            .start()
            .unwrap();
        println!("{workers} workers");
        a_hundred_of_a_thousand_pass(&stack);
        a_hundred_of_a_thousand_streams_pass(&stack);
        a_limit_that_nobody_reaches_refuses_nobody(&stack);
        every_worker_had_a_part(&stack, workers);
    }
}

fn a_hundred_of_a_thousand_pass(stack: &Stack) {
    let found = minute::within_one(|attempt| {
        let request = request(stack, "/few", &format!("acme-{attempt}"));
        let volley = stack.gate().volley(CONNECTIONS, 1000, |_| request.clone());
        volley.unwrap()
    });
    assert_eq!(found, outcomes(100, 900));
}

/// HTTP/2 has them all under way at the same moment.
fn a_hundred_of_a_thousand_streams_pass(stack: &Stack) {
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| Streams::connect(stack.gate()))
        .collect();
    let found = minute::within_one(|attempt| {
        let account = format!("globex-{attempt}");
        let bearer = format!("Bearer {}", stack.issuer().member(&account));
        let headers = [("x-account-id", &*account), ("authorization", &*bearer)];
        let begin = |number: usize| connections[number % CONNECTIONS].begin("/few", &headers);
        let streams: Vec<_> = (0..1000).map(begin).collect();
        let status = |stream: Stream| stream.response().unwrap().status().as_u16();
        let statuses: Vec<_> = streams.into_iter().map(status).collect();
        let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        (of(200), of(429))
    });
    assert_eq!(found, (100, 900));
}

fn a_limit_that_nobody_reaches_refuses_nobody(stack: &Stack) {
    let request = request(stack, "/plenty", "initech");
    let volley = stack.gate().volley(CONNECTIONS, 3000, |_| request.clone());
    assert_eq!(volley.unwrap(), outcomes(3000, 0));
    let count = |name| count(stack, name);
    // The filter tells with its ticks.
    wait_until("all are counted, and once", || {
        let (few, plenty) = (count("caps.few.admitted"), count("caps.plenty.admitted"));
        plenty == 3000 && count("requests.forwarded") == few + plenty
    });
    assert_eq!(count("caps.plenty.refused.per_minute"), 0);
}

fn request(stack: &Stack, path: &str, account: &str) -> Request {
    let token = stack.issuer().member(account);
    stack.get(path).account(account).bearer(token)
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

/// The short form of `tollgate caps`.
#[test]
fn every_request_and_every_account_is_counted() {
    for workers in WORKERS {
        let caps = Caps {
            requests: 5000,
            accounts: 10_000,
            workers,
        };
        let report = caps.run(stack()).unwrap();
        println!("{workers} workers\n{report}");
        assert!(report.is_right(), "{workers} workers:\n{report}");
    }
}
