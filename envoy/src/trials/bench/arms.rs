//! What is compared: one Envoy each, alike but for one filter.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::load::BODY;
use super::{noop, requests};
use crate::config::{Config, ConfigError};
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE, Issuer};
use crate::upstream::ASSERTION_KEY;

/// The arm that the others are held against.
pub(super) const BASELINE: &str = "none";

/// The arm that the product is measured by.
pub(super) const YARDSTICK: &str = "jwt_authn";

/// One Envoy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Its name in the table and in `--arms`.
    pub name: &'static str,
    /// The filter before the router.
    pub filter: Filter,
    /// Which tokens are sent.
    pub tokens: Tokens,
}

/// A filter and its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// No filter but the router.
    None,
    /// A WebAssembly module that does nothing.
    NoOp,
    /// Envoy's own, with the issuer's keys in the configuration.
    JwtAuthn {
        /// Whether it remembers verified tokens.
        cache: bool,
    },
    /// Tollgate, as far as the token only.
    Token,
    /// Tollgate with an assertion.
    Gate(Counting),
}

/// What Tollgate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Nothing.
    Nothing,
    /// So many requests a minute.
    Minute(u32),
    /// In all four windows, with limits that nobody comes near.
    All {
        /// Whether the answers say what is left.
        fields: bool,
    },
}

/// How often a token comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// After all the others.
    New,
    /// Soon, and always.
    Known,
}

/// With a cap that nobody comes near.
const GATE: Filter = Filter::Gate(Counting::Minute(PLENTY));

/// A limit that nobody comes near.
const PLENTY: u32 = 1_000_000_000;

/// All arms.
pub const ARMS: [Arm; 11] = [
    Arm::new(BASELINE, Filter::None, Tokens::New),
    Arm::new("no-op wasm", Filter::NoOp, Tokens::New),
    Arm::new(YARDSTICK, Filter::JwtAuthn { cache: false }, Tokens::New),
    Arm::new(
        "jwt_authn cached",
        Filter::JwtAuthn { cache: true },
        Tokens::Known,
    ),
    Arm::new("tollgate token new", Filter::Token, Tokens::New),
    Arm::new("tollgate token cached", Filter::Token, Tokens::Known),
    Arm::new("tollgate gate new", GATE, Tokens::New),
    Arm::new("tollgate gate cached", GATE, Tokens::Known),
    Arm::new(
        "tollgate caps off",
        Filter::Gate(Counting::Nothing),
        Tokens::Known,
    ),
    Arm::new(
        "tollgate caps on",
        Filter::Gate(Counting::All { fields: true }),
        Tokens::Known,
    ),
    Arm::new(
        "tollgate caps silent",
        Filter::Gate(Counting::All { fields: false }),
        Tokens::Known,
    ),
];

/// What the arms' configurations are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub issuer: &'a Issuer,
    pub module: &'a Path,
}

// === impl Arm ===

impl Arm {
    /// An arm of its own.
    pub const fn new(name: &'static str, filter: Filter, tokens: Tokens) -> Self {
        Self {
            name,
            filter,
            tokens,
        }
    }

    /// Envoy's configuration: the reference, but for the filter, the access log and the route.
    pub(super) fn config(self, parts: Parts<'_>) -> Result<Config, ConfigError> {
        let config = Config::reference()?
            .on_loopback(0)?
            .without_access_log()?
            .without_cors()?
            .with_direct_response(BODY)?;
        let instead = match self.filter {
            Filter::None => None,
            Filter::NoOp => Some(no_op()),
            Filter::JwtAuthn { cache } => Some(jwt_authn(parts.issuer, cache)),
            Filter::Token => return self.tollgate(config, parts, None),
            Filter::Gate(counting) => return self.tollgate(config, parts, Some(counting)),
        };
        config.with_filter(instead)
    }

    /// With the least that it must be told; as a whole gate, also with an assertion and what it counts.
    fn tollgate(
        self,
        mut config: Config,
        parts: Parts<'_>,
        gate: Option<Counting>,
    ) -> Result<Config, ConfigError> {
        let limits = match gate {
            None | Some(Counting::Nothing) => None,
            Some(Counting::Minute(limit)) => Some(json!({"per_minute": limit})),
            Some(Counting::All { .. }) => Some(json!({
                "concurrent": PLENTY, "per_minute": PLENTY, "per_hour": PLENTY, "per_day": PLENTY,
            })),
        };
        let caps = limits.map(|limits| json!({"name": "requests", "limits": limits}));
        let assertion = json!({"key_env": ASSERTION_KEY, "audience": "upstream"});
        let cache = match self.tokens {
            // Each is verified and remembered, and forgotten when it comes again.
            Tokens::New => json!({"entries": requests::ALL / 2}),
            Tokens::Known => json!({}),
        };
        *config.policy()? = json!({
            "issuers": [{
                "issuer": parts.issuer.url(),
                "audiences": [AUDIENCE],
                "jwks": {"inline": parts.issuer.key_set()},
                "membership": {"claim": [ACCOUNTS_CLAIM], "shape": "list"},
            }],
            "token_cache": cache,
            "assertion": gate.map(|_| assertion),
            "caps": Vec::from_iter(caps),
            "rate_limit_fields": gate != Some(Counting::All { fields: false }),
        });
        config.with_module(parts.module)
    }

    /// Whether it looks at tokens at all.
    pub(super) fn verifies(self) -> bool {
        !matches!(self.filter, Filter::None | Filter::NoOp)
    }
}

fn no_op() -> Value {
    json!({
        "name": "no-op",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "no-op",
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": "no-op",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"inline_bytes": BASE64_STANDARD.encode(noop::module())}},
                },
            },
        },
    })
}

fn jwt_authn(issuer: &Issuer, cache: bool) -> Value {
    let provider = json!({
        "issuer": issuer.url(),
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": issuer.key_set().to_string()},
        "jwt_cache_config": cache.then(|| json!({})),
    });
    json!({
        "name": "jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"issuer": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_each_arms_own() {
        for (position, arm) in ARMS.iter().enumerate() {
            let first = ARMS.iter().position(|other| other.name == arm.name);
            assert_eq!(first, Some(position));
            assert!(!arm.name.contains(','), "`--arms` has commas between names");
        }
    }
}
