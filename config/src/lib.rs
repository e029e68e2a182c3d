//! The configuration as it is written: from JSON's values to fields, each of its type.
//!
//! What the fields mean together is in `tollgate_policy::config`. This crate runs only when the filter is configured, and
//! is compiled to be small: all that serde generates for these types is instantiated in here.
#![forbid(unsafe_code)]

mod error;
pub mod protobuf;
mod quote;
mod reader;
#[cfg(feature = "schema")]
mod schema;
mod written;

use serde_json::{Map, Value};

pub use self::error::ConfigError;
pub use self::quote::quoted;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::written::{
    ALGORITHMS, LEAST_INTROSPECTIONS, LEAST_SHARED_BYTES, MOST_CACHED_BYTES, MOST_CACHED_TOKENS,
    MOST_CAPS, MOST_INTROSPECTIONS, MOST_SHARED_BYTES, MOST_TOKEN_BYTES,
};
pub use self::written::{
    Access, Accounts, Admin, ApiKeys, Assertion, Cap, Configuration, Directory, Errors,
    FilterState, Format, Introspection, IntrospectionCache, Issuer, Jwks, Limits, Membership,
    MembershipClaim, Mode, Route, Shape, SharedCounts, Span, TokenCache, Whole,
};
pub use self::written::{DEFAULT_ACCOUNT_PATTERN, DEFAULT_SHARED_BYTES};

/// Reads all of it.
///
/// # Errors
///
/// The first thing that is wrong: where, what was found, and what was expected.
pub fn read(members: Map<String, Value>) -> Result<Configuration, ConfigError> {
    reader::read(Value::Object(members)).map_err(|(path, message)| {
        // A member without a name is at no place that it could name.
        ConfigError::new(path.as_deref().unwrap_or("configuration"), message)
    })
}

/// Reads what an account has of its own under one cap: the form of `caps[].accounts`, which the directory has too.
///
/// # Errors
///
/// What is wrong with it, in one line of any length.
pub fn limits_of_an_account(written: Value) -> Result<Limits, String> {
    if !written.is_object() {
        return Err("write an object such as {\"per_minute\": 60}".to_owned());
    }
    reader::read(written).map_err(|(path, message)| match path {
        Some(path) => format!("{path}: {message}"),
        None => message,
    })
}
