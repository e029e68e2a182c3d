//! With `allow_on_headers_stop_iteration`, which some gateways set, Envoy goes on with a request that waits as soon as
//! some of its body comes, unless the filter holds that too.

use serde_json::{Value, json};
use tollgate_envoy::introspection::{self, Introspection};
use tollgate_envoy::upstream::INTROSPECTION_TOKEN;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::world::{AGENTS, good, received, stack};

#[test]
fn a_body_takes_nobody_past_the_decision() {
    let introspection = Introspection::start().unwrap();
    let address = introspection.address();
    let stack = stack()
        .echo()
        .policy(|policy: &mut Value| {
            policy["api_keys"]["introspection"] = json!({
                "cluster": "keys",
                "uri": format!("http://keys.internal{}", introspection::PATH),
                "authorization_env": INTROSPECTION_TOKEN,
            });
        })
        .config(move |config| {
            config
                .and_cluster("keys", address)?
                .with_plugin_field("allow_on_headers_stop_iteration", json!(true))
        })
        .start()
        .unwrap();
    introspection.answer_to(stack.introspection_token());

    let key = |number: u8| ApiKey::write("sk_live_", "acme", &[number; ENTROPY]);
    let post = |key: &str| {
        let request = stack.post(AGENTS).bearer(key).account("acme");
        request.header("x-tollgate-subject", "forged").body("body")
    };
    assert_eq!(post(&key(1)).send().unwrap().outcome(), "401 key_inactive");
    introspection.hold(true);
    let answer = post(&key(2)).send().unwrap();
    assert_eq!(
        answer.outcome(),
        "503 introspection_unavailable",
        "{}",
        answer.text()
    );
    introspection.hold(false);
    introspection.activate(&key(3), json!({"sub": "key-3", "account": "acme"}));
    let answer = post(&key(3)).send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let echo = answer.json();
    assert_eq!(received(&echo, "x-tollgate-subject"), ["key-3"]);
    assert_eq!(echo["body"], "body", "{echo}");
    assert_eq!(good(&stack).send().unwrap().status, 200);
}
