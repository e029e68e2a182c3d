//! Step 1: a path has one reading.

use crate::world::{echo, gate, good};

#[test]
fn paths_with_two_readings_are_refused() {
    for path in [
        "/api/accounts/../v1/agents",
        "/api/accounts/%2e%2e/v1/agents",
        "/api/accounts/%2E./v1/agents",
        "/api/accounts/./validate",
        "/api/accounts/..",
        "/api//accounts",
        "//api/accounts",
        "/api/accounts%2fvalidate",
        "/api/accounts%2Fvalidate",
        "/api/accounts%5cvalidate",
        "/api\\accounts",
        "/api/accounts%00",
        "/api/accounts;x",
        "/api/accounts;a=b/validate",
        "/api/accounts/",
        "/api/accounts%",
        "/api/accounts%zz",
        "/api/accounts%0a",
        "/hub-api/../api/accounts",
    ] {
        let token = gate().issuer().member("acme");
        for request in [
            gate().get(path),
            gate().get(path).account("acme").bearer(token),
        ] {
            let answer = request.send().unwrap();
            assert_eq!(answer.outcome(), "400 path_ambiguous", "{path}");
        }
    }
}

#[test]
fn a_fragment_is_refused_by_envoy_itself() {
    let answer = gate().get("/api/accounts#x").send().unwrap();
    assert_eq!(answer.status, 400);
}

#[test]
fn a_query_may_say_what_it_likes() {
    for query in ["?next=/../x", "?a=%2f%00;//", "?"] {
        let answer = gate().get(format!("/api/accounts{query}")).send().unwrap();
        assert_eq!(answer.outcome(), "200", "{query}");
    }
}

#[test]
fn escapes_of_plain_characters_make_no_difference() {
    let answer = echo().get("/api/%61ccounts").send().unwrap();
    assert_eq!(answer.status, 200, "public as /api/accounts is");
    let answer = echo().get("/%61pi/admin/accounts").account("acme");
    let answer = answer
        .bearer(echo().issuer().member("acme"))
        .send()
        .unwrap();
    assert_eq!(answer.outcome(), "403 admin_required");
}

#[test]
fn both_mounts_lead_to_the_same() {
    let answer = good(gate()).send().unwrap();
    let token = gate().issuer().member("acme");
    let mounted = gate()
        .get("/hub-api/api/v1/agents")
        .account("acme")
        .bearer(token);
    assert_eq!(mounted.send().unwrap().status, answer.status);

    let table = [
        ("/hub-api/api/v1/agents", "400 account_missing"),
        ("/hub-api/api/accounts", "200"),
    ];
    for (path, expected) in table {
        assert_eq!(
            gate().get(path).send().unwrap().outcome(),
            expected,
            "{path}"
        );
    }
}
