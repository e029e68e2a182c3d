//! Long-lived keys, and other credentials that their issuer is asked about.

use serde::Deserialize;

use super::{Membership, Span, Whole, two_seconds};

/// `api_keys`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"prefix\" and \"introspection\""
)]
pub struct ApiKeys {
    /// What each begins with; empty: every credential that is no JWT is one.
    pub prefix: String,
    /// Who is asked about them.
    pub introspection: Introspection,
    /// How long the answers hold.
    #[serde(default)]
    pub cache: IntrospectionCache,
    /// Which accounts one may act for, by the answer; none: the one that its text names.
    #[serde(default)]
    pub membership: Option<Membership>,
    /// The answer's `aud` must have one of these; empty: not checked.
    #[serde(default)]
    pub audiences: Vec<String>,
}

/// `api_keys.introspection` (RFC 7662).
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\", \"uri\" and \"authorization_env\""
)]
pub struct Introspection {
    /// The Envoy cluster that reaches the issuer.
    pub cluster: String,
    /// Where it is asked.
    pub uri: String,
    /// The environment variable with the gate's own credential.
    pub authorization_env: String,
    /// How long one question may take.
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    /// How long a request may wait for the answer.
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
}

/// `api_keys.cache`.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"active\": \"10s\", \"inactive\": \"5s\"}"
)]
pub struct IntrospectionCache {
    /// How long a key that is active is so.
    pub active: Span,
    /// How long one that is not is not.
    pub inactive: Span,
    /// How many answers a worker remembers.
    pub entries: Whole,
}

impl Default for IntrospectionCache {
    fn default() -> Self {
        Self {
            active: Span::from_secs(10),
            inactive: Span::from_secs(5),
            entries: Whole(10_000),
        }
    }
}
