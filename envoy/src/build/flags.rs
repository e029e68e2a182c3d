//! What keeps the paths of the machine out of the module, so that the same sources make the same bytes everywhere.
//!
//! A panic's message has the path of the source that it comes from: for a dependency, one below cargo's own folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::{BuildError, Site, TARGET};

/// What stands in the module for the folder that has the sources of all dependencies, the one of what the build makes, and the
/// workspace's.
const DEPENDENCIES: &str = "crates";
const MADE: &str = "target";
const WORKSPACE: &str = "tollgate";

/// The setting for cargo's `--config`, which adds to what is in `.cargo/config.toml`.
pub(super) fn setting(site: Site<'_>) -> Result<String, BuildError> {
    // Of several that fit, rustc takes the last.
    let mut flags = vec![remap(site.root, WORKSPACE), remap(site.target, MADE)];
    let folders = dependencies(site)?;
    flags.extend(folders.iter().map(|folder| remap(folder, DEPENDENCIES)));
    // A string of JSON is one of TOML too.
    let flags = Value::from(flags);
    Ok(format!("target.{TARGET}.rustflags={flags}"))
}

fn remap(folder: &Path, name: &str) -> String {
    format!("--remap-path-prefix={}={name}", folder.display())
}

/// The folders that have dependencies' sources, each in a folder of its own: one for each registry.
fn dependencies(site: Site<'_>) -> Result<BTreeSet<PathBuf>, BuildError> {
    let output = site
        .cargo()
        .args(["metadata", "--format-version", "1"])
        .args(["--filter-platform", TARGET])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        return Err(BuildError::Cargo(output.status));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| BuildError::Packages(error.to_string()))?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages =
        packages.ok_or_else(|| BuildError::Packages("there is no `packages`".to_owned()))?;
    Ok(packages.iter().filter_map(registry_folder).collect())
}

/// The folder around the package's; none for a package of the workspace.
fn registry_folder(package: &Value) -> Option<PathBuf> {
    package.get("source")?.as_str()?;
    let manifest = Path::new(package.get("manifest_path")?.as_str()?);
    Some(manifest.parent()?.parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dependency_is_below_its_registrys_folder_and_we_are_not() {
        let package = |source: Value| json!({"source": source, "manifest_path": "/c/src/index/a-1/Cargo.toml"});
        let registry = json!("registry+https://index");
        let folder = registry_folder(&package(registry));
        assert_eq!(folder.as_deref(), Some(Path::new("/c/src/index")));
        assert_eq!(registry_folder(&package(Value::Null)), None);
    }
}
