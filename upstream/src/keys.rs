//! Long-lived keys: made here, shown once, and stored as hashes only.

pub(crate) mod api_key;
mod expiry;
pub(crate) mod introspection;
mod last_use;
mod mint;
mod pepper;

pub(crate) use expiry::Expiry;
pub(crate) use last_use::{LastUses, Used};
pub(crate) use mint::{KeyTooMany, Minted, Plaintext};
pub(crate) use pepper::{KeyHash, Pepper};

/// What the text of an API key begins with.
pub(crate) const API_KEY: &str = "sk_live_";

/// What the text of a widget's key begins with.
pub(crate) const WIDGET_KEY: &str = "pk_live_";

/// Keys that an account can have, of either kind.
pub(crate) const MOST: i64 = 100;
