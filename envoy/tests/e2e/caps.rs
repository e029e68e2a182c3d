//! Step 7: an account's requests in a minute.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::stack::Stack;

use crate::world::{AGENTS, stack, wait_until};

/// How many connections the requests are spread over; so many that no worker gets them all.
const CONNECTIONS: usize = 26;

/// Waits until the minute has time enough for a test. A window begins with the minute, and a test must not be in two.
fn wait_for_a_minute_with_time_left() -> u64 {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    wait_until("a minute begins", || now() % 60 < 35);
    now() / 60
}

/// These tests are of windows; as many connections as they have would be too many at once.
fn lift_concurrent(policy: &mut Value) {
    policy["caps"][0]["limits"]["concurrent"] = Value::Null;
}

/// Sends the request so often, over all connections at the same time.
fn burst(request: &Request, stack: &Stack, each: usize) -> Vec<Response> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(move || {
                    let mut connection = stack.gate().connect().unwrap();
                    let send = |_| connection.send(request).unwrap();
                    (0..each).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers.flatten().collect()
    })
}

fn passed(answers: &[Response]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

fn request(stack: &Stack, method: &str, path: &str, account: &str) -> Request {
    let token = stack.issuer().member(account);
    stack.request(method, path).account(account).bearer(token)
}

/// All in one test, which needs the same minute for all of them.
#[test]
fn caps_are_exact_across_workers() {
    let stack = stack()
        .echo()
        .workers(2)
        .policy(lift_concurrent)
        .start()
        .unwrap();
    let minute = wait_for_a_minute_with_time_left();

    let answers = burst(&request(&stack, "GET", AGENTS, "acme"), &stack, 5);
    assert_eq!((answers.len(), passed(&answers)), (130, 60));
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused.outcome(), "429 cap_exceeded");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        let problem = refused.json();
        assert_eq!(
            (&problem["cap"], &problem["window"]),
            (&"requests".into(), &"per_minute".into())
        );
        assert_eq!(
            (&problem["limit"], &problem["retry_after"]),
            (&60.into(), &seconds.into())
        );
    }

    let others = burst(&request(&stack, "GET", AGENTS, "globex"), &stack, 1);
    assert_eq!(passed(&others), CONNECTIONS, "an account of its own");

    let calls = request(&stack, "POST", "/api/v1/calls/originate", "globex");
    let calls = burst(&calls, &stack, 1);
    assert_eq!(passed(&calls), 10, "a route of its own");
    assert!(calls.iter().any(|answer| answer.json()["cap"] == "calls"));

    let more = burst(&request(&stack, "GET", AGENTS, "initech"), &stack, 5);
    assert_eq!(passed(&more), 130, "an account with its own limit");

    let public = burst(&stack.get("/api/accounts"), &stack, 3);
    assert_eq!(
        passed(&public),
        3 * CONNECTIONS,
        "public requests are nobody's"
    );

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(
        now.as_secs() / 60,
        minute,
        "the machine is too slow for this test"
    );
    both_workers_had_a_part(&stack);
}

fn both_workers_had_a_part(stack: &Stack) {
    for worker in 0..2 {
        let connections = format!("listener.edge.worker_{worker}.downstream_cx_total");
        assert!(
            stack.envoy().stat(&connections).unwrap() > 0,
            "{connections}"
        );
    }
}

#[test]
fn what_is_refused_does_not_count() {
    let stack = stack()
        .echo()
        .policy(|policy| policy["caps"][0]["limits"]["per_minute"] = 3.into())
        .start()
        .unwrap();
    let other = stack.issuer().member("globex");
    wait_for_a_minute_with_time_left();
    for _ in 0..10 {
        let refused = stack
            .get(AGENTS)
            .account("acme")
            .bearer(&other)
            .send()
            .unwrap();
        assert_eq!(refused.outcome(), "403 account_forbidden");
    }
    let answers: Vec<_> = (0..4)
        .map(|_| {
            request(&stack, "GET", AGENTS, "acme")
                .send()
                .unwrap()
                .outcome()
        })
        .collect();
    assert_eq!(answers, ["200", "200", "200", "429 cap_exceeded"]);
}

#[test]
fn a_limit_of_nothing_blocks_and_null_lifts() {
    let stack = stack()
        .echo()
        .policy(|policy| {
            lift_concurrent(policy);
            policy["caps"][0]["limits"]["per_minute"] = 0.into();
            policy["caps"][0]["accounts"] = serde_json::json!({"globex": {"per_minute": null}});
        })
        .start()
        .unwrap();
    let acme = request(&stack, "GET", AGENTS, "acme").send().unwrap();
    assert_eq!(acme.outcome(), "429 cap_exceeded");
    let globex = burst(&request(&stack, "GET", AGENTS, "globex"), &stack, 3);
    assert_eq!(passed(&globex), 3 * CONNECTIONS);
}
