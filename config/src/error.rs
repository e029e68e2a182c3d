//! What is wrong with a configuration.

use crate::quote::quoted;

/// The most of a place and of what is wrong there that an error has, in characters.
const LONGEST_PATH: usize = 160;
const LONGEST_MESSAGE: usize = 800;

/// What is wrong with a configuration: where, what was found, and what to write.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ConfigError {
    path: String,
    message: String,
}

// === impl ConfigError ===

impl ConfigError {
    /// `path` is the member's, such as `issuers[0].jwks`. Both may have what was written in them.
    #[cold]
    #[inline(never)]
    pub fn new(path: &str, message: impl ToString) -> Self {
        Self::of(path, &message.to_string())
    }

    /// The member's path, such as `issuers[0].jwks`; `configuration` for the whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was found there, and what to write.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn of(path: &str, message: &str) -> Self {
        Self {
            // Names and values that were written are in both, and the log must stay one line.
            path: quoted(path, LONGEST_PATH),
            message: quoted(message, LONGEST_MESSAGE),
        }
    }
}
