//! Step 3: what needs no token.

use serde_json::json;

use crate::world::{echo, gate};

#[test]
fn what_is_listed_is_public() {
    for (method, path, expected) in [
        ("GET", "/api/accounts", "200"),
        ("GET", "/api/accounts/validate/acme", "200"),
        ("GET", "/hub-api/api/accounts", "200"),
        ("POST", "/api/accounts", "400 account_missing"),
        ("DELETE", "/api/accounts", "400 account_missing"),
        (
            "GET",
            "/api/accounts/validate/acme/more",
            "400 account_missing",
        ),
        ("GET", "/api/login", "400 account_missing"),
        ("GET", "/", "400 account_missing"),
        ("GET", "/healthz", "400 account_missing"),
    ] {
        let answer = gate().request(method, path).send().unwrap();
        assert_eq!(answer.outcome(), expected, "{method} {path}");
    }
}

#[test]
fn accounts_are_listed_without_a_token() {
    let accounts = gate().get("/api/accounts").send().unwrap().json();
    let names: Vec<_> = accounts
        .as_array()
        .unwrap()
        .iter()
        .map(|account| &account["name"])
        .collect();
    assert!(names.iter().any(|name| *name == "acme") && names.iter().any(|name| *name == "globex"));
}

#[test]
fn the_mock_login_answers_without_a_token() {
    let answer = gate().post("/api/login").json(&json!({})).send().unwrap();
    assert_eq!(answer.json()["mock"], true, "{}", answer.text());
}

#[test]
fn a_bad_token_does_no_harm_on_a_public_route() {
    let answer = gate()
        .get("/api/accounts")
        .account("Not One")
        .bearer("nonsense")
        .send();
    assert_eq!(answer.unwrap().outcome(), "200");
}

#[test]
fn widgets_and_logins_pass() {
    for (method, path) in [
        ("POST", "/api/login"),
        ("POST", "/api/v1/widget/auth/guest"),
        ("POST", "/hub-api/api/v1/widget/auth/guest"),
        ("GET", "/api/v1/widget/config"),
        ("GET", "/api/user/org"),
    ] {
        let answer = echo().request(method, path).send().unwrap();
        assert_eq!(
            answer.json()["path"],
            path,
            "{method} {path}: {}",
            answer.text()
        );
    }
}

#[test]
fn the_organization_of_a_user_is_checked_by_its_handler() {
    let token = gate().issuer().member("acme");
    let answer = gate().get("/api/user/org").bearer(token).send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json()["accounts"],
        json!(["acme"]),
        "{}",
        answer.text()
    );
    let answer = gate()
        .get("/api/user/org")
        .bearer("nonsense")
        .send()
        .unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
}
