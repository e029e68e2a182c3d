//! `tollgate storm`: random requests, and people who hang up, against the real Envoy.

pub mod http2;
pub mod mirror;
