//! An account's data is in its own database, and nobody else's.

use serde_json::json;
use tollgate_envoy::client::{Request, Response};

use crate::world::{AGENTS, gate};

/// A request by a member of `account`, for that account.
fn by(account: &str, method: &str, path: &str) -> Request {
    let token = gate().issuer().member(account);
    gate().request(method, path).account(account).bearer(token)
}

fn create(account: &str, name: &str) -> Response {
    let answer = by(account, "POST", AGENTS)
        .json(&json!({"name": name}))
        .send()
        .unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer
}

fn agent(answer: &Response) -> String {
    format!("{AGENTS}/{}", answer.json()["id"].as_str().unwrap())
}

#[test]
fn an_agent_is_seen_in_its_account_only() {
    let agent = agent(&create("acme", "Ada"));
    let mine = by("acme", "GET", &agent).send().unwrap();
    assert_eq!((mine.status, &mine.json()["name"]), (200, &json!("Ada")));
    let others = by("globex", "GET", &agent).send().unwrap();
    assert_eq!(others.status, 404, "{}", others.text());
    let mounted = by("acme", "GET", &format!("/hub-api{agent}"))
        .send()
        .unwrap();
    assert_eq!(mounted.json(), mine.json());
}

#[test]
fn an_agent_is_changed_in_its_account_only() {
    let agent = agent(&create("acme", "Grace"));
    let rename = |account| by(account, "PATCH", &agent).json(&json!({"name": "Hopper"}));
    assert_eq!(rename("globex").send().unwrap().status, 404);
    assert_eq!(by("globex", "DELETE", &agent).send().unwrap().status, 404);
    assert_eq!(rename("acme").send().unwrap().json()["name"], "Hopper");
    assert_eq!(by("acme", "DELETE", &agent).send().unwrap().status, 204);
    assert_eq!(by("acme", "GET", &agent).send().unwrap().status, 404);
}

#[test]
fn lists_have_the_accounts_own() {
    create("globex", "Only globex has this one");
    let list = |account| by(account, "GET", AGENTS).send().unwrap().text();
    assert!(list("globex").contains("Only globex has this one"));
    assert!(!list("acme").contains("Only globex has this one"));
}

#[test]
fn a_token_does_not_open_another_account() {
    let token = gate().issuer().member("acme");
    for (method, path) in [("GET", AGENTS), ("POST", AGENTS), ("GET", "/anything")] {
        let request = gate()
            .request(method, path)
            .account("globex")
            .bearer(&token);
        assert_eq!(
            request.send().unwrap().outcome(),
            "403 account_forbidden",
            "{method} {path}"
        );
    }
}
