//! Configurations that are right, of all kinds.

use serde_json::{Value, json};

use super::chance::Chance;

/// Patterns of routes, each right.
const PATTERNS: [&str; 6] = [
    "GET /api/accounts",
    "* /api/admin/**",
    "POST /api/v1/widget/auth/*",
    "GET /a/{b}/c",
    "DELETE /x/**",
    "* /y",
];

/// The default pattern of account names.
const PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

/// Deeper than anything that is read, and less deep than a `Struct` may be for Envoy and the filter.
const DEEP: usize = 20;

/// Makes one path public, and nothing else about the policy.
pub(super) fn open(policy: &mut Value, path: &str) {
    let route = json!({"match": format!("GET {path}"), "access": "public"});
    put(policy, "routes", json!([route]));
    put(policy, "mounts", json!([""]));
}

/// Changes a policy into another one that is right; returns the path that it makes public.
pub(super) fn vary(policy: &mut Value, number: u32, chance: &mut Chance) -> String {
    let path = format!("/open/{number}");
    open(policy, &path);
    let mount = chance.value(["", "", "/hub-api", "/a/b"]);
    put(
        policy,
        "mounts",
        chance.value([json!([mount]), json!([mount, "/other"])]),
    );
    for _ in 0..chance.below(5) {
        let (pattern, access) = (
            chance.value(PATTERNS),
            chance.value(["public", "protected", "admin"]),
        );
        if let Some(routes) = policy.get_mut("routes").and_then(Value::as_array_mut) {
            routes.push(json!({"match": pattern, "access": access}));
        }
    }
    for _ in 0..chance.below(4) {
        let change = chance.value(CHANGES);
        change(policy, chance);
    }
    format!("{mount}{path}")
}

type Change = fn(&mut Value, &mut Chance);

const CHANGES: [Change; 9] = [
    issuers, keys, api_keys, caps, accounts, directory, caches, assertion, rest,
];

fn issuers(policy: &mut Value, chance: &mut Chance) {
    let Some(first) = policy.pointer("/issuers/0").cloned() else {
        return;
    };
    let more = (0..chance.below(4)).map(|number| {
        let mut issuer = first.clone();
        put(
            &mut issuer,
            "issuer",
            json!(format!("https://{number}.example")),
        );
        put(
            &mut issuer,
            "clock_skew",
            json!(chance.value(["0s", "1ms", "10m"])),
        );
        put(
            &mut issuer,
            "algorithms",
            chance.value([json!(["EdDSA"]), json!(["ES384", "PS256"])]),
        );
        put(
            &mut issuer,
            "membership",
            chance.value([
                json!("any"),
                json!({"claim": ["a", "b"], "shape": "keys"}),
                json!({"claim": [""], "shape": "string"}),
            ]),
        );
        issuer
    });
    let all: Vec<_> = [first.clone()].into_iter().chain(more).collect();
    put(policy, "issuers", json!(all));
}

/// Where the keys come from: from nowhere, too.
fn keys(policy: &mut Value, chance: &mut Chance) {
    let Some(jwks) = policy.pointer_mut("/issuers/0/jwks") else {
        return;
    };
    let key = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "one",
        // RFC 8037, appendix A.2.
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let mut deep = json!(1);
    for _ in 0..DEEP {
        deep = json!([deep]);
    }
    let many: Vec<_> = (0..200).map(|_| key.clone()).collect();
    *jwks = chance.value([
        json!({"inline": {"keys": [key]}}),
        json!({"inline": {"keys": [key], "more": deep}}),
        json!({"inline": {"keys": many}}),
        json!({"cluster": "nowhere", "uri": "http://nowhere/keys"}),
        json!({"cluster": "zitadel", "discovery": true}),
        json!({"cluster": "zitadel", "uri": "http://a/b?c", "inline": {"keys": [key]}}),
        json!({"cluster": "zitadel", "uri": "http://a", "refresh": "1s", "timeout": "1s", "max_wait": "0s"}),
        json!({"cluster": "\u{fe0f}\u{202e}", "uri": "http://a", "max_stale": "30days"}),
    ]);
}

fn api_keys(policy: &mut Value, chance: &mut Chance) {
    let introspection = |cluster: &str, variable: &str| json!({"cluster": cluster, "uri": "http://a/b", "authorization_env": variable});
    let keys = chance.value([
        json!(null),
        json!({"prefix": "sk_", "introspection": introspection("accounts", "TOLLGATE_INTROSPECTION_TOKEN")}),
        json!({"prefix": "sk_", "introspection": introspection("nowhere", "NOT_SET_ANYWHERE")}),
        json!({
            "prefix": "",
            "introspection": introspection("upstream", "PATH"),
            "membership": "any",
            "cache": {"entries": 1_000_000},
        }),
    ]);
    put(policy, "api_keys", keys);
}

fn caps(policy: &mut Value, chance: &mut Chance) {
    let number = chance.below(17);
    // Those that are named must be of the pattern.
    let is_default = policy
        .pointer("/accounts/pattern")
        .is_some_and(|it| it == PATTERN);
    let cap = |place: usize| {
        let limit = chance.value([json!(null), json!(0), json!(1), json!(4_294_967_295_u32)]);
        json!({
            "name": format!("cap-{place}"),
            "limits": {"concurrent": limit, "per_minute": chance.below(9), "per_day": limit},
            "accounts": if is_default { json!({"acme": {"per_hour": limit}}) } else { json!({}) },
        })
    };
    let caps: Vec<_> = (0..number).map(cap).collect();
    put(policy, "caps", json!(caps));
    // With so many caps the slots need more room.
    put(policy, "shared_counts", json!({"bytes": 268_435_456}));
}

fn accounts(policy: &mut Value, chance: &mut Chance) {
    let pattern = chance.value([
        PATTERN,
        "[a-z]+",
        "",
        "(a|b)*c{1,9}",
        "((((((((((a))))))))))",
    ]);
    // Those that are named here must be of the pattern.
    let caps = policy.get_mut("caps").and_then(Value::as_array_mut);
    for cap in caps.into_iter().flatten() {
        put(cap, "accounts", json!({}));
    }
    if let Some(accounts) = policy.get_mut("accounts") {
        put(accounts, "pattern", json!(pattern));
        put(
            accounts,
            "header",
            json!(chance.value(["x-account-id", "tenant", "x-0"])),
        );
    }
}

fn directory(policy: &mut Value, chance: &mut Chance) {
    let directory = chance.value([
        json!(null),
        json!({"cluster": "accounts", "uri": "http://a/directory", "refresh": "1s"}),
        json!({"cluster": "nowhere", "uri": "http://a", "authorization_env": "NOT_SET"}),
    ]);
    if let Some(accounts) = policy.get_mut("accounts") {
        put(accounts, "directory", directory);
    }
}

fn caches(policy: &mut Value, chance: &mut Chance) {
    let entries = chance.value([0, 2, 10_000, 1_000_000]);
    let bytes = chance.value([0, 1, 536_870_912]);
    put(
        policy,
        "token_cache",
        json!({"entries": entries, "bytes": bytes}),
    );
}

fn assertion(policy: &mut Value, chance: &mut Chance) {
    let assertion = chance.value([
        json!(null),
        json!({"key_env": "NOT_SET_ANYWHERE", "audience": "a"}),
        json!({"key_env": "PATH", "audience": "\u{1f6aa}", "ttl": "1h"}),
    ]);
    put(policy, "assertion", assertion);
}

fn rest(policy: &mut Value, chance: &mut Chance) {
    put(
        policy,
        "errors",
        json!({"format": chance.value(["text", "problem_json"])}),
    );
    put(policy, "mode", json!(chance.value(["enforce", "report"])));
    put(policy, "forward_authorization", json!(chance.one_in(2)));
    put(policy, "rate_limit_fields", json!(chance.one_in(2)));
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
