//! A request that waits is held back whole. With `allow_on_headers_stop_iteration`, Envoy would let it go on as soon as its
//! body comes, undecided.

use serde_json::json;
use tollgate_envoy::issuer::{Fault, FaultKind};

use crate::world::stack;

#[test]
fn no_body_takes_a_request_past_the_gate_that_waits() {
    let stack = stack()
        .echo()
        .config(|config| config.with_bodies_while_headers_wait())
        .policy_for(|policy, issuer| {
            issuer.fault(Fault::of_keys(FaultKind::Closed));
            policy["issuers"][0]["jwks"]["max_wait"] = json!("300ms");
        })
        .start()
        .unwrap();
    let token = stack.issuer().member("acme");
    let request = stack
        .post("/api/v1/agents")
        .account("globex")
        .bearer(&token);
    let outcome = |body: &str| request.clone().body(body).send().unwrap().outcome();
    assert_eq!(outcome("{}"), "503 keys_unavailable");
    assert_eq!(outcome(&"x".repeat(200_000)), "503 keys_unavailable");
    assert_eq!(outcome(""), "503 keys_unavailable");
}
