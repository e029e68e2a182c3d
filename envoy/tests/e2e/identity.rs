//! Steps 2 and 8: who is calling is what the gate says, and nothing that a client says.

use serde_json::Value;
use tollgate_envoy::client::Request;
use tollgate_policy::assertion::{AssertionKey, CredentialKind};

use crate::world::{AGENTS, echo, good, received};

const IDENTITY: [&str; 3] = ["x-account-id", "x-tollgate-subject", "x-tollgate-assertion"];

/// What arrives upstream of a request on which a client wrote all that it could think of.
fn forged(request: Request) -> Value {
    let answer = request
        .header("X-Tollgate-Subject", "root")
        .header("x-tollgate-assertion", "forged")
        .header("X-TOLLGATE-ASSERTION", "forged again")
        .header("X-Tollgate-Anything", "more")
        .header("X-Admin", "true")
        .send()
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn forged_identity_reaches_nobody_on_a_public_route() {
    let echo = forged(echo().get("/api/accounts").account("globex"));
    for name in IDENTITY.iter().chain(&["x-tollgate-anything", "x-admin"]) {
        assert_eq!(received(&echo, name), [""; 0], "{name}");
    }
}

#[test]
fn forged_identity_is_replaced_on_a_protected_route() {
    let echo = forged(good(echo()));
    for name in IDENTITY {
        assert_eq!(received(&echo, name).len(), 1, "{name}");
    }
    assert_eq!(received(&echo, "x-account-id"), ["acme"]);
    assert!(!echo.to_string().contains("forged") && !echo.to_string().contains("root"));
    assert_eq!(received(&echo, "x-tollgate-anything"), [""; 0]);
    assert_eq!(received(&echo, "x-admin"), [""; 0]);
}

/// To a service that reads headers as environment variables, all of these are the gate's.
#[test]
fn other_spellings_reach_nobody() {
    let spellings = [
        "x_tollgate_subject",
        "X_Account_ID",
        "x_account-id",
        "x_admin",
    ];
    for request in [echo().get("/api/accounts"), good(echo())] {
        let request = spellings
            .iter()
            .fold(request, |request, name| request.header(name, "root"));
        let answer = request.header("x_trace_id", "7").send().unwrap().json();
        assert!(!answer.to_string().contains("root"), "{answer}");
        assert_eq!(
            received(&answer, "x_trace_id"),
            ["7"],
            "and nothing else is lost"
        );
    }
}

#[test]
fn the_assertion_says_who_and_for_which_account() {
    let answer = good(echo()).send().unwrap().json();
    let assertion = &received(&answer, "x-tollgate-assertion")[0];
    let key = AssertionKey::new(echo().assertion_key().as_bytes()).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    let assertion = key.verify(assertion, "upstream", now).unwrap();
    assert_eq!(assertion.account.as_str(), "acme");
    assert_eq!(
        [assertion.subject],
        *received(&answer, "x-tollgate-subject")
    );
    assert!(!assertion.admin);
    assert_eq!(assertion.credential, CredentialKind::Jwt);
}

#[test]
fn an_administrator_is_asserted_as_such() {
    let request = echo()
        .post("/api/admin/accounts")
        .account("acme")
        .as_admin();
    let answer = request
        .bearer(echo().issuer().administrator())
        .send()
        .unwrap()
        .json();
    let assertion = &received(&answer, "x-tollgate-assertion")[0];
    let key = AssertionKey::new(echo().assertion_key().as_bytes()).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    assert!(key.verify(assertion, "upstream", now).unwrap().admin);
}

#[test]
fn the_token_goes_on_only_where_a_handler_checks_it() {
    let token = echo().issuer().member("acme");
    for (method, path, goes_on) in [
        ("GET", AGENTS, false),
        ("GET", "/api/accounts", false),
        ("GET", "/api/v1/widget/config", false),
        ("GET", "/api/user/org", true),
        ("POST", "/api/v1/widget/auth/guest", true),
    ] {
        let request = echo().request(method, path).account("acme").bearer(&token);
        let answer = request.send().unwrap().json();
        let expected = goes_on.then(|| format!("Bearer {token}"));
        assert_eq!(
            received(&answer, "authorization"),
            Vec::from_iter(expected),
            "{path}"
        );
    }
}
