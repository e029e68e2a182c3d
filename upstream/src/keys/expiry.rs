//! How long a new key is good for.

use serde::Deserialize;
use utoipa::ToSchema;

/// One of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum Expiry {
    #[serde(rename = "never")]
    Never,
    #[serde(rename = "1y")]
    Year,
    #[serde(rename = "90d")]
    Days90,
    #[serde(rename = "30d")]
    Days30,
}

// === impl Expiry ===

impl Expiry {
    /// As PostgreSQL reads an interval; none: for ever.
    pub(crate) fn interval(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::Year => Some("1 year"),
            Self::Days90 => Some("90 days"),
            Self::Days30 => Some("30 days"),
        }
    }
}
