//! What passes says what the upstream gets, and what is only reported passes.

use serde_json::json;
use tollgate_envoy::issuer::Draft;

use super::{SCENE, archive, asks, key, to, words};

#[test]
fn what_passes_says_what_the_upstream_gets() {
    let scene = &*SCENE;
    let admin = scene.token(Draft::administrator());
    let mut asks_admin = to("GET", "/api/admin/accounts", "acme", &admin);
    asks_admin.extend(["-H".to_owned(), "X-Admin: true".to_owned()]);
    let mut forging = asks("acme", &scene.member());
    forging.extend(["-H".to_owned(), "X-Tollgate-Subject: root".to_owned()]);
    let active = scene.file("active.json");
    let user = || words("GET", "/api/user/org", &["Authorization: Bearer a.b.c"]);
    let keyed = words(
        "GET",
        "/api/v1/agents",
        &[&format!("Authorization: Bearer {}", key())],
    );
    let table = [
        (forging, Some(("jwt", false)), false, "forwarded"),
        (keyed, Some(("api_key", false)), false, "forwarded"),
        (asks_admin, Some(("jwt", true)), false, "forwarded"),
        (
            words("GET", "/api/accounts", &["Authorization: Bearer a.b.c"]),
            None,
            false,
            "public",
        ),
        (user(), None, true, "public"),
        (
            words(
                "OPTIONS",
                "/api/v1/agents",
                &["Origin: https://a", "Access-Control-Request-Method: GET"],
            ),
            None,
            false,
            "public",
        ),
    ];
    let requests: Vec<_> = table.iter().map(|(request, ..)| request.clone()).collect();
    let file = scene.write("passes.har", &archive(&requests));
    let explained = scene.explain(&["--json", "--introspection", &active, "--har", &file], &[]);
    assert_eq!(
        explained.code,
        Some(0),
        "{}{}",
        explained.out,
        explained.errors
    );
    let all = explained.json();
    assert_eq!(all.len(), table.len());
    for (found, (request, identity, authorization, decision)) in all.iter().zip(&table) {
        let verdict = &found["verdict"];
        assert_eq!(verdict["result"], "forwarded", "{found:#}");
        let upstream = &verdict["upstream"];
        assert_eq!(upstream["authorization"], *authorization, "{request:?}");
        let state = verdict["filter_state"].to_string();
        assert!(
            state.contains(&format!(r#"["tollgate.decision","{decision}"]"#)),
            "{state}"
        );
        let claims = &upstream["assertion"]["claims"];
        match identity {
            None => assert!(claims.is_null(), "{found:#}"),
            Some((credential, admin)) => {
                assert_eq!(claims["credential"], *credential, "{found:#}");
                assert_eq!(claims["admin"], *admin);
                assert_eq!(claims["account"], "acme");
                let set = upstream["set"].to_string();
                let subject = claims["sub"].as_str().unwrap();
                assert!(
                    set.contains(&format!(r#"["x-tollgate-subject","{subject}"]"#)),
                    "{set}"
                );
                assert!(set.contains(r#"["x-account-id","acme"]"#), "{set}");
                assert_ne!(subject, "root");
            }
        }
    }
    let windows = all[0]["steps"][6]["looked_at"].as_array().unwrap();
    let minute = windows
        .iter()
        .find(|seen| seen["value"]["window"] == "per_minute");
    let minute = &minute.unwrap()["value"];
    assert_eq!(
        (&minute["cap"], &minute["limit"], &minute["left"]),
        (&json!("requests"), &json!(60), &json!(59))
    );
    let told = all[0]["verdict"]["answer_headers"].to_string();
    assert!(told.contains("requests.per_minute\\\";r=59;"), "{told}");
}

#[test]
fn a_refusal_that_is_only_reported_passes() {
    let scene = &*SCENE;
    let report = scene.policy("report.json", |policy| policy["mode"] = json!("report"));
    let flags = [
        "--json",
        "--config",
        &report,
        "--spent",
        "requests.per_minute=60",
    ];
    for (request, code, step) in [
        (asks("globex", &scene.member()), "account_forbidden", 5),
        (asks("acme", &scene.member()), "cap_exceeded", 6),
    ] {
        let found = scene.explain(&flags, &request);
        assert_eq!(found.code, Some(0), "{}{}", found.out, found.errors);
        let found = &found.json()[0];
        assert_eq!(found["verdict"]["result"], "reported", "{found:#}");
        assert_eq!(found["verdict"]["code"], code);
        assert_eq!(found["steps"][step]["answer"], "reported", "{found:#}");
    }
}
