//! The service behind the account gate.
//!
//! It turns the account that the gate verified into a connection to that account's own PostgreSQL database. Two of
//! its parts are for any axum service: the witness of a verified account ([`identity`]), and the bounded pools of
//! connections that take it ([`pool`], [`database`]).
//!
//! The service as a whole is [`serve`] with [`Options`]; [`migrate`] brings the databases of all accounts up to date.

mod accounts;
mod api;
mod bound;
mod calls;
pub mod database;
mod dev;
mod error;
pub mod identity;
mod issuer;
mod keys;
mod logging;
mod migrate;
mod options;
pub mod pool;
pub mod problem;
mod secrets;
mod server;
mod stop;
mod upkeep;
mod widget;

pub use api::document::text as openapi;
pub use dev::{EnvoyAdmin, NotLoopback};
pub use error::Error;
pub use logging::log_to_stderr;
pub use migrate::{Migrated, migrate};
pub use options::{DatabaseOptions, DatabaseUrl, MigrateOptions, NamedUrl, Options};
pub use secrets::Secrets;
pub use server::{Service, serve};
