//! What clients and operators are told of the caps; and `mode: report`, which tells operators only.

use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::stack::Stack;

use crate::world::{AGENTS, count, received, stack, wait_until};

/// A day, so that no test meets the edge of a minute.
fn capped(policy: &mut Value) {
    policy["caps"] = json!([{"name": "requests", "limits": {"concurrent": 5, "per_day": 2}}]);
}

fn request(stack: &Stack, account: &str, number: usize) -> Request {
    let token = stack.issuer().member(account);
    let request = stack.get(format!("{AGENTS}?number={number}"));
    request.account(account).bearer(token)
}

fn field(answer: &Response, name: &str) -> String {
    answer.header(name).unwrap_or_default().to_owned()
}

/// The access log's entry of a request.
fn entry(stack: &Stack, number: usize) -> Value {
    let query = format!("?number={number}");
    let is_it = |entry: &Value| {
        entry["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(&query))
    };
    stack.envoy().access(is_it).unwrap()
}

#[test]
fn answers_and_the_access_log_say_what_is_left() {
    let stack = stack().echo().policy(capped).start().unwrap();
    let policy =
        "\"requests.per_day\";q=2;w=86400, \"requests.concurrent\";q=5;qu=\"concurrent-requests\"";
    for (number, outcome, day, concurrent) in [
        (1, "200", "r=1;t=", "r=4"),
        (2, "200", "r=0;t=", "r=4"),
        (3, "429 cap_exceeded", "r=0;t=", "r=5"),
    ] {
        let answer = request(&stack, "acme", number).send().unwrap();
        assert_eq!(answer.outcome(), outcome);
        assert_eq!(field(&answer, "ratelimit-policy"), policy);
        let left = field(&answer, "ratelimit");
        let (left_today, left_at_once) = left.split_once(", ").unwrap();
        assert!(
            left_today.starts_with(&format!("\"requests.per_day\";{day}")),
            "{left}"
        );
        assert_eq!(
            left_at_once,
            format!("\"requests.concurrent\";{concurrent}")
        );
    }
    let public = stack.get("/api/accounts").send().unwrap();
    assert_eq!(
        field(&public, "ratelimit"),
        "",
        "public requests are nobody's"
    );

    assert_eq!(entry(&stack, 1)["cap"], "requests.per_day=1");
    let refused = entry(&stack, 3);
    assert_eq!(
        (&refused["account"], &refused["cap"]),
        (&json!("acme"), &json!("requests.per_day=0"))
    );
    assert_eq!(
        (&refused["decision"], &refused["details"]),
        (&json!("cap_exceeded"), &json!("tollgate:cap_exceeded"))
    );
    wait_until("they are counted", || {
        count(&stack, "caps.requests.admitted") == 2
            && count(&stack, "caps.requests.refused.per_day") == 1
    });
}

#[test]
fn grpc_clients_are_told_in_their_own_way() {
    let blocked = |policy: &mut Value| policy["caps"][0]["limits"] = json!({"per_hour": 0});
    let stack = stack().echo().policy(blocked).start().unwrap();
    let request = request(&stack, "acme", 1).header("content-type", "application/grpc");
    let answer = request.send().unwrap();
    assert_eq!(
        (answer.status, field(&answer, "grpc-status")),
        (200, "8".to_owned())
    );
    let seconds: u32 = field(&answer, "retry-after").parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
}

#[test]
fn what_is_only_reported_passes_and_is_marked() {
    let report = |policy: &mut Value| {
        capped(policy);
        policy["mode"] = json!("report");
    };
    let stack = stack().echo().policy(report).start().unwrap();
    for number in 1..=3 {
        let answer = request(&stack, "acme", number).send().unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(field(&answer, "ratelimit"), "");
        assert_eq!(received(&answer.json(), "x-tollgate-assertion").len(), 1);
    }
    let without_token = stack.get(format!("{AGENTS}?number=4")).account("acme");
    let forged = without_token
        .header("x-tollgate-assertion", "forged")
        .send();
    let forged = forged.unwrap().json();
    assert_eq!(received(&forged, "x-account-id"), ["acme"]);
    assert_eq!(received(&forged, "x-tollgate-assertion"), [""; 0]);

    assert_eq!(entry(&stack, 1)["decision"], "forwarded");
    assert_eq!(entry(&stack, 3)["decision"], "reported:cap_exceeded");
    assert_eq!(entry(&stack, 4)["decision"], "reported:token_missing");
    wait_until("they are counted", || {
        count(&stack, "requests.reported.cap_exceeded") == 1
            && count(&stack, "requests.reported.token_missing") == 1
            && count(&stack, "caps.requests.refused.per_day") == 1
    });
}
