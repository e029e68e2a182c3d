//! What accounts may be called, and where they are listed.

use serde::Deserialize;

#[cfg(feature = "schema")]
use super::limits;
use super::{Span, five_seconds, two_seconds};

/// What an account's name is by default.
pub const DEFAULT_ACCOUNT_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

/// What accounts may be called, and where they are listed.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"reserved\": [\"…\"]}"
)]
pub struct Accounts {
    /// The header that names the account, in lower case; not one with a meaning of its own (`authorization`, `host`,
    /// `cookie`, `content-type`, `origin`, `access-control-request-method`, `x-admin`, `x-tollgate-…`).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z0-9-]+$")))]
    pub header: String,
    /// A regular expression ([syntax](https://docs.rs/regex-lite/#syntax)) that must match the whole name; what it is
    /// compiled to may take 256 KiB, which are thousands of states.
    pub pattern: String,
    /// Names that nobody may use. `postgres`, `template0` and `template1` are reserved always.
    pub reserved: Vec<String>,
    /// Where the gate learns which accounts there are; none: every account whose name is right is there.
    pub directory: Option<Directory>,
}

/// Where the accounts are listed.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["cluster", "uri"])))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\""
)]
pub struct Directory {
    /// The Envoy cluster that reaches the service. With `https`, the cluster needs a TLS transport socket.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// Where the directory is, absolute.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required, regex(pattern = limits::URI)))]
    pub uri: Option<String>,
    /// How often it is fetched. Within this time, and the time that the answer takes, a change is known to every worker.
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 1d")))]
    pub refresh: Span,
    /// How long one request may take. Should the worker that fetches fail, another takes over a second later than this.
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 60s")))]
    pub timeout: Span,
    /// How long a request may wait for the first directory. Then 503 `not_ready`.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "0s to 60s")))]
    pub max_wait: Span,
    /// The environment variable with what the gate shows the service, as `api_keys.introspection.authorization_env`; none:
    /// nothing.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::VARIABLE)))]
    pub authorization_env: Option<String>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            header: "x-account-id".to_owned(),
            pattern: DEFAULT_ACCOUNT_PATTERN.to_owned(),
            reserved: vec!["kataven-admin".to_owned()],
            directory: None,
        }
    }
}
