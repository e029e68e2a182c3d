//! Long-lived keys, and other credentials that their issuer is asked about.

use serde::Deserialize;

use super::{Membership, Span, Whole, two_seconds};

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"prefix\" and \"introspection\""
)]
pub(in crate::config) struct ApiKeys {
    pub prefix: String,
    pub introspection: Introspection,
    #[serde(default)]
    pub cache: IntrospectionCache,
    #[serde(default)]
    pub membership: Option<Membership>,
    #[serde(default)]
    pub audiences: Vec<String>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\", \"uri\" and \"authorization_env\""
)]
pub(in crate::config) struct Introspection {
    pub cluster: String,
    pub uri: String,
    pub authorization_env: String,
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"active\": \"10s\", \"inactive\": \"5s\"}"
)]
pub(in crate::config) struct IntrospectionCache {
    pub active: Span,
    pub inactive: Span,
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
