//! Builds the filter: `target/tollgate.wasm`, the same bytes in every folder with the toolchain of `rust-toolchain.toml`.

mod flags;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::progress::Progress;
use crate::workspace;

/// What the filter is built for.
pub(crate) const TARGET: &str = "wasm32-wasip1";

/// The filter's package, and the name of its module.
pub(crate) const FILTER: (&str, &str) = ("tollgate-plugin", "tollgate");

/// Why there is no filter. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Rust's standard library for the target is missing, and nothing here can add it.
    #[error(
        "Rust's {TARGET} target is missing and could not be added ({problem}); run `rustup target add {TARGET}`, or install your distribution's package for it"
    )]
    Target {
        /// What rustup says.
        problem: String,
    },
    /// Cargo cannot be started.
    #[error("`cargo` could not be started ({0}); install Rust from https://rustup.rs")]
    NoCargo(io::Error),
    /// The build failed; cargo has said why.
    #[error("the filter could not be built (cargo: {0}); cargo says why above")]
    Cargo(ExitStatus),
    /// The build of a program failed; cargo has said why.
    #[error("a program of the workspace could not be built (cargo: {0}); cargo says why above")]
    Program(ExitStatus),
    /// Cargo's list of packages is not what it should be.
    #[error(
        "`cargo metadata` lists no packages ({0}); is this the cargo of the Rust that `rust-toolchain.toml` names?"
    )]
    Packages(String),
    /// The module cannot be put in its place.
    #[error("{} cannot be written ({source}); make room there or change its owner", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Where a build happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// The workspace's folder.
    pub(crate) root: &'a Path,
    /// What is built is put here.
    pub(crate) target: &'a Path,
    /// Where cargo has the sources of dependencies; none for where it always has.
    pub(crate) cargo_home: Option<&'a Path>,
}

/// Builds the filter if it is not fresh, and returns the module's path. Cargo shows its progress itself.
pub fn filter(progress: &Progress) -> Result<PathBuf, BuildError> {
    let (package, name) = FILTER;
    module(progress, package, name)
}

/// The filter for tests of what a failure leaves behind: whoever sends it the header `x-tollgate-trap` ends the virtual
/// machine of the worker. It is built in a folder of its own, where nobody looks for the one that is shipped.
pub fn trapping_filter(progress: &Progress) -> Result<PathBuf, BuildError> {
    let (package, name) = FILTER;
    let folder = workspace::target().join("trap");
    let site = Site::here(&folder);
    site.build(progress, package, name, &["--features", "trap"])
}

/// The same as [`filter`] for any package of the workspace whose library is a module of this name.
pub fn module(progress: &Progress, package: &str, name: &str) -> Result<PathBuf, BuildError> {
    Site::here(workspace::target()).build(progress, package, name, &[])
}

/// Builds a program of another package of the workspace for this machine, if it is not fresh, and returns its path. Cargo
/// shows its progress itself.
pub fn program(package: &str, name: &str) -> Result<PathBuf, BuildError> {
    let folder = workspace::target();
    let status = cargo()
        .args(["build", "--package", package, "--bin", name, "--target-dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(BuildError::NoCargo)?;
    if !status.success() {
        return Err(BuildError::Program(status));
    }
    Ok(folder.join("debug").join(name))
}

// === impl Site ===

impl<'a> Site<'a> {
    /// This workspace.
    fn here(target: &'a Path) -> Self {
        Self {
            root: workspace::root(),
            target,
            cargo_home: None,
        }
    }

    /// Builds the filter.
    pub(crate) fn filter(self, progress: &Progress) -> Result<PathBuf, BuildError> {
        let (package, name) = FILTER;
        self.build(progress, package, name, &[])
    }

    fn build(
        self,
        progress: &Progress,
        package: &str,
        name: &str,
        arguments: &[&str],
    ) -> Result<PathBuf, BuildError> {
        if !has_target() {
            progress.step("adding Rust's wasm32-wasip1 target", add_target)?;
        }
        let status = self
            .cargo()
            .args(["build", "--release", "--target", TARGET])
            .args(["--package", package])
            .args(arguments)
            .arg("--config")
            .arg(flags::setting(self)?)
            // Wherever cargo would put it, we know where it is.
            .arg("--target-dir")
            .arg(self.target)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(BuildError::NoCargo)?;
        if !status.success() {
            return Err(BuildError::Cargo(status));
        }
        let file = format!("{name}.wasm");
        let built = self.target.join(TARGET).join("release").join(&file);
        let module = self.target.join(file);
        let placed = fs::read(&built).and_then(|built| place(&built, &module));
        placed.map_err(|source| BuildError::Place {
            path: module.clone(),
            source,
        })?;
        Ok(module)
    }

    /// Cargo, in the workspace.
    fn cargo(self) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(self.root);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(makes_another_module) {
                cargo.env_remove(name);
            }
        }
        if let Some(home) = self.cargo_home {
            cargo.env("CARGO_HOME", home);
        }
        cargo
    }
}

/// Whether a variable would take the place of what `.cargo/config.toml` and the profile say.
fn makes_another_module(variable: &str) -> bool {
    variable.ends_with("RUSTFLAGS") || variable.starts_with("CARGO_PROFILE_RELEASE_")
}

fn has_target() -> bool {
    in_workspace("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .is_ok_and(|output| {
            let folder = String::from_utf8_lossy(&output.stdout);
            output.status.success() && Path::new(folder.trim()).exists()
        })
}

fn add_target() -> Result<(), BuildError> {
    let output = in_workspace("rustup")
        .args(["target", "add", TARGET])
        .output()
        .map_err(|error| BuildError::Target {
            problem: format!("rustup: {error}"),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(BuildError::Target {
        problem: last.unwrap_or("rustup gave no reason").to_owned(),
    })
}

/// Cargo, in this workspace.
pub(crate) fn cargo() -> Command {
    // Set where cargo itself started us.
    let cargo = std::env::var_os("CARGO");
    in_workspace(cargo.as_deref().unwrap_or("cargo".as_ref()))
}

/// There, rustup takes the workspace's toolchain.
pub(crate) fn in_workspace(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// Writes, so that readers see the old file or the new one, and never half of one.
fn place(built: &[u8], module: &Path) -> io::Result<()> {
    let lock = File::create(module.with_extension("wasm.lock"))?;
    lock.lock()?;
    let partial = module.with_extension("wasm.partial");
    fs::write(&partial, built)?;
    fs::rename(&partial, module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_do_not_change_the_module() {
        for variable in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL",
        ] {
            assert!(makes_another_module(variable), "{variable}");
        }
        assert!(!makes_another_module("CARGO_HOME"));
    }

    #[test]
    fn the_module_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("m.wasm");
        for content in ["first", "second"] {
            place(content.as_bytes(), &module).unwrap();
            assert_eq!(fs::read_to_string(&module).unwrap(), content);
        }
        assert!(!folder.path().join("m.wasm.partial").exists());
    }
}
