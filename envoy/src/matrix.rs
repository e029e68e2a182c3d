//! The end-to-end tests in each version of Envoy that the gate runs in.

mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::build;
use crate::progress::Progress;
use crate::tools::{RELEASES, Release, ToolError, Tools};
use crate::workspace;

pub use report::{Report, Run};

/// What is run by default: the modules of the end-to-end tests that ask each question of the gate, and those about what
/// differs between versions of Envoy: configurations, the module's failure, bodies that come while headers wait, logs.
pub const MODULES: [&str; 18] = [
    "paths",
    "identity",
    "public",
    "cors",
    "accounts",
    "account_directory",
    "tokens",
    "algorithms",
    "signatures",
    "keys",
    "discovery",
    "admin",
    "api_keys",
    "caps",
    "caps_reload",
    "caps_trap",
    "configuration",
    "reload",
];

/// Runs the end-to-end tests in each version of Envoy that the gate runs in, and prints a table
#[derive(Debug, clap::Args)]
pub struct Matrix {
    /// Runs all end-to-end tests, five minutes a version; left out, those of the modules that ask the gate's questions
    #[arg(long)]
    all: bool,
    /// In this version only, such as 1.38; may be repeated
    #[arg(long, value_name = "VERSION")]
    envoy: Vec<String>,
    /// Runs the tests of these modules instead
    #[arg(value_name = "MODULE", conflicts_with = "all")]
    modules: Vec<String>,
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// An Envoy cannot be had.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// There is no such version here.
    #[error("Envoy {0} is not one of {1}")]
    Version(String, String),
    /// Nothing would be run.
    #[error("the end-to-end tests have no module {0}; each is a file in envoy/tests/e2e")]
    Module(String),
    /// The tests cannot be built.
    #[error("the end-to-end tests could not be built ({0})")]
    Build(String),
    /// The tests cannot be started, or what they say cannot be kept.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

// === impl Matrix ===

impl Matrix {
    /// Builds the tests, downloads what is missing and runs them.
    pub fn run(&self, progress: &Progress) -> Result<Report, MatrixError> {
        let releases = self.releases()?;
        let tools = Tools::new(progress.clone());
        let envoys: Vec<_> = releases
            .iter()
            .map(|release| Ok((release.version, tools.envoy_release(*release)?)))
            .collect::<Result<_, ToolError>>()?;
        let tests = progress.step("building the end-to-end tests", build_tests)?;
        let chosen = self.chosen(&listed(&tests)?)?;
        let folder = workspace::target().join("matrix");
        fs::create_dir_all(&folder).map_err(file(&folder))?;
        let mut runs = Vec::new();
        for (version, envoy) in envoys {
            let what = format!("{} tests in Envoy {version}", chosen.len());
            let log = folder.join(format!("envoy-{version}.log"));
            runs.push(progress.step(&what, || run(&tests, &chosen, version, &envoy, &log))?);
        }
        Ok(Report { runs })
    }

    fn releases(&self) -> Result<Vec<Release>, MatrixError> {
        let all = || RELEASES.map(|release| release.version).join(", ");
        if self.envoy.is_empty() {
            return Ok(RELEASES.to_vec());
        }
        let named = |name: &String| {
            let line = format!("{name}.");
            let mut releases = RELEASES.into_iter();
            releases
                .find(|release| release.version == name || release.version.starts_with(&line))
                .ok_or_else(|| MatrixError::Version(name.clone(), all()))
        };
        self.envoy.iter().map(named).collect()
    }

    /// Those of the tests that shall be run.
    fn chosen(&self, tests: &[String]) -> Result<Vec<String>, MatrixError> {
        if self.all {
            return Ok(tests.to_vec());
        }
        let modules: Vec<&str> = if self.modules.is_empty() {
            MODULES.to_vec()
        } else {
            self.modules.iter().map(String::as_str).collect()
        };
        let is_in = |test: &str, module: &str| {
            test.strip_prefix(module)
                .is_some_and(|rest| rest.starts_with("::"))
        };
        let mut chosen = Vec::new();
        for module in modules {
            let before = chosen.len();
            chosen.extend(tests.iter().filter(|test| is_in(test, module)).cloned());
            if chosen.len() == before {
                return Err(MatrixError::Module(module.to_owned()));
            }
        }
        Ok(chosen)
    }
}

/// The program that has the tests.
fn build_tests() -> Result<PathBuf, MatrixError> {
    let output = build::cargo()
        .args(["test", "--package", "tollgate-envoy", "--test", "e2e"])
        .args(["--no-run", "--message-format", "json"])
        .arg("--target-dir")
        .arg(workspace::target())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| MatrixError::Build(error.to_string()))?;
    if !output.status.success() {
        return Err(MatrixError::Build(output.status.to_string()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_tests = |message: &Value| {
        message
            .pointer("/target/name")
            .is_some_and(|name| name == "e2e")
    };
    messages
        .filter(is_tests)
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .ok_or_else(|| MatrixError::Build("cargo names no program".to_owned()))
}

/// The tests' names, such as `paths::a_path_is_read_once`, without those that only run when asked for.
fn listed(tests: &Path) -> Result<Vec<String>, MatrixError> {
    let list = |which: &[&str]| -> Result<Vec<String>, MatrixError> {
        let output = Command::new(tests)
            .args(["--list", "--format", "terse"])
            .args(which)
            .output()
            .map_err(file(tests))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let name = |line: &str| line.strip_suffix(": test").map(str::to_owned);
        Ok(said.lines().filter_map(name).collect())
    };
    let ignored = list(&["--ignored"])?;
    let mut all = list(&[])?;
    all.retain(|test| !ignored.contains(test));
    Ok(all)
}

fn run(
    tests: &Path,
    chosen: &[String],
    version: &'static str,
    envoy: &Path,
    log: &Path,
) -> Result<Run, MatrixError> {
    let start = Instant::now();
    let output = Command::new(tests)
        .arg("--exact")
        .args(chosen)
        .env("TOLLGATE_ENVOY", envoy)
        // Where cargo has tests run.
        .current_dir(workspace::root().join("envoy"))
        .stdin(Stdio::null())
        .output()
        .map_err(file(tests))?;
    let said = [output.stdout, output.stderr].concat();
    fs::write(log, &said).map_err(file(log))?;
    Ok(Run::read(
        version,
        chosen.len(),
        start.elapsed(),
        &String::from_utf8_lossy(&said),
        log,
    ))
}

fn file(path: &Path) -> impl Fn(io::Error) -> MatrixError {
    let path = path.to_owned();
    move |source| MatrixError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        matrix: Matrix,
    }

    fn matrix(arguments: &[&str]) -> Matrix {
        Line::parse_from([&["test-matrix"], arguments].concat()).matrix
    }

    fn tests() -> Vec<String> {
        let mut tests: Vec<_> = MODULES.map(|module| format!("{module}::it_holds")).into();
        tests.extend(["caps_load::a".to_owned(), "soak::b".to_owned()]);
        tests
    }

    #[test]
    fn modules_are_chosen_by_their_whole_names() {
        let chosen = |arguments: &[&str]| matrix(arguments).chosen(&tests()).unwrap();
        assert_eq!(chosen(&[]).len(), MODULES.len());
        assert_eq!(chosen(&["--all"]), tests());
        assert_eq!(chosen(&["caps"]), ["caps::it_holds"]);
        let error = matrix(&["cap"]).chosen(&tests()).unwrap_err();
        assert!(error.to_string().contains("no module cap;"), "{error}");
    }

    #[test]
    fn a_version_is_named_by_its_line_or_as_a_whole() {
        let versions = |name: &str| {
            let releases = matrix(&["--envoy", name]).releases();
            releases.map(|releases| releases[0].version)
        };
        assert_eq!(versions("1.38").unwrap(), "1.38.2");
        assert_eq!(versions("1.40.0").unwrap(), "1.40.0");
        let error = versions("1.4").unwrap_err().to_string();
        assert!(
            error.starts_with("Envoy 1.4 is not one of 1.36.4, "),
            "{error}"
        );
    }
}
