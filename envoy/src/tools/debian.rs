//! Programs from Debian's packages, which are unpacked and not installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::{ToolError, Tools, is_executable, on_path};

/// A program that Debian packages.
#[derive(Debug)]
pub(super) struct Package {
    /// What it is called in messages.
    pub what: &'static str,
    /// The package, and its place in the cache.
    pub name: &'static str,
    /// Names the program.
    pub variable: &'static str,
    /// Where the package has the program.
    pub program: &'static str,
    /// Another program that is needed beside it.
    pub companion: Option<&'static str>,
    /// What a system without it may lack of its libraries; the package names them by their versions.
    pub libraries: &'static [&'static str],
    /// What to download, for the one who waits.
    pub size: &'static str,
    /// What else to do.
    pub instead: &'static str,
}

/// A program.
#[derive(Clone, Debug)]
pub struct DebianTool {
    /// The program.
    pub program: PathBuf,
    /// The folder with all of the package's programs and the libraries that are not the system's.
    pub whole: Option<PathBuf>,
}

// === impl Tools ===

impl Tools {
    /// The user's own, the system's, or the package's.
    pub(super) fn debian(&self, package: &Package) -> Result<DebianTool, ToolError> {
        if let Some(named) = env::var_os(package.variable).filter(|named| !named.is_empty()) {
            let program = std::path::absolute(&named).ok();
            let program = program.filter(|program| is_executable(program));
            let program = program.ok_or_else(|| ToolError::Named {
                variable: package.variable,
                path: Path::new(&named).display().to_string(),
                problem: "is no program",
            })?;
            return Ok(DebianTool {
                program,
                whole: None,
            });
        }
        // Debian may install it where only root's PATH leads.
        let installed = Path::new("/").join(package.program);
        let installed = Some(installed).filter(|file| is_executable(file));
        match on_path(package.file_name()).or(installed) {
            Some(program) => Ok(DebianTool {
                program,
                whole: None,
            }),
            None => self.unbroken(package.name, || {
                self.unpacked(package)
                    .and_then(|tool| usable(package, tool))
            }),
        }
    }

    fn unpacked(&self, package: &Package) -> Result<DebianTool, ToolError> {
        let folder = self.cached(package.name, |partial| {
            let step = format!("downloading {} ({})", package.what, package.size);
            self.progress.step(&step, || unpack(package, partial))
        })?;
        Ok(DebianTool {
            program: folder.join(package.file_name()),
            whole: Some(folder),
        })
    }
}

// === impl Package ===

impl Package {
    fn file_name(&self) -> &'static str {
        let (_, name) = self.program.rsplit_once('/').unwrap_or_default();
        name
    }
}

fn unpack(package: &Package, folder: &Path) -> Result<(), ToolError> {
    let problem = |problem| ToolError::Package {
        what: package.what,
        problem,
        instead: package.instead,
    };
    let download = folder.join("download");
    let cache = |source| ToolError::Cache {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir(&download).map_err(cache)?;
    run(&download, "apt-get", &["download", package.name]).map_err(problem)?;
    let file = named(&download, package.name).map_err(cache)?;
    let file = file.to_string_lossy();
    let depends = run(&download, "dpkg-deb", &["-f", &file, "Depends"]).map_err(problem)?;
    let mut wanted = vec!["download"];
    wanted.extend(libraries(package, &depends));
    if wanted.len() > 1 {
        run(&download, "apt-get", &wanted).map_err(problem)?;
    }
    for file in fs::read_dir(&download).map_err(cache)? {
        let file = file.map_err(cache)?.path();
        let file = file.to_string_lossy();
        if file.ends_with(".deb") {
            run(folder, "dpkg-deb", &["-x", &file, "download/all"]).map_err(problem)?;
        }
    }
    gather(package, &download.join("all"), folder).map_err(cache)?;
    fs::remove_dir_all(&download).map_err(cache)
}

/// Those of the packages in a `Depends` field that are not on every system.
fn libraries<'d>(package: &Package, depends: &'d str) -> impl Iterator<Item = &'d str> {
    // Of alternatives, the first.
    let packages = depends.split(',').filter_map(|one| one.split('|').next());
    let names = packages.filter_map(|package| package.split_whitespace().next());
    let libraries = package.libraries;
    names.filter(|name| libraries.iter().any(|library| name.starts_with(library)))
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

/// Copies the programs and the libraries side by side.
fn gather(package: &Package, from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        let is_program = || {
            path.ends_with(package.program)
                || package.companion.is_some_and(|it| path.ends_with(it))
        };
        if entry.file_type()?.is_dir() {
            gather(package, &path, to)?;
        } else if text.contains(".so.") || is_program() {
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
fn usable(package: &Package, tool: DebianTool) -> Result<DebianTool, ToolError> {
    let mut command = Command::new(&tool.program);
    if let Some(whole) = &tool.whole {
        command.env("LD_LIBRARY_PATH", whole);
    }
    let problem = match command.arg("--version").output() {
        Ok(output) if output.status.success() => return Ok(tool),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next();
            first.unwrap_or("`--version` fails").to_owned()
        }
        Err(error) => error.to_string(),
    };
    Err(ToolError::Broken {
        path: tool.program,
        problem,
        instead: package.instead,
    })
}

#[cfg(test)]
mod tests {
    use super::super::pgbouncer::PACKAGE;
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
            assert_eq!(libraries(&PACKAGE, depends).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_missing_program_is_one_sentence() {
        let error = run(Path::new("/"), "apt-nowhere", &["download"]).unwrap_err();
        assert!(error.starts_with("there is no `apt-nowhere`"), "{error}");
    }
}
