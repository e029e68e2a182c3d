//! A request with everything around it given: [`host_tests::replay`].

use host_tests::replay::{Scenario, replay};
use host_tests::{Token, configuration, key_set};
use serde_json::{Value, json};

/// What comes of a request of a member of `acme`, with changes to what is around it.
fn replayed(change: impl FnOnce(&mut Value)) -> Value {
    let token = Token::good().signed();
    let mut scenario = json!({
        "configuration": configuration::remote(),
        "environment": {"TOLLGATE_ASSERTION_KEY": "k".repeat(32)},
        "clusters": ["issuer"],
        "now": 1_800_000_030_000_000_000_u64,
        "patience": 2000,
        "servers": [{
            "cluster": "issuer",
            "authority": "id.example.com",
            "path": "/oauth/v2/keys",
            "body": key_set().to_string(),
        }],
        "spent": [],
        "request": {"method": "GET", "path": "/api/v1/agents", "headers": [
            ["X-Account-ID", "acme"],
            ["Authorization", format!("Bearer {token}")],
        ]},
    });
    change(&mut scenario);
    scenario["configuration"] = json!(scenario["configuration"].to_string());
    let scenario = Scenario::parse(&scenario.to_string()).unwrap();
    replay(&scenario).to_json()
}

#[test]
fn what_servers_answer_is_used() {
    let found = replayed(|_| {});
    assert_eq!(found["outcome"], "forwarded", "{found}");
    assert_eq!(found["waited"], false);
    assert_eq!(found["state"]["tollgate.subject"], "user-1");
    assert_eq!(found["asked"][0]["path"], "/oauth/v2/keys");
    assert_eq!(found["asked"][0]["answered"], true);
}

#[test]
fn what_nobody_answers_is_waited_for() {
    let found = replayed(|scenario| scenario["servers"] = json!([]));
    assert_eq!(found["details"], "tollgate:keys_unavailable", "{found}");
    assert_eq!(found["waited"], true);
    assert_eq!(found["asked"][0]["answered"], false);
}

#[test]
fn the_time_and_the_environment_are_the_given_ones() {
    let later = replayed(|scenario| scenario["now"] = json!(1_900_000_000_000_000_000_u64));
    assert_eq!(later["details"], "tollgate:token_expired", "{later}");
    let keyless = replayed(|scenario| scenario["environment"] = json!({}));
    assert_eq!(keyless["details"], "tollgate:not_ready", "{keyless}");
}

#[test]
fn what_was_used_before_counts_in_its_window_only() {
    let found = |window: &str, count: u32| {
        replayed(|scenario| {
            let limits = json!({"concurrent": 3, "per_minute": 5, "per_day": 50});
            let caps = json!([{"name": "requests", "limits": limits}]);
            scenario["configuration"]["caps"] = caps;
            let spent =
                json!({"account": "acme", "cap": "requests", "window": window, "count": count});
            scenario["spent"] = json!([spent]);
        })
    };
    let left = |window, count| {
        let found = found(window, count);
        let fields = found["answer"].as_array().unwrap().iter();
        let field = fields.filter(|field| field[0] == "ratelimit");
        field.map(|field| field[1].to_string()).collect::<String>()
    };
    assert!(left("per_minute", 3).contains("requests.per_minute\\\";r=1;"));
    assert!(left("per_day", 49).contains("requests.per_day\\\";r=0;"));
    assert!(left("concurrent", 2).contains("requests.concurrent\\\";r=0"));
    for (window, count) in [("per_minute", 5), ("per_day", 50), ("concurrent", 3)] {
        let found = found(window, count);
        assert_eq!(found["details"], "tollgate:cap_exceeded", "{found}");
        assert!(found["body"].as_str().unwrap().contains(window), "{found}");
    }
}

#[test]
fn a_configuration_that_is_refused_is_told() {
    let found = replayed(|scenario| scenario["configuration"]["issuers"] = json!(3));
    assert_eq!(found["outcome"], "unconfigured", "{found}");
    assert!(found["log"].to_string().contains("issuers"), "{found}");
}
