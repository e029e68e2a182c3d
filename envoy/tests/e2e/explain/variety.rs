//! Configurations of every kind: where rules and filter did not agree, the command would say so.

use serde_json::{Value, json};

use super::{SCENE, Words, archive, asks, key, to, words};

/// A kind of configuration, and what becomes of [`requests`] by it.
type Kind = (&'static str, fn(&mut Value), &'static [&'static str]);

const KINDS: &[Kind] = &[
    (
        "discovery",
        |policy| {
            policy["issuers"][0]["jwks"] = json!({"cluster": "zitadel", "discovery": true});
        },
        &[
            "forwarded",
            "account_forbidden",
            "forwarded",
            "token_malformed",
            "forwarded",
            "account_missing",
        ],
    ),
    (
        "inline",
        |policy| {
            let keys = SCENE.issuer.key_set();
            policy["issuers"][0]["jwks"] = json!({"inline": keys});
            policy["issuers"][1]["jwks"] = json!({"inline": keys});
        },
        &[
            "forwarded",
            "account_forbidden",
            "forwarded",
            "token_malformed",
            "forwarded",
            "account_missing",
        ],
    ),
    (
        "opaque",
        |policy| {
            policy["api_keys"]["prefix"] = json!("");
            policy["api_keys"]["membership"] = json!({"claim": ["teams"], "shape": "list"});
        },
        &[
            "forwarded",
            "account_forbidden",
            "account_forbidden",
            "token_malformed",
            "forwarded",
            "account_missing",
        ],
    ),
    (
        "plain",
        |policy| {
            policy["errors"] = json!({"format": "text"});
            policy["assertion"] = Value::Null;
            policy["caps"] = json!([]);
            policy["api_keys"] = Value::Null;
            policy["accounts"]["directory"] = Value::Null;
            policy["accounts"]["header"] = json!("x-team");
            policy["issuers"][0]["membership"] = json!("any");
            policy["filter_state"] = json!([]);
        },
        &[
            "account_missing",
            "account_missing",
            "account_missing",
            "account_missing",
            "forwarded",
            "account_missing",
        ],
    ),
    (
        "report",
        |policy| policy["mode"] = json!("report"),
        &[
            "forwarded",
            "account_forbidden",
            "forwarded",
            "token_malformed",
            "forwarded",
            "account_missing",
        ],
    ),
    (
        "own pattern",
        |policy| {
            policy["accounts"]["pattern"] = json!("[a-z]{1,9}");
            policy["issuers"][0]["algorithms"] = json!(["ES384"]);
        },
        &[
            "token_algorithm",
            "token_algorithm",
            "forwarded",
            "token_malformed",
            "forwarded",
            "account_missing",
        ],
    ),
];

fn requests() -> Vec<Words> {
    let good = SCENE.member();
    let mut grpc = asks("acme", "a.b.c");
    grpc.extend(["-H".to_owned(), "Content-Type: application/grpc".to_owned()]);
    vec![
        asks("acme", &good),
        asks("globex", &good),
        to("GET", "/hub-api/api/v1/agents?a=b", "acme", &key()),
        grpc,
        words("GET", "/hub-api/api/accounts/validate/x", &[]),
        words("GET", "/api/v1/agents", &["X_Account_ID: acme"]),
    ]
}

#[test]
fn configurations_of_every_kind_are_explained() {
    let scene = &*SCENE;
    let file = scene.write("variety.har", &archive(&requests()));
    let active = scene.file("active.json");
    for (name, change, expected) in KINDS {
        let config = scene.policy("variety.json", change);
        let flags = [
            "--json",
            "--config",
            &config,
            "--introspection",
            &active,
            "--har",
            &file,
        ];
        let found = scene.explain(&flags, &[]);
        assert_eq!(
            found.errors.find("error:"),
            None,
            "{name}: {}",
            found.errors
        );
        let told = |found: &Value| {
            let verdict = &found["verdict"];
            let code = verdict["code"].as_str().or(verdict["result"].as_str());
            code.unwrap().to_owned()
        };
        let all: Vec<_> = found.json().iter().map(told).collect();
        assert_eq!(all, *expected, "{name}");
    }
}

#[test]
fn what_the_account_has_of_its_own_is_counted() {
    let scene = &*SCENE;
    let own = json!({"accounts": {"acme": {"status": "active", "caps": {"requests": {"per_minute": 2}}}}});
    let directory = scene.write("own.json", &own);
    for (spent, expected) in [
        ("requests.per_minute=1", Some(0)),
        ("requests.per_minute=2", Some(1)),
    ] {
        let flags = ["--directory", &directory, "--spent", spent];
        let found = scene.explain(&flags, &asks("acme", &scene.member()));
        assert_eq!(found.code, expected, "{}{}", found.out, found.errors);
    }
}
