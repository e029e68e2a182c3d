//! A request, the rules that it is judged by, and what is known: shared by the benchmarks.

use std::time::Duration;

use criterion::Criterion;
use serde_json::{Value, json};
use tollgate_policy::caps::Caps;
use tollgate_policy::config::Policy;
use tollgate_policy::decide::{Decision, Knowledge, decide};
use tollgate_policy::request::Request;
use tollgate_properties::world::{self, ISSUER, NOW, SIGNERS, World, jwks, key};

/// A limit that nobody comes near.
const PLENTY: u32 = 1_000_000_000;

/// What is asked, and by which rules that is judged.
#[derive(Clone)]
pub struct Scene {
    /// The rules.
    pub policy: std::rc::Rc<Policy>,
    claims: Value,
    algorithm: &'static str,
    key: bool,
    headers: Vec<(&'static [u8], Vec<u8>)>,
}

/// Enough for what takes microseconds: all benchmarks together stay under a minute.
pub fn short() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(900))
}

// === impl Scene ===

impl Scene {
    /// A good request by a token of 1.2 kB, judged by rules that `change` changes.
    pub fn new(change: impl FnOnce(&mut Value)) -> Self {
        let mut configuration = configuration();
        change(&mut configuration);
        let policy = Policy::from_bytes(configuration.to_string().as_bytes()).unwrap();
        let headers: [(&[u8], &str); 11] = [
            (b":authority", "edge.example.com"),
            (b":path", "/api/v1/agents"),
            (b":method", "GET"),
            (b":scheme", "https"),
            (b"user-agent", "bench"),
            (b"accept", "*/*"),
            (b"x-account-id", "acme"),
            (b"authorization", ""),
            (b"x-forwarded-for", "203.0.113.7"),
            (b"x-forwarded-proto", "https"),
            (b"x-request-id", "f6a6d1c2-62a2-9a5e-8b0a-6d2c0f9a7c11"),
        ];
        let headers = headers.map(|(name, value)| (name, value.as_bytes().to_vec()));
        Self {
            policy: policy.into(),
            claims: claims(),
            algorithm: "EdDSA",
            key: false,
            headers: headers.to_vec(),
        }
        .authorized()
    }

    /// To another path.
    pub fn path(self, path: &str) -> Self {
        self.with(b":path", path)
    }

    /// For another account.
    pub fn account(self, account: &str) -> Self {
        self.with(b"x-account-id", account)
    }

    /// By a token of other claims.
    pub fn claims(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.claims);
        self.authorized()
    }

    /// By a token of another algorithm.
    pub fn signed_by(mut self, algorithm: &'static str) -> Self {
        self.algorithm = algorithm;
        self.authorized()
    }

    /// By a long-lived key.
    pub fn with_key(mut self) -> Self {
        self.key = true;
        self.authorized()
    }

    /// What is known before the first request.
    pub fn world(&self) -> World {
        let world = World::new();
        if self.key {
            let active = json!({"active": true, "sub": "key-1", "account": "acme"});
            world.answers(&self.policy, &key("acme", 7), &active);
        }
        world
    }

    /// The request's headers.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (*name, &value[..]))
    }

    /// Decides, has the changes made, and ends the request: what became of it.
    pub fn decide(&self, world: &World) -> &'static str {
        let policy = &self.policy;
        let request = Request::read(self.headers(), &policy.account_header);
        match decide(policy, &request, world) {
            Decision::Forward(forward) => {
                let edits = forward.edits(&request, policy).set.len();
                assert!(edits > 0 || forward.grant().is_none());
                let holding = forward.into_admitted();
                release(
                    &policy.caps,
                    holding.and_then(|held| held.into_parts().0),
                    world,
                );
                "forward"
            }
            Decision::Refuse(refusal) => {
                let answer = refusal.answer(policy.errors, false);
                assert!(answer.status >= 400);
                refusal.code.as_str()
            }
            Decision::Need(_) => "need",
        }
    }

    fn with(mut self, name: &[u8], value: &str) -> Self {
        let header = self.headers.iter_mut().find(|(known, _)| *known == name);
        header.unwrap().1 = value.as_bytes().to_vec();
        self
    }

    fn authorized(self) -> Self {
        let signers = &*SIGNERS;
        let named = |signer: &&world::Signer| format!("{:?}", signer.algorithm) == self.algorithm;
        let signer = signers.iter().find(named).unwrap();
        let header = json!({"alg": self.algorithm, "kid": signer.kid, "typ": "JWT"}).to_string();
        let claims = self.claims.to_string();
        let credential = if self.key {
            key("acme", 7)
        } else {
            world::token(header.as_bytes(), claims.as_bytes(), signer, &signer.good)
        };
        self.with(b"authorization", &format!("Bearer {credential}"))
    }
}

/// Nothing is counted.
pub fn without_caps(configuration: &mut Value) {
    configuration["caps"] = json!([]);
}

/// An account may make one request a minute.
pub fn one_a_minute(configuration: &mut Value) {
    configuration["caps"][0]["limits"]["per_minute"] = json!(1);
}

/// Whoever has a token may act for any account.
pub fn of_any_account(configuration: &mut Value) {
    configuration["issuers"][0]["membership"] = json!("any");
}

fn release(caps: &Caps, holding: Option<tollgate_policy::caps::Holding>, world: &World) {
    if let Some(holding) = holding {
        let counts = world.counts().unwrap();
        caps.release(&holding, &counts).unwrap();
    }
}

fn configuration() -> Value {
    json!({
        "issuers": [{
            "issuer": ISSUER,
            "audiences": ["api"],
            "algorithms": ["RS256", "ES256", "EdDSA"],
            "jwks": {"inline": jwks()},
            "membership": {"claim": ["accounts"], "shape": "list"},
        }],
        "api_keys": {
            "prefix": "sk_live_",
            "introspection": {"cluster": "c", "uri": "http://c/i", "authorization_env": "E"},
        },
        "mounts": ["", "/hub-api"],
        "routes": [
            {"match": "GET /api/accounts", "access": "public"},
            {"match": "POST /api/v1/widget/auth/*", "access": "public"},
            {"match": "* /api/admin/**", "access": "admin"},
        ],
        "caps": [{"name": "requests", "limits": {
            "concurrent": PLENTY, "per_minute": PLENTY, "per_hour": PLENTY, "per_day": PLENTY,
        }}],
        "assertion": {"key_env": "KEY", "audience": "upstream"},
    })
}

/// As many as a real issuer's.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["api"], "sub": "300519873612345678",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600, "accounts": ["acme"],
        "client_id": "301201283847162953@console", "azp": "301201283847162953@console",
        "jti": "V2_000000000001-at_000000000000", "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace@acme.example.com",
        "email": "ada.lovelace@acme.example.com", "email_verified": true,
        "urn:zitadel:iam:user:resourceowner:id": "300519873612300000",
        "urn:zitadel:iam:user:resourceowner:name": "Acme",
        "urn:zitadel:iam:org:project:roles": {"editor": {"300519873612300000": "acme.example.com"}},
    })
}
