//! Accounts from the first to the last, and their schema; each test with a PostgreSQL of its own.

mod creation;
mod deletion;
mod list;
mod migrate;
mod world;
