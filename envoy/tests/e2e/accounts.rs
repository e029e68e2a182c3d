//! Step 4: the account that the request is for.

use tollgate_envoy::client::Request;

use crate::world::{AGENTS, gate};

#[test]
fn an_account_is_named_once_and_well() {
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    let table: [(&[&str], &str); 14] = [
        (&["acme"], "200"),
        (&[], "400 account_missing"),
        (&["Acme"], "400 account_invalid"),
        (&["-acme"], "400 account_invalid"),
        (&["a.b"], "400 account_invalid"),
        (&[""], "400 account_invalid"),
        (&[&too_long], "400 account_invalid"),
        (&[&longest], "403 account_forbidden"),
        (&["acme", "acme"], "400 account_duplicate"),
        (&["acme", "globex"], "400 account_duplicate"),
        (&["kataven-admin"], "403 account_reserved"),
        (&["postgres"], "403 account_reserved"),
        (&["template0"], "403 account_reserved"),
        (&["template1"], "403 account_reserved"),
    ];
    for (accounts, expected) in table {
        let request = gate().get(AGENTS).bearer(gate().issuer().member("acme"));
        let request = accounts.iter().fold(request, Request::account);
        assert_eq!(request.send().unwrap().outcome(), expected, "{accounts:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_no_account() {
    let request = gate().get(AGENTS).account(b"ac\xffme");
    assert_eq!(request.send().unwrap().outcome(), "400 account_invalid");
    assert_eq!(
        crate::world::good(gate()).send().unwrap().status,
        200,
        "and nothing broke"
    );
}

#[test]
fn the_account_is_asked_for_before_the_token() {
    for (account, expected) in [
        ("Acme", "400 account_invalid"),
        ("kataven-admin", "403 account_reserved"),
        ("postgres", "403 account_reserved"),
        ("acme", "401 token_missing"),
    ] {
        let answer = gate().get(AGENTS).account(account).send().unwrap();
        assert_eq!(answer.outcome(), expected, "{account}");
    }
    let answer = gate().get(AGENTS).send().unwrap();
    assert_eq!(answer.outcome(), "400 account_missing");
}

#[test]
fn refusals_are_problem_details() {
    let answer = gate().get(AGENTS).send().unwrap();
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["title"], "Bad Request");
    assert!(problem["type"].is_string() && problem["detail"].is_string());
}
