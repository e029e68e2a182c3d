//! The real `tollgate.wasm` on wasmtime, under a host of our own: every call to the host is seen, and can fail.
//!
//! What runs is the artifact that Envoy loads. The host behaves as Envoy 1.40 does where the filter can tell
//! (proxy-wasm ABI 0.2.1, `proxy-wasm-cpp-host`), and misbehaves where a test says so.
//!
//! - [`World`] is what all workers of one Envoy share: clock, shared data, environment.
//! - [`Worker`] is one virtual machine: give it requests, ticks and answers to its callouts.
//! - [`Threads`] is all virtual machines of one Envoy at once.
//! - [`Faults`] makes calls to the host fail or lie.
//! - [`costs`] counts what each kind of request costs.
//! - [`replay`] sends one request with everything around it given, for `cargo tollgate explain`.
//!
//! ```no_run
//! use host_tests::{Request, Token, World, configuration};
//!
//! let world = World::new();
//! let mut worker = world.worker(&configuration::inline());
//! let request = Request::get("/api/v1/agents").account("acme").bearer(&Token::good().signed());
//! assert_eq!(worker.request(request).summary(), "forwarded");
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unnecessary_wraps,
    reason = "for tests only: what is wrong here must stop the test; and all host functions have one type"
)]

mod artifact;
pub mod configuration;
pub mod costs;
mod fault;
mod headers;
mod host;
mod module;
mod outcome;
pub mod replay;
mod request;
mod shared;
mod signature;
pub mod status;
mod threads;
mod tokens;
mod worker;
mod world;

pub use artifact::module_size;
pub use fault::{Fault, Faults, Lie};
pub use headers::Headers;
pub use host::callouts::{Answer, Callout};
pub use host::metrics::Statistics;
pub use host::{Allocated, Call, Host, MemoryLimit};
pub use module::{FUEL, exports, imports};
pub use outcome::{Outcome, Reply};
pub use request::Request;
pub use shared::SharedData;
pub use signature::VerifySignature;
pub use threads::Threads;
pub use tokens::{ALGORITHMS, Token, full_key_set, jwk, key_set, other_jwk};
pub use worker::{StreamId, Worker};
pub use world::{Clock, World};
