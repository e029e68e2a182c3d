//! End to end: the real Envoy with the real filter, PostgreSQL and the upstream; and what the harness promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod accounts;
mod admin;
mod bench;
mod caps;
mod configuration;
mod demo;
mod identity;
mod isolation;
mod issuer;
mod keys;
mod logs;
mod paths;
mod public;
mod signatures;
mod supervise;
mod tokens;
mod upstream;
mod world;
