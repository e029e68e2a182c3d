//! The upstream believes the assertion, and nothing else.

use tollgate_envoy::client::{Origin, Request};
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};

use crate::world::{AGENTS, gate};

/// A request past the gate, with all that a client could know.
fn direct() -> Request {
    let upstream = Origin::parse(&gate().upstream_url()).unwrap();
    let token = gate().issuer().member("acme");
    upstream
        .get(AGENTS)
        .account("acme")
        .bearer(token)
        .header("X-Tollgate-Subject", "root")
        .as_admin()
}

/// An assertion for acme.
fn signed(key: &[u8], audience: &str, age: u64) -> String {
    let assertion = Assertion {
        account: AccountName::parse(b"acme").unwrap(),
        subject: "somebody".to_owned(),
        admin: false,
        credential: CredentialKind::Jwt,
    };
    let now = jsonwebtoken::get_current_timestamp();
    let key = AssertionKey::new(key).unwrap();
    key.sign(&assertion, audience, now - age, 60).unwrap()
}

#[test]
fn a_good_bearer_is_no_assertion() {
    let answer = direct().send().unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
}

#[test]
fn only_the_gates_own_assertion_for_this_upstream_is_believed() {
    let key = gate().assertion_key().as_bytes();
    let mut other = key.to_vec();
    other[0] ^= 1;
    for (assertion, status) in [
        (signed(key, "upstream", 0), 200),
        (signed(&other, "upstream", 0), 401),
        (signed(key, "billing", 0), 401),
        (signed(key, "upstream", 120), 401),
        (gate().issuer().member("acme"), 401),
        (String::new(), 401),
        ("forged".to_owned(), 401),
    ] {
        let answer = direct()
            .header("X-Tollgate-Assertion", &assertion)
            .send()
            .unwrap();
        assert_eq!(answer.status, status, "{assertion}: {}", answer.text());
    }
}

#[test]
fn an_account_header_that_disagrees_with_the_assertion_is_refused() {
    let assertion = signed(gate().assertion_key().as_bytes(), "upstream", 0);
    let upstream = Origin::parse(&gate().upstream_url()).unwrap();
    let request = upstream
        .get(AGENTS)
        .header("X-Tollgate-Assertion", assertion);
    let outcome = |request: Request| request.send().unwrap().outcome();
    assert_eq!(outcome(request.clone()), "200");
    assert_eq!(outcome(request.clone().account("acme")), "200");
    assert_eq!(outcome(request.account("globex")), "401 assertion_invalid");
}
