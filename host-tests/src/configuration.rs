//! Configurations for the filter, as JSON to be changed.

use serde_json::{Value, json};

use crate::tokens;

/// The environment variable with the assertion key.
pub const KEY_VARIABLE: &str = "TOLLGATE_ASSERTION_KEY";

/// The environment variable with what the gate shows where it introspects.
pub const INTROSPECTION_VARIABLE: &str = "TOLLGATE_INTROSPECTION_TOKEN";

/// One issuer whose keys are in the configuration; no caps.
pub fn inline() -> Value {
    json!({
        "issuers": [{
            "issuer": "https://id.example.com",
            "audiences": ["api"],
            "jwks": {"inline": tokens::key_set()},
            "membership": {"claim": ["accounts"], "shape": "list"},
            "admin": {"claim": ["roles", "platform-admin"]},
        }],
        "mounts": ["", "/hub-api"],
        "routes": [
            {"match": "GET /api/accounts", "access": "public"},
            {"match": "GET /api/accounts/validate/{account}", "access": "public"},
            {"match": "GET /api/user/org", "access": "public", "forward_authorization": true},
            {"match": "* /api/admin/**", "access": "admin"},
        ],
        "assertion": {"key_env": KEY_VARIABLE, "audience": "upstream"},
    })
}

/// The same with keys that are fetched: refreshed after 10 minutes, good for a day, and requests wait 2 seconds.
pub fn remote() -> Value {
    let mut configuration = inline();
    configuration["issuers"][0]["jwks"] = json!({
        "cluster": "issuer",
        "uri": "https://id.example.com/oauth/v2/keys",
    });
    configuration
}

/// With every algorithm allowed, and keys for all of them in the configuration.
pub fn all_algorithms() -> Value {
    let mut configuration = inline();
    configuration["issuers"][0]["algorithms"] = json!(tokens::ALGORITHMS);
    configuration["issuers"][0]["jwks"]["inline"] = tokens::full_key_set();
    configuration
}

/// With one cap of so many requests a minute.
#[must_use]
pub fn capped(configuration: Value, per_minute: u32) -> Value {
    limited(configuration, json!({"per_minute": per_minute}))
}

/// With one cap, `requests`, that has these limits.
#[must_use]
pub fn limited(mut configuration: Value, limits: Value) -> Value {
    configuration["caps"] = json!([{"name": "requests", "limits": limits}]);
    configuration
}

/// With a directory of accounts that is fetched: refreshed after 5 seconds, and requests wait 2 for the first.
#[must_use]
pub fn with_directory(mut configuration: Value) -> Value {
    configuration["accounts"] = json!({"directory": {
        "cluster": "accounts",
        "uri": "http://accounts.internal/internal/directory",
    }});
    configuration
}

/// With API keys, whose issuer is asked at the cluster `accounts`: active answers hold for 10 seconds, others for 5, and
/// requests wait 2.
#[must_use]
pub fn with_api_keys(mut configuration: Value) -> Value {
    configuration["api_keys"] = json!({
        "prefix": "sk_live_",
        "introspection": {
            "cluster": "accounts",
            "uri": "http://accounts.internal/internal/introspect",
            "authorization_env": INTROSPECTION_VARIABLE,
        },
    });
    configuration
}
