//! Tollgate as a proxy-wasm filter: reads headers, keeps keys and counters, calls out, answers.
//!
//! What to do with a request is decided in `tollgate-policy`; here is only what has to do with the host.

mod account_directory;
mod answer;
mod budget;
mod counters;
mod counting;
mod dispatcher;
mod environment;
mod exports;
mod fetched;
mod gate;
mod host;
mod introspections;
mod issuer_keys;
mod news;
mod root;
mod signature;
mod stream;
#[cfg(feature = "trap")]
mod trap;
mod under_way;
mod waiting;
