//! The rules of the account gate, and nothing else.
#![forbid(unsafe_code)]

pub mod account;
pub mod assertion;
pub mod refusal;
