//! Builds the filter as Envoy gets it. Cargo sees to it that nothing is built twice.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip1";

/// The module's bytes: built from this workspace, or the file in `TOLLGATE_WASM`.
pub(crate) fn bytes() -> Vec<u8> {
    let path = env::var_os("TOLLGATE_WASM").map_or_else(build, PathBuf::from);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// In bytes.
pub fn module_size() -> usize {
    bytes().len()
}

fn build() -> PathBuf {
    let target = target_folder();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--target", TARGET])
        .args(["--package", "tollgate-plugin", "--target-dir"])
        .arg(&target)
        .current_dir(workspace())
        .output()
        .unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(
        output.status.success(),
        "the filter could not be built (where the target is missing: rustup target add {TARGET}):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target.join(TARGET).join("release/tollgate.wasm")
}

pub(crate) fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that cargo built this test in, wherever `CARGO_TARGET_DIR` says; cargo marks it with a tag.
fn target_folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map_or_else(|| workspace().join("target"), Path::to_owned)
}
