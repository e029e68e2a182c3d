//! `tollgate fuzz`: feeds the rules with what nobody thought of, and says what comes of it.
//!
//! The targets are in `policy/fuzz`, and what they check in `policy/properties`. New inputs stay in cargo's target folder,
//! so that the next run begins where this one ended; `--minimize` writes the few that matter into the repository.

mod output;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use self::output::Outcome;
use crate::progress::Progress;
use crate::tools::{ToolError, Tools};
use crate::workspace;

/// The longest input that is tried, in bytes.
const LONGEST: usize = 4096;

/// Feeds the rules with random inputs, and says what they found: a panic, or something that must hold and does not
#[derive(Clone, Debug, clap::Args)]
pub struct Fuzz {
    /// Which targets; all of `policy/fuzz/targets` where none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// How long each is fed, beside what is in its corpus already
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub seconds: u32,
    /// Where the random numbers begin; the same again finds the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u32,
    /// Also looks for misuse of memory, at half the speed
    #[arg(long)]
    pub address_sanitizer: bool,
    /// Afterwards, leaves in policy/fuzz/corpus the fewest inputs that reach all that is reached
    #[arg(long)]
    pub minimize: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    targets: Vec<(String, Outcome)>,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// cargo-fuzz is not there.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// There is no such target.
    #[error("there is no target {0:?}; write any of {1}")]
    Unknown(String, String),
    /// They do not compile.
    #[error("the fuzz targets could not be built:\n{0}")]
    Build(String),
    /// A target stopped, and not for an input.
    #[error("{0} stopped by itself:\n{1}")]
    Stopped(String, String),
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Where everything is.
struct Places {
    /// `policy/fuzz`.
    sources: PathBuf,
    /// What is built and found, in cargo's target folder.
    target: PathBuf,
}

// === impl Fuzz ===

impl Fuzz {
    /// Builds the targets, and runs one after the other.
    ///
    /// # Errors
    ///
    /// They cannot be built or run. That an input was found is no error, but in the report.
    pub fn run(&self, progress: &Progress) -> Result<Report, FuzzError> {
        let places = Places::new();
        let targets = self.chosen(&places)?;
        let cargo_fuzz = Tools::new(progress.clone()).cargo_fuzz()?;
        let build = || self.build(&cargo_fuzz, &places, &targets);
        progress.step("building the fuzz targets", build)?;
        let mut report = Report {
            targets: Vec::new(),
        };
        for target in targets {
            let what = format!("fuzzing {target} for {} s", self.seconds);
            let outcome = progress.step(&what, || self.feed(&places, &target))?;
            if self.minimize && outcome.crash.is_none() {
                let what = format!("minimizing the corpus of {target}");
                progress.step(&what, || self.minimize(&places, &target))?;
            }
            report.targets.push((target, outcome));
        }
        Ok(report)
    }

    fn chosen(&self, places: &Places) -> Result<Vec<String>, FuzzError> {
        let mut all: Vec<_> = files(&places.sources.join("targets"))?
            .iter()
            .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()))
            .collect();
        all.sort();
        if self.targets.is_empty() {
            return Ok(all);
        }
        match self.targets.iter().find(|target| !all.contains(target)) {
            Some(unknown) => Err(FuzzError::Unknown(unknown.clone(), all.join(", "))),
            None => Ok(self.targets.clone()),
        }
    }

    fn build(
        &self,
        cargo_fuzz: &Path,
        places: &Places,
        targets: &[String],
    ) -> Result<(), FuzzError> {
        let mut command = Command::new(cargo_fuzz);
        command.args(["build", "--sanitizer", self.sanitizer()]);
        command.arg("--fuzz-dir").arg(&places.sources);
        command.arg("--target-dir").arg(self.built(places));
        if let [one] = targets {
            command.arg(one);
        }
        // The compiler's flags for it are not stable yet.
        command.env("RUSTC_BOOTSTRAP", "1");
        // Cargo runs us, and says so to those whom we run.
        for variable in ["CARGO", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
            command.env_remove(variable);
        }
        command.current_dir(workspace::root());
        let output = command.output().map_err(file_error(cargo_fuzz))?;
        if output.status.success() {
            return Ok(());
        }
        Err(FuzzError::Build(last_lines(&output.stderr, 40)))
    }

    fn feed(&self, places: &Places, target: &str) -> Result<Outcome, FuzzError> {
        let corpus = places.target.join("corpus").join(target);
        let found = places.target.join("found").join(target);
        for folder in [&corpus, &found] {
            fs::create_dir_all(folder).map_err(file_error(folder))?;
        }
        let mut command = self.libfuzzer(places, target);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-artifact_prefix={}/", found.display()));
        let dictionary = places.sources.join("dictionaries").join(target);
        command.arg(format!("-dict={}", dictionary.display()));
        command.args([
            "-use_value_profile=1",
            "-print_final_stats=1",
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]);
        // What is new goes into the first folder.
        command.arg(&corpus).args(places.kept(target));
        let output = command.output().map_err(file_error(&corpus))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let outcome = Outcome::read(&said);
        // Where nothing was run, nothing was shown.
        if outcome.crash.is_none() && (!output.status.success() || outcome.runs == 0) {
            let last = last_lines(&output.stderr, 40);
            return Err(FuzzError::Stopped(target.to_owned(), last));
        }
        let reproduce = |file: &PathBuf| {
            let program = self.program(places, target);
            format!("{} {}", program.display(), file.display())
        };
        Ok(Outcome {
            reproduce: outcome.crash.as_ref().map(reproduce),
            ..outcome
        })
    }

    /// The fewest files of both corpora that reach as much, in place of those that were committed.
    fn minimize(&self, places: &Places, target: &str) -> Result<(), FuzzError> {
        let committed = places.sources.join("corpus").join(target);
        let fewest = places.target.join("minimized").join(target);
        if fewest.exists() {
            fs::remove_dir_all(&fewest).map_err(file_error(&fewest))?;
        }
        fs::create_dir_all(&fewest).map_err(file_error(&fewest))?;
        let mut command = self.libfuzzer(places, target);
        // Without counting how often each branch was taken: that would keep ten times as many.
        command.args(["-set_cover_merge=1", "-use_counters=0"]);
        command.arg(&fewest).args(places.kept(target));
        command.arg(places.target.join("corpus").join(target));
        let output = command.output().map_err(file_error(&fewest))?;
        if !output.status.success() {
            let last = last_lines(&output.stderr, 40);
            return Err(FuzzError::Stopped(target.to_owned(), last));
        }
        if committed.exists() {
            fs::remove_dir_all(&committed).map_err(file_error(&committed))?;
        }
        fs::create_dir_all(&committed).map_err(file_error(&committed))?;
        for file in files(&fewest)? {
            if let Some(name) = file.file_name() {
                fs::copy(&file, committed.join(name)).map_err(file_error(&file))?;
            }
        }
        Ok(())
    }

    fn libfuzzer(&self, places: &Places, target: &str) -> Command {
        let mut command = Command::new(self.program(places, target));
        command.arg(format!("-seed={}", self.seed));
        command.arg(format!("-max_len={LONGEST}"));
        command
    }

    fn program(&self, places: &Places, target: &str) -> PathBuf {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        self.built(places).join(triple).join("release").join(target)
    }

    fn built(&self, places: &Places) -> PathBuf {
        places.target.join(self.sanitizer())
    }

    fn sanitizer(&self) -> &'static str {
        if self.address_sanitizer {
            "address"
        } else {
            // The rules have no unsafe code.
            "none"
        }
    }
}

// === impl Places ===

impl Places {
    fn new() -> Self {
        Self {
            sources: workspace::root().join("policy/fuzz"),
            target: workspace::target().join("fuzz"),
        }
    }

    /// The inputs in the repository.
    fn kept(&self, target: &str) -> impl Iterator<Item = PathBuf> {
        ["seeds", "corpus", "regressions"]
            .map(|folder| self.sources.join(folder).join(target))
            .into_iter()
            .filter(|folder| folder.exists())
    }
}

// === impl Report ===

impl Report {
    /// Whether nothing was found.
    pub fn is_right(&self) -> bool {
        self.targets
            .iter()
            .all(|(_, outcome)| outcome.crash.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>11} {:>8} {:>6} {:>8} {:>6}  found",
            "target", "runs", "runs/s", "edges", "features", "new"
        )?;
        for (target, outcome) in &self.targets {
            writeln!(f, "{target:<14} {outcome}")?;
        }
        for (_, outcome) in &self.targets {
            if let (Some(file), Some(reproduce)) = (&outcome.crash, &outcome.reproduce) {
                writeln!(f, "\n{}\n{}", file.display(), outcome.why)?;
                writeln!(f, "once more: {reproduce}")?;
            }
        }
        Ok(())
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, FuzzError> {
    fs::read_dir(folder)
        .and_then(|files| files.map(|file| Ok(file?.path())).collect())
        .map_err(file_error(folder))
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> FuzzError {
    let path = path.to_owned();
    |source| FuzzError::File { path, source }
}

fn last_lines(said: &[u8], most: usize) -> String {
    let said = String::from_utf8_lossy(said);
    let before = said.lines().count().saturating_sub(most);
    said.lines().skip(before).collect::<Vec<_>>().join("\n")
}
