//! What was found, and how it is said.

use std::fmt;

use serde_json::{Value, json};

use super::warnings::Warning;
use crate::carrier::document::Mark;
use crate::carrier::place::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The filter, or Envoy, refuses it.
    Error,
    /// It is taken, and dangerous.
    Warning(Warning),
    /// What could not be looked at.
    Note,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Where in the file.
    pub mark: Mark,
    /// What it is called there; empty for a whole document.
    pub path: String,
    /// What was found; what to write.
    pub message: String,
}

/// The finding with its file, for people.
pub struct Shown<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Its file, as it was named.
    pub file: &'a str,
    /// Whether a terminal shows it.
    pub in_colour: bool,
}

// === impl Finding ===

impl Finding {
    /// Something that is refused.
    pub fn error(mark: Mark, path: &str, message: impl ToString) -> Self {
        Self::new(Level::Error, mark, path, message)
    }

    /// Something dangerous at a place.
    pub fn warning(warning: Warning, at: &Place<'_>, message: impl ToString) -> Self {
        Self::new(Level::Warning(warning), at.mark, &at.path, message)
    }

    /// What could not be looked at.
    pub fn note(at: &Place<'_>, message: impl ToString) -> Self {
        Self::new(Level::Note, at.mark, &at.path, message)
    }

    fn new(level: Level, mark: Mark, path: &str, message: impl ToString) -> Self {
        Self {
            level,
            mark,
            path: path.to_owned(),
            message: message.to_string(),
        }
    }

    /// For programs.
    pub fn json(&self, file: &str) -> Value {
        let name = match self.level {
            Level::Warning(warning) => Some(warning.name()),
            Level::Error | Level::Note => None,
        };
        json!({
            "file": file,
            "line": self.mark.line,
            "column": self.mark.column,
            "level": self.level.name(),
            "warning": name,
            "path": self.path,
            "message": self.message,
        })
    }
}

// === impl Level ===

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning(_) => "warning",
            Self::Note => "note",
        }
    }

    /// ANSI's red, yellow and cyan, bold.
    fn colour(self) -> &'static str {
        match self {
            Self::Error => "\x1b[1;31m",
            Self::Warning(_) => "\x1b[1;33m",
            Self::Note => "\x1b[1;36m",
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { finding, file, .. } = self;
        let (colour, plain) = if self.in_colour {
            (finding.level.colour(), "\x1b[0m")
        } else {
            ("", "")
        };
        let level = finding.level.name();
        write!(f, "{file}:{}: {colour}{level}{plain}: ", finding.mark)?;
        if !finding.path.is_empty() {
            write!(f, "{}: ", finding.path)?;
        }
        f.write_str(&finding.message)?;
        if let Level::Warning(warning) = finding.level {
            write!(f, " [{}]", warning.name())?;
        }
        Ok(())
    }
}
