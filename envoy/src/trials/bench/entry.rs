//! An arm, ready to be started: Envoy's configuration, what is sent, and what must be answered.

use std::path::Path;

use serde_json::{Value, json};

use super::BenchError;
use super::arms::{Arm, CLOSING, Counting, Filter};
use super::load::BODY;
use super::modules::{self, Module};
use super::native;
use super::requests::{self, PREFIX, PUBLIC, Probe, RESERVED, Requests, Sends};
use crate::config::{Config, ConfigError};
use crate::introspection::{self, Introspection};
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE, Issuer};
use crate::upstream::{ASSERTION_KEY, INTROSPECTION_TOKEN};

/// A limit that nobody comes near.
const PLENTY: u32 = 1_000_000_000;

/// The cluster of those who know the API keys.
const KEYS: &str = "keys";

/// One of what is compared.
pub(super) struct Entry<'a> {
    /// Its name in the table.
    pub name: String,
    /// The name of what it is held against.
    pub baseline: String,
    /// Envoy's.
    pub config: Config,
    /// What it is sent, without end.
    pub requests: Box<dyn Iterator<Item = &'a [u8]> + Send + 'a>,
    /// How many of them are sent before anything is measured.
    pub first: usize,
    /// What it is asked at the start. What is answered to the last question is expected from then on.
    pub questions: Vec<Question>,
    /// Whether the connection ends with each answer.
    pub closes: bool,
}

/// A request, and what must be answered.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What it is, for the error message.
    pub what: String,
    /// All of it.
    pub request: Vec<u8>,
    pub status: u16,
    /// What the answer's body has in it.
    pub code: &'static str,
}

/// What the configurations are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub issuer: &'a Issuer,
    pub module: &'a Path,
    pub introspection: &'a Introspection,
}

// === impl Entry ===

impl<'a> Entry<'a> {
    /// One of the arms that have a name.
    pub(super) fn of(
        arm: Arm,
        parts: Parts<'_>,
        requests: &'a Requests,
    ) -> Result<Self, BenchError> {
        let question = |(probe, status, code): (Probe, _, _)| Question {
            what: format!("{probe:?}"),
            request: requests.probe(probe),
            status,
            code,
        };
        let sends: Box<dyn Iterator<Item = &'a [u8]> + Send> = if arm.name == CLOSING {
            Box::new(requests.closing())
        } else {
            Box::new(requests.of(arm.sends))
        };
        Ok(Self {
            name: arm.name.to_owned(),
            baseline: arm.baseline().to_owned(),
            config: config(arm, parts)?,
            requests: sends,
            first: 0,
            questions: arm.probes().into_iter().map(question).collect(),
            closes: arm.closes,
        })
    }
}

/// Envoy's configuration: the reference, but for the filters, the access log and the route.
fn config(arm: Arm, parts: Parts<'_>) -> Result<Config, BenchError> {
    let config = bare()?;
    let config = match arm.filter {
        Filter::None => config.with_filter(None),
        Filter::NoOp => return modules::load(config, &Module::smallest()),
        Filter::NoOpAll => return modules::load(config, &Module::all_callbacks()),
        Filter::JwtAuthn { cache } => {
            config.with_filter(Some(native::jwt_authn(parts.issuer, cache)))
        }
        Filter::Native { cache, rules } => native::whole(config, parts.issuer, cache, rules),
        Filter::Token => tollgate(config, parts, policy(arm, parts)),
        Filter::Gate(counting) => {
            let mut policy = policy(arm, parts);
            if let Some(policy) = policy.as_object_mut() {
                let assertion = json!({"key_env": ASSERTION_KEY, "audience": "upstream"});
                if counting == (Counting::All { told: false }) {
                    policy.insert("rate_limit_fields".to_owned(), json!(false));
                    policy.insert("filter_state".to_owned(), json!([]));
                }
                policy.insert("assertion".to_owned(), assertion);
                policy.insert("caps".to_owned(), caps(counting));
            }
            tollgate(config, parts, policy)
        }
    };
    Ok(config?)
}

/// The reference without its filters' neighbours: Envoy answers itself.
pub(super) fn bare() -> Result<Config, ConfigError> {
    Config::reference()?
        .on_loopback(0)?
        .without_access_log()?
        .without_cors()?
        .with_direct_response(BODY)
}

/// With the gate, and this as its policy.
pub(super) fn tollgate(
    config: Config,
    parts: Parts<'_>,
    policy: Value,
) -> Result<Config, ConfigError> {
    let mut config = config.and_cluster(KEYS, parts.introspection.address())?;
    *config.policy()? = policy;
    config.with_module(parts.module)
}

/// The least that the gate must be told, and the API keys and the public route that arms need.
fn policy(arm: Arm, parts: Parts<'_>) -> Value {
    let cache = match arm.sends {
        // Each is verified and remembered, and forgotten when it comes again.
        Sends::NewTokens => json!({"entries": requests::ALL / 2}),
        _ => json!({}),
    };
    json!({
        "issuers": [{
            "issuer": parts.issuer.url(),
            "audiences": [AUDIENCE],
            "jwks": {"inline": parts.issuer.key_set()},
            "membership": {"claim": [ACCOUNTS_CLAIM], "shape": "list"},
        }],
        "api_keys": {
            "prefix": PREFIX,
            "introspection": {
                "cluster": KEYS,
                "uri": format!("http://keys.internal{}", introspection::PATH),
                "authorization_env": INTROSPECTION_TOKEN,
            },
            // Longer than the other arms' turns, so that what is asked again in a turn does not count.
            "cache": {"active": "5m"},
        },
        "token_cache": cache,
        "accounts": {"reserved": [RESERVED]},
        "routes": [{"match": format!("GET {PUBLIC}"), "access": "public"}],
    })
}

fn caps(counting: Counting) -> Value {
    let all = |day| {
        json!({
            "concurrent": PLENTY, "per_minute": PLENTY, "per_hour": PLENTY, "per_day": day,
        })
    };
    let limits = match counting {
        Counting::Nothing => return json!([]),
        Counting::Minute => json!({"per_minute": PLENTY}),
        Counting::All { .. } => all(PLENTY),
        Counting::Few(day) => all(day),
    };
    json!([{"name": "requests", "limits": limits}])
}

/// All four windows, with limits that nobody comes near.
pub(super) fn all_caps() -> Value {
    caps(Counting::All { told: true })
}
