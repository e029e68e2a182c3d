//! The filter as Envoy loads it, under a host of our own. One binary: the module is compiled once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod algorithms;
mod any_bytes;
mod api_keys;
mod assertion;
mod budget;
mod caps;
mod configure;
mod cost;
mod decision;
mod directory;
mod directory_faults;
mod directory_fetch;
mod election;
mod faulty_host;
mod fetch_races;
mod forged;
mod grpc;
mod keys;
mod life;
mod lying_host;
mod news;
mod no_memory;
mod not_ready;
mod odd_calls;
mod reload;
mod replay;
mod shared_record;
mod stream_ends;
mod token_cache;
mod unknown_key;
mod waiting;
