//! Tollgate in Envoy: the reference configuration, and the harness that runs the real thing.
//!
//! The `tollgate` command and the end-to-end tests are both made of these modules.
#![forbid(unsafe_code)]

pub mod browser;
pub mod build;
pub mod carrier;
pub mod check;
pub mod client;
pub mod config;
pub mod demo;
pub mod derive;
pub mod echo;
pub mod envoy;
pub mod explain;
pub mod hostile;
pub mod introspection;
pub mod issuer;
pub mod matrix;
pub mod minute;
pub mod net;
pub mod output;
pub mod package;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod prometheus;
pub mod random;
pub mod schema;
pub mod scripted;
pub mod server;
pub mod stack;
pub mod tools;
pub mod trials;
pub mod upstream;
pub mod workspace;
