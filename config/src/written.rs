//! The configuration, field by field.
//!
//! What is said of a field here is its description in the JSON Schema and in the tables of `envoy/CONFIGURATION.md`. The
//! `range`, `length` and `pattern` of the schema are what the parser and `tollgate_policy::config` want, from the same
//! constants where there are any; `x-range` says in words what JSON Schema has no word for.

mod accounts;
mod api_keys;
mod caps;
mod issuers;
mod limits;
mod values;

use serde::Deserialize;

pub use self::accounts::{Accounts, DEFAULT_ACCOUNT_PATTERN, Directory};
pub use self::api_keys::{ApiKeys, Introspection, IntrospectionCache};
pub use self::caps::{Cap, DEFAULT_SHARED_BYTES, Limits, SharedCounts};
pub use self::issuers::{Admin, Issuer, Jwks, Membership, MembershipClaim, Shape};
pub use self::limits::{
    ALGORITHMS, LEAST_INTROSPECTIONS, LEAST_SHARED_BYTES, MOST_CACHED_BYTES, MOST_CACHED_TOKENS,
    MOST_CAPS, MOST_INTROSPECTIONS, MOST_SHARED_BYTES, MOST_TOKEN_BYTES,
};
pub use self::values::{Span, Whole};

/// The configuration of Tollgate, the account gate for Envoy: what the filter takes, in a google.protobuf.Struct, or as JSON
/// in a google.protobuf.StringValue; in Istio's WasmPlugin it is spec.pluginConfig.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "Tollgate"))]
#[serde(deny_unknown_fields, expecting = "an object with \"issuers\" and more")]
pub struct Configuration {
    /// Whose tokens are accepted. A token is held against the issuer that its `iss` names. May be empty where there are
    /// `api_keys`.
    pub issuers: Vec<Issuer>,
    /// What accounts may be called, and where they are listed.
    #[serde(default)]
    pub accounts: Accounts,
    /// The prefixes under which the same routes are served: with `["", "/hub-api"]`, the pattern `GET /api/accounts` also
    /// matches `GET /hub-api/api/accounts`. Each is `""` or a plain path without a slash at its end.
    #[serde(default = "at_the_root")]
    #[cfg_attr(
        feature = "schema",
        schemars(length(min = 1), inner(regex(pattern = "^(/[^/?#]+)*$")))
    )]
    pub mounts: Vec<String>,
    /// The class of each endpoint; the first that matches decides, and what none matches is protected.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = [])))]
    pub routes: Vec<Route>,
    /// How long-lived keys, and other credentials that only their issuer can judge, are accepted; none: they are not.
    #[serde(default)]
    pub api_keys: Option<ApiKeys>,
    /// How many verified tokens each worker remembers.
    #[serde(default)]
    pub token_cache: TokenCache,
    /// What an account may use. Several can apply to a request: all must admit it, and one that is refused uses nothing up.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = MOST_CAPS), extend("default" = [])))]
    pub caps: Vec<Cap>,
    /// What the counts of all caps may take in the memory that the workers share.
    #[serde(default)]
    pub shared_counts: SharedCounts,
    /// Whether answers to counted requests, and every 429, have the fields `RateLimit` and `RateLimit-Policy`.
    #[serde(default = "yes")]
    pub rate_limit_fields: bool,
    /// A signed statement to the upstream of who calls, for which account; none: it is told by bare headers only.
    #[serde(default)]
    pub assertion: Option<Assertion>,
    /// Whether the client's `Authorization` goes on to the upstream, on protected and admin routes that do not say so
    /// themselves; a public route must say so itself.
    #[serde(default)]
    pub forward_authorization: bool,
    /// Which of the filter state is written, for access logs, RBAC and rate limits; none: all of it.
    #[serde(default)]
    pub filter_state: Option<Vec<FilterState>>,
    /// How refusals are written.
    #[serde(default)]
    pub errors: Errors,
    /// Whether what is to be refused is: `report` decides, counts and marks, but lets it pass.
    #[serde(default)]
    pub mode: Mode,
}

/// One of `routes`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"match\": \"GET /x\", \"access\": \"public\"}"
)]
pub struct Route {
    /// `METHOD PATH`, such as `GET /x/{id}`. METHOD may be `*`. In PATH, `{name}` is one segment, `*` as the last segment
    /// exactly one, `**` as the last whatever follows, also nothing.
    #[serde(rename = "match")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::ROUTE)))]
    pub pattern: String,
    /// Who may call it.
    pub access: Access,
    /// Whether the client's `Authorization` goes on to the upstream; none: as the whole configuration says, and on a public
    /// route not.
    #[serde(default)]
    pub forward_authorization: Option<bool>,
}

/// Who may call a route.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// anybody, and no identity goes on
    Public,
    /// a member of the account
    Protected,
    /// an administrator who sends `X-Admin: true`
    Admin,
}

/// How many verified tokens each worker remembers.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"entries\": 10000, \"bytes\": 8388608}"
)]
pub struct TokenCache {
    /// Tokens, at most, in one worker. `0`: every token is verified every time; `1` is refused.
    #[cfg_attr(feature = "schema", schemars(range(max = MOST_CACHED_TOKENS)))]
    pub entries: Whole,
    /// Memory for them, about, in bytes, in one worker. A token takes some 1000 bytes, and what its subject and accounts
    /// take.
    #[cfg_attr(feature = "schema", schemars(range(max = MOST_CACHED_BYTES)))]
    pub bytes: Whole,
}

/// A signed statement to the upstream in the header `x-tollgate-assertion`: a JWT.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"key_env\" and \"audience\""
)]
pub struct Assertion {
    /// The environment variable with the key, at least 32 bytes. The filter sees only variables that
    /// `vm_config.environment_variables` (Istio: `vmConfig.env`) names. While it is missing, all but public requests get
    /// 503 `not_ready`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::VARIABLE)))]
    pub key_env: String,
    /// `aud`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub audience: String,
    /// How long one is valid. One serves a caller's requests for an account for half of that, so they can have the same, and
    /// the last of them gets it with half of it left.
    #[serde(default = "sixty_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "whole seconds, 1s to 1h")))]
    pub ttl: Span,
}

/// How refusals are written.
#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"format\": \"text\"}"
)]
pub struct Errors {
    /// Their form.
    pub format: Format,
}

/// The form of refusals.
#[derive(Clone, Copy, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// problem JSON (RFC 9457)
    #[default]
    ProblemJson,
    /// one line of text
    Text,
}

/// What can be written into the filter state.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FilterState {
    /// which account it is for
    Account,
    /// who has sent it
    Subject,
    /// what became of it
    Decision,
    /// of which cap the least is left
    Cap,
}

/// What becomes of a request that is to be refused.
#[derive(Clone, Copy, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// it is answered
    #[default]
    Enforce,
    /// it is counted and marked, and goes on
    Report,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            entries: Whole(10_000),
            bytes: Whole(8 << 20),
        }
    }
}

fn yes() -> bool {
    true
}

fn at_the_root() -> Vec<String> {
    vec![String::new()]
}

fn two_seconds() -> Span {
    Span::from_secs(2)
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

fn sixty_seconds() -> Span {
    Span::from_secs(60)
}
