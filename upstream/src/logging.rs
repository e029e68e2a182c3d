//! The log: lines on stderr, because stdout has the one line that says where the service listens.

use std::env;
use std::io::{self, IsTerminal};

use tracing::Level;

/// The environment variable with the level: error, warn, info (the default), debug or trace.
const VARIABLE: &str = "TOLLGATE_LOG";

/// Writes the log to stderr from now on. A log that is set up already stays as it is.
pub fn log_to_stderr() {
    let level = env::var(VARIABLE).ok().and_then(|level| level.parse().ok());
    // A log that exists is what the caller wants.
    let _ = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(level.unwrap_or(Level::INFO))
        .try_init();
}
