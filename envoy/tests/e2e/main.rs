//! End to end: the real Envoy with the real filter, PostgreSQL and the upstream; and what the harness promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod account_directory;
mod accounts;
mod admin;
mod algorithms;
mod api_keys;
mod attack;
mod bench;
mod browser;
mod calls;
mod caps;
mod caps_concurrent;
mod caps_endings;
mod caps_load;
mod caps_reload;
mod caps_told;
mod caps_trap;
mod chaos;
mod check;
mod configuration;
mod configurations;
mod cors;
mod database;
mod demo;
mod direct;
mod directory;
mod discovery;
mod documents;
mod dynamic;
mod explain;
mod holding;
mod identity;
mod isolation;
mod issuer;
mod issuer_faults;
mod keys;
mod lifecycle;
mod logs;
mod manifests;
mod monitoring;
mod neighbours;
mod openapi;
mod package;
mod paths;
mod pgbouncer;
mod places;
mod public;
mod reload;
mod restart;
mod rotation;
mod servers;
mod signatures;
mod soak;
mod statistics;
mod status;
mod streams;
mod supervise;
mod thousand;
mod tokens;
mod upstream;
mod upstream_keys;
mod upstream_widget;
mod world;
