//! What holds for every input of the rules, one function a question. Each panics where it does not hold.
//!
//! The fuzz targets in `policy/fuzz` feed them with whatever libFuzzer finds; `tests/corpus.rs` runs them over the
//! corpora and over what was found before. Inputs are lines of text where that goes deeper than raw bytes would: a
//! token's header and claims, which the property signs, say.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a property that does not hold panics"
)]

pub mod account;
pub mod api_key;
pub mod claims;
pub mod configuration;
pub mod decision;
pub mod directory;
pub mod introspection;
pub mod json;
pub mod jwk_set;
pub mod jwt;
pub mod path;
pub mod route;
pub mod world;

/// A question, and what must hold for every input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzz target, and of its folder in the corpus.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target {
        name: "account",
        check: account::check,
    },
    Target {
        name: "api_key",
        check: api_key::check,
    },
    Target {
        name: "claims",
        check: claims::check,
    },
    Target {
        name: "configuration",
        check: configuration::check,
    },
    Target {
        name: "decision",
        check: decision::check,
    },
    Target {
        name: "directory",
        check: directory::check,
    },
    Target {
        name: "introspection",
        check: introspection::check,
    },
    Target {
        name: "json",
        check: json::check,
    },
    Target {
        name: "jwk_set",
        check: jwk_set::check,
    },
    Target {
        name: "jwt",
        check: jwt::check,
    },
    Target {
        name: "path",
        check: path::check,
    },
    Target {
        name: "route",
        check: route::check,
    },
];

/// The first line, and what is behind it.
fn line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, b""),
    }
}

/// Text that ends up in a log: one line, and not endless.
fn assert_fits_a_log(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.len() < 4096, "{} bytes: {text:.200?}", text.len());
}
