//! PgBouncer: `$TOLLGATE_PGBOUNCER`, else what PATH or `/usr/sbin` has, else Debian's package, which is unpacked and not
//! installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::{ToolError, Tools, is_executable, on_path};

/// Names the program.
const VARIABLE: &str = "TOLLGATE_PGBOUNCER";

/// Where Debian installs it, which is on root's PATH only.
const INSTALLED: &str = "/usr/sbin/pgbouncer";

/// The package's place in the cache.
const CACHED: &str = "pgbouncer";

const INSTEAD: &str = "install PgBouncer (Debian: `apt install pgbouncer`)";

/// What a system without PgBouncer may lack of its libraries; the package names them by their versions.
const LIBRARIES: [&str; 2] = ["libevent", "libc-ares"];

/// PgBouncer's program.
#[derive(Clone, Debug)]
pub struct PgbouncerTool {
    /// The program.
    pub program: PathBuf,
    /// The folder with the program and the libraries that are not the system's.
    pub whole: Option<PathBuf>,
}

// === impl Tools ===

impl Tools {
    /// PgBouncer's program.
    pub fn pgbouncer(&self) -> Result<PgbouncerTool, ToolError> {
        if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            let program = std::path::absolute(&named).ok();
            let program = program.filter(|program| is_executable(program));
            let program = program.ok_or_else(|| ToolError::Named {
                variable: VARIABLE,
                path: Path::new(&named).display().to_string(),
                problem: "is no program",
            })?;
            return Ok(PgbouncerTool {
                program,
                whole: None,
            });
        }
        let installed = Some(PathBuf::from(INSTALLED)).filter(|file| is_executable(file));
        match on_path("pgbouncer").or(installed) {
            Some(program) => Ok(PgbouncerTool {
                program,
                whole: None,
            }),
            None => self.unbroken(CACHED, || self.unpacked_pgbouncer().and_then(usable)),
        }
    }

    fn unpacked_pgbouncer(&self) -> Result<PgbouncerTool, ToolError> {
        let folder = self.cached(CACHED, |partial| {
            self.progress
                .step("downloading PgBouncer (1 MB)", || unpack(partial))
        })?;
        Ok(PgbouncerTool {
            program: folder.join("pgbouncer"),
            whole: Some(folder),
        })
    }
}

fn unpack(folder: &Path) -> Result<(), ToolError> {
    let problem = |problem| ToolError::Package {
        what: "PgBouncer",
        problem,
        instead: INSTEAD,
    };
    let download = folder.join("download");
    let cache = |source| ToolError::Cache {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir(&download).map_err(cache)?;
    run(&download, "apt-get", &["download", "pgbouncer"]).map_err(problem)?;
    let package = named(&download, "pgbouncer").map_err(cache)?;
    let package = package.to_string_lossy();
    let depends = run(&download, "dpkg-deb", &["-f", &package, "Depends"]).map_err(problem)?;
    let mut wanted = vec!["download"];
    wanted.extend(libraries(&depends));
    run(&download, "apt-get", &wanted).map_err(problem)?;
    for package in fs::read_dir(&download).map_err(cache)? {
        let package = package.map_err(cache)?.path();
        let package = package.to_string_lossy();
        if package.ends_with(".deb") {
            run(folder, "dpkg-deb", &["-x", &package, "download/all"]).map_err(problem)?;
        }
    }
    gather(&download.join("all"), folder).map_err(cache)?;
    fs::remove_dir_all(&download).map_err(cache)
}

/// Those of the packages in a `Depends` field that are not on every system.
fn libraries(depends: &str) -> impl Iterator<Item = &str> {
    // Of alternatives, the first.
    let packages = depends.split(',').filter_map(|one| one.split('|').next());
    let names = packages.filter_map(|package| package.split_whitespace().next());
    names.filter(|name| LIBRARIES.iter().any(|library| name.starts_with(library)))
}

fn named(folder: &Path, prefix: &str) -> io::Result<PathBuf> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let is_named = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(prefix)
    };
    files
        .into_iter()
        .find(is_named)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Copies the program and the libraries side by side.
fn gather(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            gather(&path, to)?;
        } else if text.contains(".so.") || path.ends_with("usr/sbin/pgbouncer") {
            // A link to a library is copied as what it leads to.
            fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}

/// What the command printed; the end of a sentence about why not.
fn run(folder: &Path, program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no `{program}` to fetch it with: use Debian or Ubuntu")
        }
        _ => format!("`{program}` does not start ({error}): mend that"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or_default();
    Err(format!(
        "`{program} {}` failed ({said}): run `apt-get update`, check the network and try again",
        args.join(" ")
    ))
}

/// A library may be missing that every Debian has.
fn usable(tool: PgbouncerTool) -> Result<PgbouncerTool, ToolError> {
    let mut command = Command::new(&tool.program);
    if let Some(whole) = &tool.whole {
        command.env("LD_LIBRARY_PATH", whole);
    }
    let problem = match command.arg("--version").output() {
        Ok(output) if output.status.success() => return Ok(tool),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            said.lines()
                .next()
                .unwrap_or("`--version` fails")
                .to_owned()
        }
        Err(error) => error.to_string(),
    };
    Err(ToolError::Broken {
        path: tool.program,
        problem,
        instead: INSTEAD,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_named_by_the_package() {
        for (depends, expected) in [
            (
                "libc-ares2 (>= 1.11.0), libc6 (>= 2.34), libevent-2.1-7 (>= 2.1.8), libpam0g",
                vec!["libc-ares2", "libevent-2.1-7"],
            ),
            (
                "libc-ares2t64 | libc-ares2,\n libevent-2.1-7t64",
                vec!["libc-ares2t64", "libevent-2.1-7t64"],
            ),
        ] {
            assert_eq!(libraries(depends).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_missing_program_is_one_sentence() {
        let error = run(Path::new("/"), "apt-nowhere", &["download"]).unwrap_err();
        assert!(error.starts_with("there is no `apt-nowhere`"), "{error}");
    }
}
