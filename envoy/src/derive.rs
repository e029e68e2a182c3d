//! What follows from `envoy/envoy.yaml` and is written from it, so that it cannot say anything else: the same configuration in files
//! that Envoy watches, and what the manifests for Istio and Envoy Gateway have of it.

pub mod dynamic;
pub mod manifest;
#[cfg(test)]
mod options;
#[cfg(test)]
mod schemas;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes what follows from envoy/envoy.yaml: envoy/dynamic, and in envoy/istio and envoy/gateway the filter's configuration and labels
#[derive(Debug, clap::Args)]
pub struct Derive {}

/// Why something is not written.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The reference has nothing to write.
    #[error("envoy/envoy.yaml has no line `{0}` with something below it")]
    NoPart(&'static str),
    /// A manifest has no place for the configuration.
    #[error("{} has no line `{key}`, below which the configuration belongs", path.display())]
    NoPlace {
        /// The manifest.
        path: PathBuf,
        /// The line.
        key: &'static str,
    },
}

// === impl Derive ===

impl Derive {
    /// Writes all, and returns which files were others before.
    pub fn run(&self) -> Result<Vec<PathBuf>, DeriveError> {
        let mut changed = Vec::new();
        for (path, text) in files()? {
            if fs::read_to_string(&path).is_ok_and(|there| there == text) {
                continue;
            }
            fs::write(&path, text).map_err(file(&path))?;
            changed.push(path);
        }
        Ok(changed)
    }
}

/// All files with their texts, as they should be.
fn files() -> Result<Vec<(PathBuf, String)>, DeriveError> {
    let mut files: Vec<_> = dynamic::files()
        .into_iter()
        .map(|(name, text)| (dynamic::folder().join(name), text))
        .collect();
    for manifest in manifest::ALL {
        files.push((manifest.path(), manifest.text()?));
    }
    Ok(files)
}

fn file(path: &Path) -> impl Fn(io::Error) -> DeriveError {
    let path = path.to_owned();
    move |source| DeriveError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_what_is_there() {
        for (path, text) in files().unwrap() {
            let there = fs::read_to_string(&path).unwrap();
            let path = path.display();
            assert!(there == text, "{path} is old; run `cargo tollgate derive`");
        }
    }
}
