//! Pages of other origins: preflights, and answers that their scripts may read.

use serde_json::json;
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::config::Config;

use crate::world::{AGENTS, echo, gate, good, stack};

const PAGE: &str = "https://shop.example.com";

fn from_the_page(request: Request) -> Response {
    request.header("Origin", PAGE).send().unwrap()
}

fn preflight(request: Request) -> Response {
    from_the_page(
        request
            .header("Access-Control-Request-Method", "PATCH")
            .header(
                "Access-Control-Request-Headers",
                "authorization,x-account-id",
            ),
    )
}

fn allowed_origin(answer: &Response) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_preflight_is_answered_without_a_token_whatever_the_route() {
    for path in [AGENTS, "/api/admin/accounts", "/api/v1/widget/auth/guest"] {
        let answer = preflight(gate().request("OPTIONS", path));
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(allowed_origin(&answer), Some(PAGE), "{path}");
        let told = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        assert!(told("access-control-allow-methods").contains("PATCH"));
        let headers = told("access-control-allow-headers");
        assert!(headers.contains("authorization") && headers.contains("x-account-id"));
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            None,
            "{path}"
        );
    }
}

#[test]
fn what_is_no_preflight_is_decided_by_the_gate() {
    let plain = echo().request("OPTIONS", AGENTS);
    assert_eq!(plain.send().unwrap().outcome(), "400 account_missing");
    let answer = from_the_page(echo().request("OPTIONS", AGENTS));
    assert_eq!(answer.outcome(), "400 account_missing");
    let method_only = echo()
        .request("OPTIONS", AGENTS)
        .header("Access-Control-Request-Method", "GET");
    assert_eq!(method_only.send().unwrap().outcome(), "400 account_missing");
}

#[test]
fn a_refusal_can_be_read_by_a_script() {
    let member = gate().issuer().member("acme");
    let table = [
        (gate().get(AGENTS), "400 account_missing"),
        (gate().get(AGENTS).account("acme"), "401 token_missing"),
        (
            gate().get(AGENTS).account("globex").bearer(&member),
            "403 account_forbidden",
        ),
        (gate().get("/api//v1"), "400 path_ambiguous"),
    ];
    for (request, expected) in table {
        let answer = from_the_page(request);
        assert_eq!(answer.outcome(), expected);
        assert_eq!(allowed_origin(&answer), Some(PAGE), "{expected}");
        let exposed = answer.header("access-control-expose-headers");
        let exposed = exposed.unwrap_or_default();
        for header in [
            "retry-after",
            "www-authenticate",
            "ratelimit",
            "ratelimit-policy",
        ] {
            assert!(
                exposed.split(',').any(|name| name.trim() == header),
                "{exposed}"
            );
        }
    }
}

#[test]
fn an_answer_can_be_read_by_a_script() {
    let answer = from_the_page(good(gate()));
    assert_eq!(answer.outcome(), "200");
    assert_eq!(allowed_origin(&answer), Some(PAGE));
}

#[test]
fn an_origin_that_is_no_page_is_told_nothing() {
    for origin in [
        "null",
        "file://",
        "https://a.example, https://b.example",
        "https://",
    ] {
        let answer = good(gate()).header("Origin", origin).send().unwrap();
        assert_eq!(answer.outcome(), "200", "{origin}");
        assert_eq!(allowed_origin(&answer), None, "{origin}");
    }
}

/// For those who have CORS answered by their own service.
#[test]
fn without_envoys_filter_a_preflight_passes_the_gate() {
    let stack = stack().echo().config(Config::without_cors);
    let stack = stack
        .policy(|policy| policy["caps"] = json!([]))
        .start()
        .unwrap();
    let answer = preflight(stack.request("OPTIONS", AGENTS));
    assert_eq!(answer.json()["method"], "OPTIONS");
    let plain = stack.request("OPTIONS", AGENTS);
    assert_eq!(plain.send().unwrap().outcome(), "400 account_missing");
}
