//! A request that waits is held back whole. With `allow_on_headers_stop_iteration`, Envoy would let it go on as soon as its
//! body comes, undecided.

use serde_json::json;
use tollgate_envoy::client::Request;
use tollgate_envoy::config::Config;
use tollgate_envoy::introspection::{self, Introspection};
use tollgate_envoy::issuer::{Fault, FaultKind};
use tollgate_envoy::upstream::INTROSPECTION_TOKEN;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::world::{AGENTS, stack};

/// Whatever body comes behind it, the request is refused for this reason.
fn is_held(request: &Request, outcome: &str) {
    for length in [2, 200_000, 0] {
        let request = request.clone().body("x".repeat(length));
        assert_eq!(request.send().unwrap().outcome(), outcome, "{length}");
    }
}

#[test]
fn no_body_takes_a_request_past_the_gate_that_waits() {
    let stack = stack()
        .echo()
        .config(Config::with_bodies_while_headers_wait)
        .policy_for(|policy, issuer| {
            issuer.fault(Fault::of_keys(FaultKind::Closed));
            policy["issuers"][0]["jwks"]["max_wait"] = json!("300ms");
        })
        .start()
        .unwrap();
    let token = stack.issuer().member("acme");
    let request = stack.post(AGENTS).account("globex").bearer(&token);
    is_held(&request, "503 keys_unavailable");
}

#[test]
fn nor_past_one_that_waits_for_what_its_key_is() {
    let introspection = Introspection::start().unwrap();
    let address = introspection.address();
    introspection.hold(true);
    let stack = stack()
        .echo()
        .config(Config::with_bodies_while_headers_wait)
        .config(move |config| config.and_cluster("keys", address))
        .policy(|policy| {
            policy["api_keys"]["introspection"] = json!({
                "cluster": "keys",
                "uri": format!("http://keys.internal{}", introspection::PATH),
                "authorization_env": INTROSPECTION_TOKEN,
                "max_wait": "300ms",
            });
        })
        .start()
        .unwrap();
    introspection.answer_to(stack.introspection_token());
    let key = ApiKey::write("sk_live_", "acme", &[7; ENTROPY]);
    let request = stack.post(AGENTS).bearer(&key);
    is_held(&request, "503 introspection_unavailable");
    assert!(introspection.asked(&key) > 0);
}
