//! Keys found by OpenID Connect Discovery, through the same cluster.

use serde_json::{Value, json};
use tollgate_envoy::issuer::{Endpoint, Fault, FaultKind, Issuer, KEYS_PATH};
use tollgate_envoy::stack::{Builder, Stack};

use crate::world::{all_pass, count, good, stack, wait_until};

/// A gate that is told the issuer's name and cluster, and nothing else.
fn discovering(before: impl FnOnce(&Issuer) + 'static) -> Builder {
    stack().echo().policy_for(|policy, issuer| {
        before(issuer);
        policy["caps"] = json!([]);
        policy["issuers"][0]["jwks"] =
            json!({"cluster": "zitadel", "discovery": true, "max_wait": "300ms", "refresh": "1s"});
    })
}

fn outcome(stack: &Stack) -> String {
    good(stack).send().unwrap().outcome()
}

#[test]
fn keys_are_found_by_the_issuers_name() {
    let stack = discovering(|_| {}).start().unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    let asked = |endpoint| stack.issuer().requests(endpoint);
    assert_eq!(count(&stack, "issuer.0.keys.failed.discovery"), 0);
    wait_until("they are found again", || asked(Endpoint::Keys) >= 3);
    assert!(asked(Endpoint::Discovery) >= 3, "the document may change");
    assert!(all_pass(&stack));
}

#[test]
fn a_document_that_is_not_the_issuers_leads_nowhere() {
    let stack = discovering(|issuer| {
        issuer.fault(Fault::of(Endpoint::Discovery, FaultKind::Garbage));
    });
    let stack = stack.start().unwrap();
    let failed = || count(&stack, "issuer.0.keys.failed.discovery");
    let url = stack.issuer().url();
    let good = json!({"issuer": url, "jwks_uri": format!("{url}{KEYS_PATH}")});
    let changed = |member: &str, value: Value| {
        let mut document = good.clone();
        document[member] = value;
        document
    };
    for wrong in [
        changed("issuer", json!("https://other.example.com")),
        changed("issuer", json!(format!("{url}/"))),
        changed("issuer", json!(url.to_uppercase())),
        changed("issuer", json!([url])),
        changed("issuer", Value::Null),
        changed("jwks_uri", Value::Null),
        changed("jwks_uri", json!("/oauth/v2/keys")),
        changed("jwks_uri", json!("file:///etc/passwd")),
        json!([]),
        json!({}),
    ] {
        let before = failed();
        stack
            .issuer()
            .fault(Fault::body(Endpoint::Discovery, wrong.clone()));
        // The first may have been asked for before.
        wait_until("it is refused", || failed() >= before + 2);
        assert_eq!(outcome(&stack), "503 keys_unavailable", "{wrong}");
    }
    assert_eq!(stack.issuer().requests(Endpoint::Keys), 0);

    stack.issuer().fault(Fault::body(Endpoint::Discovery, good));
    wait_until("the right one leads to the keys", || all_pass(&stack));
}

#[test]
fn a_failing_discovery_keeps_the_keys() {
    let stack = discovering(|_| {}).start().unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    for (kind, reason) in [
        (FaultKind::Status, "status"),
        (FaultKind::Garbage, "discovery"),
        (FaultKind::Closed, "reset"),
    ] {
        stack.issuer().fault(Fault::of(Endpoint::Discovery, kind));
        let failed = || count(&stack, &format!("issuer.0.keys.failed.{reason}"));
        wait_until("it has failed twice", || failed() >= 2);
        assert!(all_pass(&stack), "{reason}");
    }
}
