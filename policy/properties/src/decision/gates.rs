//! Three gates.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_policy::config::Policy;
use tollgate_policy::directory::Directory;

use crate::claims::{RULES, Rules};
use crate::world::{ISSUER, World, jwks, key};

thread_local! {
    /// All of them.
    pub static GATES: [Gate; 3] = [
        // The reference configuration, as far as it goes.
        Gate::new("sk_live_", |_| {}),
        // Whose upstream wants other headers, and no assertion.
        Gate::new("sk_live_", |configuration| {
            configuration["accounts"] = json!({"header": "tenant-id"});
            configuration["forward_authorization"] = json!(true);
            configuration.as_object_mut().unwrap().remove("assertion");
            configuration["issuers"][0]["routes"] = json!(["GET /api/v1/**", "* /api/admin/**"]);
        }),
        // With a directory, where only `acme` is active; and where all that is no JWT is introspected.
        Gate::new("", |configuration| {
            configuration["accounts"] = json!({"directory": {"cluster": "c", "uri": "http://c/d"}});
            configuration["api_keys"]["membership"] = json!({"claim": ["account"], "shape": "string"});
        }),
    ];

    /// A long-lived key that its issuer calls active.
    pub static ACTIVE_KEY: String = key("acme", 1);

    /// One that it does not.
    pub static INACTIVE_KEY: String = key("acme", 2);
}

/// Rules, and what is known.
pub struct Gate {
    /// The rules.
    pub policy: Policy,
    directory: Option<Arc<Directory>>,
}

impl Gate {
    fn new(prefix: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut configuration = json!({
            "issuers": [{
                "issuer": ISSUER,
                "audiences": ["api"],
                "algorithms": ["RS256", "ES256", "EdDSA"],
                "jwks": {"inline": jwks()},
                "membership": {"claim": ["accounts"], "shape": "list"},
                "admin": {"claim": ["roles", "admin"]},
            }],
            "api_keys": {
                "prefix": prefix,
                "introspection": {"cluster": "c", "uri": "http://c/i", "authorization_env": "E"},
            },
            "mounts": ["", "/hub-api"],
            "routes": [
                {"match": "GET /api/accounts", "access": "public"},
                {"match": "POST /api/v1/widget/auth/*", "access": "public", "forward_authorization": true},
                {"match": "* /api/admin/**", "access": "admin"},
            ],
            "caps": [{"name": "requests", "limits": {"concurrent": 20, "per_minute": 60}}],
            "assertion": {"key_env": "KEY", "audience": "upstream"},
        });
        change(&mut configuration);
        let policy = Policy::from_bytes(configuration.to_string().as_bytes()).unwrap();
        let text = br#"{"accounts":{"acme":{},"globex":{"status":"suspended"}}}"#;
        let directory = Directory::parse(text, &policy.accounts).unwrap();
        Self {
            directory: policy.directory.is_some().then(|| Arc::new(directory)),
            policy,
        }
    }

    /// How the tokens of its issuer are to be read.
    #[expect(clippy::unused_self, reason = "all have the same")]
    pub fn rules(&self) -> &'static Rules {
        &RULES[0]
    }

    /// What is known before any request.
    pub fn world(&self) -> World {
        let mut world = World::new();
        world.directory.clone_from(&self.directory);
        let active = json!({"active": true, "sub": "key-1", "account": "acme"});
        ACTIVE_KEY.with(|key| world.answers(&self.policy, key, &active));
        INACTIVE_KEY.with(|key| world.answers(&self.policy, key, &json!({"active": false})));
        world
    }
}
