//! The gate's lines in Envoy's log: one for each change of state, for all workers, and none for a request.

use std::time::Duration;

use serde_json::json;
use tollgate_envoy::stack::Stack;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::world::{AGENTS, count, good, stack, wait_until};

/// The gate's lines that have this in them.
fn lines(stack: &Stack, text: &str) -> Vec<String> {
    let log = stack.envoy().log();
    let ours = log
        .lines()
        .filter_map(|line| line.split_once("wasm log "))
        .map(|(_, said)| said);
    ours.filter(|said| said.contains(text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_thousand_requests_of_all_kinds_are_no_line_in_the_log() {
    let stack = stack().start().unwrap();
    assert_eq!(good(&stack).send().unwrap().status, 200);
    wait_until("the configuration has lasted", || {
        !lines(&stack, "configured: ").is_empty()
    });
    let before = stack.envoy().log();
    let member = stack.issuer().member("acme");
    let key = ApiKey::write("sk_live_", "acme", &[7; ENTROPY]);
    let kinds = [
        (good(&stack), ["200", "429 cap_exceeded"]),
        (stack.get("/api/accounts"), ["200"; 2]),
        (
            stack
                .get("/api/accounts")
                .header("x-tollgate-subject", "forged"),
            ["200"; 2],
        ),
        (stack.get("/api/v1/..%2fadmin"), ["400 path_ambiguous"; 2]),
        (stack.get(AGENTS), ["400 account_missing"; 2]),
        (
            stack.get(AGENTS).account("acme").bearer("a.b.c"),
            ["401 token_malformed"; 2],
        ),
        (stack.get(AGENTS).bearer(key), ["401 key_inactive"; 2]),
        (
            stack.get(AGENTS).account("globex").bearer(&member),
            ["403 account_forbidden"; 2],
        ),
        (
            stack
                .get("/api/admin/accounts")
                .account("acme")
                .bearer(&member),
            ["403 admin_required"; 2],
        ),
        (
            stack.get(AGENTS).account("kataven-admin").bearer(&member),
            ["403 account_reserved"; 2],
        ),
    ];
    for _ in 0..100 {
        for (request, expected) in &kinds {
            let outcome = request.send().unwrap().outcome();
            assert!(expected.contains(&&*outcome), "{outcome}, not {expected:?}");
        }
    }
    wait_until("all is told", || {
        count(&stack, "requests.refused.account_reserved") == 100
    });
    let log = stack.envoy().log();
    assert_eq!(log.strip_prefix(&before), Some(""), "what the log has more");
}

#[test]
fn each_change_of_state_is_one_line_for_all_workers() {
    let often =
        |policy: &mut serde_json::Value| policy["issuers"][0]["jwks"]["refresh"] = json!("1s");
    let stack = stack().echo().workers(4).policy(often);
    let stack = stack.reloadable(Duration::from_secs(600)).start().unwrap();
    wait_until("the keys are there", || {
        good(&stack).send().unwrap().status == 200
    });
    assert_eq!(lines(&stack, "keys of").len(), 1, "{:?}", lines(&stack, ""));
    wait_until("the configuration has lasted", || {
        lines(&stack, "mode enforce, issuers: 1, routes: 7, caps: 2").len() == 1
    });

    let fails = || count(&stack, "issuer.0.keys.failed.connect");
    stack.issuer().down();
    wait_until("fetches have failed again and again", || fails() >= 3);
    assert_eq!(lines(&stack, "not fetched: ").len(), 1);
    let fetched = || count(&stack, "issuer.0.keys.fetched");
    let before = fetched();
    stack.issuer().up().unwrap();
    wait_until("fetches succeed again and again", || {
        fetched() >= before + 3
    });
    let keys = lines(&stack, "keys of");
    assert_eq!(keys.len(), 3, "fetched, not fetched, fetched: {keys:?}");

    stack
        .reload(|policy| policy["mode"] = json!("report"))
        .unwrap();
    wait_until("the next one has lasted", || {
        lines(&stack, "mode report (nothing is refused)").len() == 1
    });
    assert_eq!(lines(&stack, "configured: ").len(), 2);

    let missing = "NOBODY_HAS_SET_THIS";
    stack
        .reload(|policy| policy["assertion"]["key_env"] = json!(missing))
        .unwrap();
    wait_until("the third one has lasted", || {
        lines(&stack, "configured: ").len() == 3
    });
    assert_eq!(lines(&stack, missing).len(), 1, "{:?}", lines(&stack, ""));
}
