//! The configuration: JSON as Envoy and Istio hand it over, compiled once into what the decision uses.

mod compile;
#[cfg(test)]
mod tests;

pub use tollgate_config::ConfigError;
use tollgate_config::protobuf;

use crate::account::AccountRules;
use crate::caps::{Caps, Override};
use crate::directory;
use crate::introspection::ApiKeys;
use crate::issuer::Issuer;
use crate::json;
use crate::path::Path;
use crate::refusal::Format;
use crate::request::Request;
use crate::route::{Class, Mounts, Routes};
use crate::token::CacheLimits;

/// The largest configuration, in bytes. Reading one can take many times its size, and a worker has less memory left than
/// where Envoy tries it out.
pub const MAX_BYTES: usize = 4 << 20;

/// A configuration that is right, ready to decide by.
#[derive(Debug)]
pub struct Policy {
    /// Whose tokens are accepted; empty only where there are other credentials.
    pub issuers: Vec<Issuer>,
    /// What accounts may be called.
    pub accounts: AccountRules,
    /// Where the directory of accounts comes from; none: every account is there.
    pub directory: Option<directory::Remote>,
    /// The header that names the account, in lower case.
    pub account_header: String,
    /// The prefixes under which the routes are served.
    pub mounts: Mounts,
    /// The class of each endpoint.
    pub routes: Routes,
    /// How long-lived keys are accepted; none: they are not.
    pub api_keys: Option<ApiKeys>,
    /// How many verified tokens a worker remembers.
    pub token_cache: CacheLimits,
    /// What an account may use.
    pub caps: Caps,
    /// How the upstream is told; none: by bare headers only.
    pub assertion: Option<AssertionRules>,
    /// What is written into the filter state.
    pub filter_state: Vec<FilterState>,
    /// How refusals are written.
    pub errors: Format,
    /// Whether they are.
    pub mode: Mode,
}

/// What access logs and other filters can be told of a request. Each costs Envoy some 300 ns a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterState {
    /// Which account it is for.
    Account,
    /// Who has sent it.
    Subject,
    /// What became of it.
    Decision,
    /// Of which cap the least is left.
    Cap,
}

/// What becomes of a request that is to be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is counted and marked, and goes on.
    Report,
}

/// How assertions are made.
#[derive(Debug)]
pub struct AssertionRules {
    /// The environment variable with the key.
    pub key_env: String,
    /// `aud`.
    pub audience: String,
    /// How long one is valid, in seconds.
    pub ttl: u32,
}

// === impl Policy ===

impl Policy {
    /// Reads a configuration: JSON, or a `google.protobuf.Struct`. A pure function of the bytes, the same in every
    /// worker.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.trim_ascii().is_empty() {
            let message = "missing; write an object with \"issuers\" and more";
            return Err(ConfigError::new("configuration", message));
        }
        if bytes.len() > MAX_BYTES {
            let found = bytes.len();
            let message = format!("{found} bytes; write at most {MAX_BYTES}");
            return Err(ConfigError::new("configuration", message));
        }
        let object = json::object(bytes).or_else(|error| {
            protobuf::object(bytes)
                .filter(|members| !members.is_empty())
                .ok_or_else(|| {
                    ConfigError::new("configuration", format!("not valid JSON: {error}"))
                })
        })?;
        compile::policy(tollgate_config::read(object)?)
    }

    /// How a request to this path is treated.
    pub fn class(&self, request: &Request<'_>, path: &Path<'_>) -> Class {
        if request.is_preflight() {
            return Class::PREFLIGHT;
        }
        self.routes.class(&self.mounts, request.method, path)
    }
}

// === impl FilterState ===

impl FilterState {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Account, Self::Subject, Self::Decision, Self::Cap];

    /// Its name, to which Envoy adds `wasm.`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "tollgate.account",
            Self::Subject => "tollgate.subject",
            Self::Decision => "tollgate.decision",
            Self::Cap => "tollgate.cap",
        }
    }
}

/// What an account has of its own under one cap: the form of `caps[].accounts`, which the directory has too.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn limits_of_an_account(written: serde_json::Value) -> Result<Override, String> {
    tollgate_config::limits_of_an_account(written).map(compile::limits_of_an_account)
}
