//! The commands that put the whole to the test, each with a short form in the end-to-end tests.

pub mod accounts;
pub mod bench;
pub mod caps;
pub mod chaos;
pub mod configurations;
pub mod fuzz;
pub mod soak;
pub mod storm;
