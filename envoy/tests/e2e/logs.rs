//! What operators see: the access log and the counters; and what they never see.

mod changes;
mod secrets;

use serde_json::json;

use crate::world::{AGENTS, echo};

#[test]
fn the_access_log_says_what_was_decided() {
    let token = echo().issuer().member("acme");
    let member = echo()
        .get(format!("{AGENTS}?log=1"))
        .account("acme")
        .bearer(&token);
    assert_eq!(member.send().unwrap().status, 200);
    echo()
        .get(format!("{AGENTS}?log=2"))
        .account("globex")
        .bearer(&token)
        .send()
        .unwrap();
    echo().get("/api/accounts?log=3").send().unwrap();

    let entry = |query: &str| {
        let path = |entry: &serde_json::Value| {
            entry["path"]
                .as_str()
                .is_some_and(|path| path.ends_with(query))
        };
        echo().envoy().access(path).unwrap()
    };
    let passed = entry("?log=1");
    assert_eq!(
        (&passed["details"], &passed["status"]),
        (&json!("via_upstream"), &json!(200))
    );
    assert_eq!(passed["account"], "acme");
    assert!(
        passed["subject"].is_string() && passed["decision"].is_string(),
        "{passed}"
    );

    let refused = entry("?log=2");
    assert_eq!(refused["details"], "tollgate:account_forbidden");
    assert_eq!(refused["status"], 403);

    let public = entry("?log=3");
    assert_eq!(
        (&public["details"], &public["account"]),
        (&json!("via_upstream"), &json!(null))
    );
}

#[test]
fn refusals_are_counted() {
    let count = || {
        let name = "wasmcustom.tollgate.requests.refused.account_duplicate";
        echo().envoy().stat(name).unwrap()
    };
    let before = count();
    echo().get(AGENTS).account("a").account("b").send().unwrap();
    crate::world::wait_until("it is counted", || count() > before);
}
