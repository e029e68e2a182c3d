//! Chromium: `$TOLLGATE_CHROMIUM`, else what PATH has.

use std::env;
use std::path::PathBuf;

use super::{ToolError, Tools, is_executable, on_path};

const VARIABLE: &str = "TOLLGATE_CHROMIUM";

/// The names under which systems have it.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

impl Tools {
    /// A browser, for the tests that need one.
    pub fn chromium(&self) -> Result<PathBuf, ToolError> {
        match env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            Some(named) => {
                let path = PathBuf::from(named);
                if is_executable(&path) {
                    return Ok(path);
                }
                Err(ToolError::Named {
                    variable: VARIABLE,
                    path: path.display().to_string(),
                    problem: "is not a program",
                })
            }
            None => PROGRAMS.into_iter().find_map(on_path).ok_or(ToolError::Missing {
                what: "Chromium",
                instead: "install it (Debian: `apt install chromium`) or name it in $TOLLGATE_CHROMIUM",
            }),
        }
    }
}
