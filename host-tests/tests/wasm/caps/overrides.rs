//! Several caps at once, on some routes, and limits of single accounts.

use host_tests::{Worker, World, configuration};
use serde_json::{Value, json};

use super::{open, passed, request, room};

fn worker(caps: Value) -> Worker {
    let mut configuration = configuration::inline();
    configuration["caps"] = caps;
    World::new().worker(&configuration)
}

/// How many of nine requests to a path pass.
fn pass(worker: &mut Worker, account: &str, path: &str) -> usize {
    let outcomes = (0..9).map(|_| worker.request(request(account, path)));
    outcomes.filter(host_tests::Outcome::is_forwarded).count()
}

/// `calls` refuses, and `requests` comes before and after it in turn.
#[test]
fn what_one_cap_refuses_uses_nothing_of_another() {
    let requests = json!({"name": "requests", "limits": {"per_minute": 5, "concurrent": 3}});
    let calls = json!({"name": "calls", "routes": ["GET /calls"], "limits": {"per_minute": 1}});
    for caps in [json!([requests, calls]), json!([calls, requests])] {
        let mut worker = worker(caps);
        assert_eq!(pass(&mut worker, "acme", "/calls"), 1);
        assert_eq!(open(&mut worker, 2).len(), 2, "two are left of the three");
        assert_eq!(pass(&mut worker, "acme", "/x"), 2, "and two of the five");
    }
}

#[test]
fn what_a_window_refuses_is_not_under_way() {
    let mut worker = worker(json!([
        {"name": "requests", "limits": {"concurrent": 3, "per_minute": 4}},
    ]));
    assert_eq!(open(&mut worker, 2).len(), 2);
    assert_eq!(passed(&mut worker, 9), 2);
    assert_eq!(
        worker.request(super::good()).reply().json()["window"],
        "per_minute"
    );
}

#[test]
fn a_cap_counts_its_routes_only() {
    let mut worker = worker(json!([
        {"name": "calls", "routes": ["GET /calls", "POST /calls/**"], "limits": {"per_minute": 2}},
    ]));
    assert_eq!(pass(&mut worker, "acme", "/x"), 9);
    assert_eq!(pass(&mut worker, "acme", "/calls"), 2);
    assert_eq!(pass(&mut worker, "acme", "/hub-api/calls"), 0, "a mount");
    assert_eq!(pass(&mut worker, "acme", "/calls/1"), 9, "another method");
}

#[test]
fn an_account_has_its_own_limits_field_by_field() {
    let mut worker = worker(json!([{
        "name": "requests",
        "limits": {"per_minute": 2, "concurrent": 1},
        "accounts": {"globex": {"per_minute": 4}},
    }]));
    assert_eq!(pass(&mut worker, "acme", "/x"), 2);
    assert_eq!(pass(&mut worker, "globex", "/x"), 4);
}

#[test]
fn an_accounts_concurrent_is_the_caps_unless_it_has_its_own() {
    let mut worker = worker(json!([{
        "name": "requests",
        "limits": {"concurrent": 2},
        "accounts": {"acme": {"per_minute": null, "concurrent": 5}},
    }]));
    assert_eq!(room(&mut worker), 5);
}

#[test]
fn null_lifts_a_limit_and_zero_blocks() {
    let cap = |acme: Value| {
        json!([{
            "name": "requests",
            "limits": {"concurrent": 2, "per_minute": 2, "per_hour": 2, "per_day": 2},
            "accounts": {"acme": acme},
        }])
    };
    let lifted = json!({"concurrent": null, "per_minute": null, "per_hour": null, "per_day": null});
    let mut free = worker(cap(lifted));
    assert_eq!(room(&mut free), 20);
    assert_eq!(free.host().world.shared.keys(), [""; 0], "nothing to count");
    for window in ["concurrent", "per_minute", "per_hour", "per_day"] {
        let mut blocked = worker(cap(json!({window: 0})));
        let outcome = blocked.request(super::good());
        assert_eq!(outcome.reply().json()["window"], window);
        assert_eq!(pass(&mut blocked, "globex", "/x"), 2);
    }
}

#[test]
fn a_cap_that_limits_nothing_counts_nothing() {
    let limits = json!({"per_minute": null});
    let mut worker = worker(json!([{"name": "requests", "limits": limits}]));
    assert_eq!(room(&mut worker), 20);
    assert_eq!(worker.host().world.shared.keys(), [""; 0]);
}

#[test]
fn the_largest_limit_is_a_limit() {
    let most = u32::MAX;
    let mut worker = worker(json!([
        {"name": "requests", "limits": {"concurrent": most, "per_minute": most, "per_day": most}},
    ]));
    assert_eq!(room(&mut worker), 20);
    let fields = worker.exchange(super::good());
    let expected = r#""requests.per_day";r=4294967274;t=57570"#;
    assert!(
        fields.get("ratelimit").unwrap().starts_with(expected),
        "{fields:?}"
    );
}
