//! Long-lived keys, and other credentials that their issuer is asked about.

use serde::Deserialize;

#[cfg(feature = "schema")]
use super::limits;
use super::{Membership, Span, Whole, two_seconds};

/// Long-lived keys, and other credentials that only their issuer can judge: it is asked (RFC 7662, token introspection).
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"prefix\" and \"introspection\""
)]
pub struct ApiKeys {
    /// What begins with it is a key: 1 to 32 letters, digits, `-` and `_`, and not as a JWT begins (`ey`). Case counts. May
    /// be empty with `membership`: then everything is asked about that is not a JWT (three parts with dots between them).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{0,32}$")))]
    pub prefix: String,
    /// Who is asked about them.
    pub introspection: Introspection,
    /// How long the answers hold.
    #[serde(default)]
    pub cache: IntrospectionCache,
    /// Which accounts one may act for, by the answer's claims, as with issuers; none: the key's text names its account.
    #[serde(default)]
    pub membership: Option<Membership>,
    /// The answer's `aud` must have one of these, else 401 `token_audience`; empty: not checked.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(inner(length(min = 1))))]
    pub audiences: Vec<String>,
}

/// Who is asked about keys (RFC 7662).
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\", \"uri\" and \"authorization_env\""
)]
pub struct Introspection {
    /// The Envoy cluster that reaches the issuer. With `https`, the cluster needs a TLS transport socket.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub cluster: String,
    /// Its introspection endpoint, absolute.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::URI)))]
    pub uri: String,
    /// The environment variable with what the gate shows there: as it stands where there is a space in it (`Basic …`), else
    /// as `Bearer …`. The filter sees only variables that `vm_config.environment_variables` (Istio: `vmConfig.env`) names.
    /// While it is missing, keys get 503 `introspection_unavailable`; tokens are not affected.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::VARIABLE)))]
    pub authorization_env: String,
    /// How long one question may take.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 60s")))]
    pub timeout: Span,
    /// How long a request may wait for the answer. Then 503 `introspection_unavailable`.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "0s to 60s")))]
    pub max_wait: Span,
}

/// How long answers about keys hold.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"active\": \"10s\", \"inactive\": \"5s\"}"
)]
pub struct IntrospectionCache {
    /// How long an active answer holds, from when it was asked for: a revoked key works for so long at most. Not less than
    /// `introspection.timeout`.
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 5m")))]
    pub active: Span,
    /// How long another answer holds: for so long a key is refused that was tried before it was made.
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 5m")))]
    pub inactive: Span,
    /// Answers that each worker remembers, as many active ones and as many others. The active ones take 8 MiB at most.
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = limits::LEAST_INTROSPECTIONS, max = limits::MOST_INTROSPECTIONS))
    )]
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
