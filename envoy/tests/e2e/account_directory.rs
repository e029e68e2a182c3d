//! The gate and the directory of accounts: what an administrator changes holds a moment later, in every worker.

use serde_json::{Value, json};
use tollgate_envoy::client::Response;
use tollgate_envoy::stack::Stack;

use crate::world::{AGENTS, count, stack, wait_until};

const WORKERS: usize = 2;

/// Connections that no worker gets all of.
const CONNECTIONS: usize = 16;

/// What requests of an account get, each over a connection of its own.
fn outcomes(stack: &Stack, account: &str) -> Vec<String> {
    let token = stack.issuer().member(account);
    let request = stack.get(AGENTS).account(account).bearer(token);
    let send = |_| request.send().unwrap().outcome();
    (0..CONNECTIONS).map(send).collect()
}

fn wait_for_all(stack: &Stack, account: &str, expected: &str) {
    wait_until(&format!("{account}: {expected}"), || {
        outcomes(stack, account)
            .iter()
            .all(|outcome| outcome == expected)
    });
}

fn administer(stack: &Stack, method: &str, path: &str, body: &Value) -> Response {
    let path = format!("/api/admin/accounts{path}");
    let request = stack.request(method, path).account("platform").as_admin();
    let request = request.bearer(stack.issuer().administrator());
    request.json(body).send().unwrap()
}

#[test]
fn accounts_change_without_a_reload() {
    let stack = stack()
        .workers(WORKERS)
        .policy(|policy| policy["caps"][0]["limits"] = json!({"per_day": 100_000}))
        .start()
        .unwrap();
    let ok = |answer: Response| assert!(answer.status < 300, "{}", answer.text());

    wait_for_all(&stack, "acme", "200");
    wait_for_all(&stack, "hooli", "400 account_unknown");
    let others = stack.issuer().member("globex");
    let unknown = stack.get(AGENTS).account("hooli").bearer(others).send();
    let code = unknown.unwrap().outcome();
    assert_eq!(
        code, "403 account_forbidden",
        "who may not know is not told"
    );

    ok(administer(&stack, "POST", "", &json!({"name": "hooli"})));
    wait_for_all(&stack, "hooli", "200");

    // Envoy says how long the upstream took, where it was asked.
    let is_upstreams = |answer: &Response| answer.header("x-envoy-upstream-service-time").is_some();
    let asked = stack.get(AGENTS).account("hooli");
    let asked = asked.bearer(stack.issuer().member("hooli"));
    assert!(is_upstreams(&asked.send().unwrap()));

    let status = |status: &str| administer(&stack, "PATCH", "/hooli", &json!({"status": status}));
    ok(status("suspended"));
    // The upstream says so at once, and then the gate does.
    wait_until("the gate itself refuses them all", || {
        (0..CONNECTIONS).all(|_| {
            let answer = asked.send().unwrap();
            assert_eq!(answer.outcome(), "403 account_suspended");
            !is_upstreams(&answer)
        })
    });
    ok(status("active"));
    wait_for_all(&stack, "hooli", "200");

    let caps = "/hooli/caps/requests";
    ok(administer(&stack, "PUT", caps, &json!({"per_minute": 0})));
    wait_for_all(&stack, "hooli", "429 cap_exceeded");
    wait_for_all(&stack, "acme", "200");
    ok(administer(&stack, "DELETE", caps, &json!({})));
    wait_for_all(&stack, "hooli", "200");

    assert_eq!(count(&stack, "directory.accounts"), 3);
    assert!(count(&stack, "directory.fetched") > 0);
}
