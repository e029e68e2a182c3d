//! Where things are: the workspace's folder and cargo's target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use serde_json::Value;

/// The workspace's folder.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Cargo's target folder: `target` unless the user has another.
pub fn target() -> &'static Path {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    TARGET.get_or_init(|| {
        around_us()
            .or_else(by_cargo)
            .unwrap_or_else(|| root().join("target"))
    })
}

/// The folder that cargo built us in; it marks it with a `CACHEDIR.TAG`.
fn around_us() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let marked = |folder: &&Path| {
        fs::read_to_string(folder.join("CACHEDIR.TAG")).is_ok_and(|tag| tag.contains("cargo"))
    };
    program.ancestors().find(marked).map(Path::to_owned)
}

fn by_cargo() -> Option<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .ok()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).ok()?;
    metadata
        .get("target_directory")?
        .as_str()
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_the_one_we_were_built_in() {
        assert!(env::current_exe().unwrap().starts_with(target()));
        assert_eq!(target(), around_us().unwrap());
    }

    #[test]
    fn the_root_has_the_workspace() {
        assert!(root().join("envoy/Cargo.toml").exists());
    }
}
