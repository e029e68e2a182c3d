//! Widgets: what pages of other sites show of an account, and the tokens of those who visit them.

pub(crate) mod agent;
pub(crate) mod allowlist;
pub(crate) mod caller;
pub(crate) mod key;
mod origin;
mod signing;
pub(crate) mod token;

pub(crate) use origin::PageOrigin;
pub(crate) use signing::WidgetSecret;
