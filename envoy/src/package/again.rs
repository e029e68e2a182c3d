//! A second build, elsewhere: whether the module has the same bytes.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::build::{BuildError, Site};
use crate::process::Scratch;
use crate::progress::Progress;
use crate::workspace;

/// What is not copied: what builds make, and what git keeps.
const NOT_SOURCES: [&str; 3] = ["target", ".git", "node_modules"];

/// Why a second build does not confirm the first.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// It cannot be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The copy cannot be made.
    #[error(
        "a copy of the sources could not be made ({0}); make room in the temporary folder or set TMPDIR to another"
    )]
    Copy(#[from] io::Error),
    /// It is another.
    #[error(
        "a build in another folder is another module: {second} bytes instead of {first}, the first difference at {place:#x}; the second is in {}", kept.display()
    )]
    Differs {
        /// The size of the first, in bytes.
        first: usize,
        /// The size of the second.
        second: usize,
        /// The first byte that differs.
        place: usize,
        /// Where the second one is.
        kept: PathBuf,
    },
}

/// Builds from a copy of the sources in another folder, with another folder for what is downloaded, and compares.
pub(super) fn verify(progress: &Progress, module: &[u8]) -> Result<(), AgainError> {
    let scratch = Scratch::new()?;
    let root = scratch.path().join("a copy/of the sources");
    copy(workspace::root(), &root)?;
    let home = scratch.path().join("home");
    cargo_home(&home)?;
    let built = Site {
        root: &root,
        target: &scratch.path().join("built"),
        cargo_home: Some(&home),
    }
    .filter(progress)?;
    let second = fs::read(built)?;
    if second == module {
        return Ok(());
    }
    let kept = workspace::target().join("tollgate.again.wasm");
    fs::write(&kept, &second)?;
    let same = module.iter().zip(&second).take_while(|(a, b)| a == b);
    Err(AgainError::Differs {
        first: module.len(),
        second: second.len(),
        place: same.count(),
        kept,
    })
}

/// A folder for cargo that has what is downloaded already, by another path.
fn cargo_home(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let Some(home) = home else { return Ok(()) };
    for name in ["registry", "config.toml", "config"] {
        let known = home.join(name);
        if known.exists() {
            symlink(known, folder.join(name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        // The temporary folder may be within the workspace.
        let has_the_copy = to.starts_with(entry.path());
        if has_the_copy || NOT_SOURCES.map(OsStr::new).contains(&name.as_os_str()) {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
