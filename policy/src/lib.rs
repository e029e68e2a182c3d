//! The rules of the account gate, and nothing else.
#![forbid(unsafe_code)]

pub mod account;
pub mod algorithm;
pub mod api_key;
pub mod assertion;
pub mod caps;
pub mod config;
pub mod credential;
pub mod decide;
pub mod digest;
pub mod directory;
pub mod fetching;
pub mod forward;
pub mod identity;
pub mod introspection;
pub mod issuer;
pub mod json;
pub mod key_source;
pub mod keys;
pub mod membership;
pub mod path;
pub mod principal;
pub mod refusal;
pub mod request;
pub mod route;
pub mod signature;
#[cfg(test)]
mod testing;
pub mod token;
pub mod uri;
