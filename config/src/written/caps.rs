//! What an account may use.

use std::collections::BTreeMap;

use serde::Deserialize;

#[cfg(feature = "schema")]
use super::limits;
use super::{Whole, values};

/// The default of `shared_counts.bytes`.
pub const DEFAULT_SHARED_BYTES: u32 = 64 << 20;

/// One of `caps`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"name\": \"requests\", \"limits\": {\"per_minute\": 60}}"
)]
pub struct Cap {
    /// 1 to 64 letters, digits, `-` and `_`; shown in refusals, fields and statistics; each once.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$")))]
    pub name: String,
    /// Route patterns; the cap counts only requests that match one. Public routes are never counted. None: all others.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(length(min = 1), inner(regex(pattern = limits::ROUTE)))
    )]
    pub routes: Option<Vec<String>>,
    /// What one account may use.
    pub limits: Limits,
    /// Limits of single accounts, field by field: `{acme: {per_minute: 600, per_day: null}}`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = {})))]
    pub accounts: BTreeMap<String, Limits>,
}

/// Limits, each a number; `null` or left out: no limit, and for a single account, left out: the cap's own. `0`: none pass.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"per_minute\": 60}"
)]
pub struct Limits {
    /// Requests under way, each from its admission until its stream ends, however it ends. Server-sent events and a websocket
    /// hold their place all along. An internal redirect is a new request, and gives the first one's place back; it comes with
    /// the headers as the gate changed them, so it needs `forward_authorization` to pass again.
    #[serde(default, deserialize_with = "values::written")]
    pub concurrent: Option<Option<Whole>>,
    /// Requests admitted in the minute of the clock (UTC).
    #[serde(default, deserialize_with = "values::written")]
    pub per_minute: Option<Option<Whole>>,
    /// Requests admitted in the hour of the clock (UTC).
    #[serde(default, deserialize_with = "values::written")]
    pub per_hour: Option<Option<Whole>>,
    /// Requests admitted in the day of the clock (UTC).
    #[serde(default, deserialize_with = "values::written")]
    pub per_day: Option<Option<Whole>>,
}

/// What the counts of all caps may take in the memory that the workers share.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"bytes\": 67108864}"
)]
pub struct SharedCounts {
    /// The most that the counts take, in bytes, whatever accounts come. The least has room for names of 63 bytes and eight
    /// workers; with longer names or more workers take more, and with more than two caps it is somewhat more itself.
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = limits::LEAST_SHARED_BYTES, max = limits::MOST_SHARED_BYTES))
    )]
    pub bytes: Whole,
}

impl Default for SharedCounts {
    fn default() -> Self {
        Self {
            bytes: Whole(DEFAULT_SHARED_BYTES),
        }
    }
}
