//! `tollgate configurations`: whether any worker ever serves a request without the filter, whatever Envoy is given to
//! configure it with.
//!
//! Where configuring fails in a worker and not where Envoy tries the configuration out, that worker goes on without the
//! filter, under every failure policy. So each configuration is given to an Envoy that runs, under traffic, and then
//! each worker is asked: it must have the new rules where they are right, and the old ones where they are not.

mod chance;
mod documents;
mod foreign;
mod mutation;
mod report;
mod sample;
mod seen;
mod traffic;
mod variation;
mod workers;

use std::collections::HashSet;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::chance::Chance;
pub use self::report::{Report, Row};
use self::sample::{Expected, Sample};
use self::traffic::{End, Traffic};
use self::workers::Workers;
use crate::client::Request;
use crate::config::{Config, ConfigError};
use crate::envoy::ReloadError;
use crate::issuer::{Fault, FaultKind};
use crate::process::Tool;
use crate::progress::Progress;
use crate::stack::{Builder, Stack, StackError};

/// How long connections to an old listener live on. In between, old contexts and new ones share virtual machines.
const DRAIN: Duration = Duration::from_secs(2);

/// Clients that send requests all the time.
const CLIENTS: usize = 4;

/// Gives Envoy configurations, right and wrong ones, and says whether a worker ever served without the filter
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Configurations {
    /// How many are given to an Envoy that runs
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub count: u32,
    /// With how many an Envoy is started
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub starts: u32,
    /// Which ones; those of a seed are always the same
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub workers: usize,
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the first are the parts' own errors")]
pub enum ConfigurationsError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Reload(#[from] ReloadError),
    /// A worker could not be asked.
    #[error("a worker could not be asked: {0}")]
    Io(#[from] io::Error),
    /// Connections go to some workers only.
    #[error("not every worker could be reached; those that were not: {0:?}")]
    OutOfReach(Vec<usize>),
}

/// A filter that takes every configuration and lets everything pass, to see that it is noticed.
pub fn idle_filter() -> Vec<u8> {
    foreign::module(&[])
}

/// What is known of the configuration that is at work.
struct Now {
    /// What it makes public.
    path: String,
    /// What was refused. Envoy does not ask the filter again, and so has no reason to log.
    refused: HashSet<String>,
}

// === impl Configurations ===

impl Configurations {
    /// Runs it.
    pub fn run(self, tool: &Tool, progress: &Progress) -> Result<Report, ConfigurationsError> {
        self.run_with(|| Stack::builder(tool.clone()), progress)
    }

    /// The same with a stack that `stack` makes, again and again.
    pub fn run_with(
        self,
        stack: impl Fn() -> Builder,
        progress: &Progress,
    ) -> Result<Report, ConfigurationsError> {
        let mut report = Report::new(self.seed, self.workers);
        let mut chance = Chance::new(self.seed);
        let base = self.reloads(stack(), false, &mut chance, &mut report, progress)?;
        self.reloads(stack(), true, &mut chance, &mut report, progress)?;
        for number in 0..self.starts {
            let step = format!("starting Envoy with another configuration, {number}");
            progress.step(&step, || {
                self.start(stack(), number, &base, &mut chance, &mut report)
            })?;
        }
        Ok(report)
    }

    /// Gives an Envoy one configuration after the other; returns the policy that all are made of.
    ///
    /// Where it `is_adverse`, everything else is against them: another filter writes garbage to where the gate's
    /// workers share what they know, the issuer takes every question and answers none, and there are no secrets in the
    /// environment.
    fn reloads(
        self,
        stack: Builder,
        is_adverse: bool,
        chance: &mut Chance,
        report: &mut Report,
        progress: &Progress,
    ) -> Result<Value, ConfigurationsError> {
        let mut stack = with_answers(stack.workers(self.workers).reloadable(DRAIN));
        if is_adverse {
            stack = stack
                .config(|mut config| {
                    let names = foreign::names(config.policy()?);
                    config.and_first_filter(foreign::filter(&foreign::module(&names)))
                })
                .config(Config::without_environment);
        }
        let stack = stack.start()?;
        if is_adverse {
            stack.issuer().fault(Fault::of_keys(FaultKind::Hang));
        }
        let count = if is_adverse {
            self.count / 4
        } else {
            self.count
        };
        let base = base(&stack)?;
        let traffic = Traffic::default();
        let requests = requests(&stack);
        thread::scope(|scope| {
            let _end = End(&traffic);
            for _ in 0..CLIENTS {
                scope.spawn(|| traffic.run(stack.gate(), &requests));
            }
            let workers = Workers::new(&stack, &traffic, self.workers);
            let mut now = Now {
                path: "/open".to_owned(),
                refused: HashSet::new(),
            };
            try_out(&stack, &workers, &Sample::open(&now.path, &base), &mut now)?;
            progress.step("giving Envoy configurations", || {
                let drawn = (0..count).map(|number| Sample::draw(number, &base, chance));
                let samples = Sample::documented(&base).into_iter().chain(drawn);
                for (number, sample) in samples.enumerate() {
                    let begun = Instant::now();
                    let problem = try_out(&stack, &workers, &sample, &mut now)?;
                    report.add(sample.kind, &sample.expected, begun.elapsed());
                    if let Some(problem) = problem {
                        report.problem(format!("number {number}: {problem}: {sample:?}"));
                    }
                }
                Ok::<_, ConfigurationsError>(())
            })
        })?;
        report.take(&traffic, &stack.envoy().log());
        Ok(base)
    }

    /// Starts an Envoy with a configuration: it does, and filters, or does not and says why.
    fn start(
        self,
        stack: Builder,
        number: u32,
        base: &Value,
        chance: &mut Chance,
        report: &mut Report,
    ) -> Result<(), ConfigurationsError> {
        let sample = Sample::draw(number, base, chance);
        let configuration = sample.configuration.clone();
        let begun = Instant::now();
        // Its listener is in its own configuration: without one it does not run.
        let started = with_answers(stack.workers(self.workers))
            .config(|config| config.with_configuration(configuration))
            .start();
        let problem = match (&sample.expected, started) {
            (Expected::Taken(path), Ok(stack)) => {
                let traffic = Traffic::default();
                let workers = Workers::new(&stack, &traffic, self.workers);
                let problem = workers.all_have(path, None)?;
                report.take(&traffic, &stack.envoy().log());
                problem
            }
            (Expected::Refused(words), Err(error)) => {
                let error = error.to_string();
                (!error.contains(words)).then(|| format!("another reason: {error}"))
            }
            (Expected::Taken(_), Err(error)) => Some(format!("not started: {error}")),
            (Expected::Refused(_), Ok(_)) => Some("started".to_owned()),
        };
        report.add_start(&sample.expected, begun.elapsed());
        if let Some(problem) = problem {
            report.problem(format!("start {number}: {problem}: {sample:?}"));
        }
        Ok(())
    }
}

/// Gives Envoy a configuration, and says what is wrong with what becomes of it, if anything is.
fn try_out(
    stack: &Stack,
    workers: &Workers<'_>,
    sample: &Sample,
    now: &mut Now,
) -> Result<Option<String>, ConfigurationsError> {
    let reloaded = stack.reload_config(|config| {
        config
            .with_vm_id(&sample.vm_id)?
            .with_configuration(sample.configuration.clone())
    });
    match (&sample.expected, reloaded) {
        (Expected::Taken(path), Ok(())) => {
            let before = std::mem::replace(&mut now.path, path.clone());
            let before = (before != *path).then_some(before);
            workers.all_have(path, before.as_deref())
        }
        (Expected::Refused(words), Err(ReloadError::Refused(log))) => {
            let is_new = now.refused.insert(sample.configuration.to_string());
            if is_new && !log.contains(words) {
                return Ok(Some(format!("another reason: {log}")));
            }
            workers.all_have(&now.path, None)
        }
        (Expected::Taken(_), Err(ReloadError::Refused(log))) => Ok(Some(format!("refused: {log}"))),
        (Expected::Refused(_), Ok(())) => Ok(Some("taken".to_owned())),
        (_, Err(ReloadError::Late)) => Ok(Some("neither taken nor refused".to_owned())),
        (_, Err(error)) => Err(error.into()),
    }
}

/// An Envoy that answers itself and says what the filter has decided, and whose workers take connections in turn.
fn with_answers(stack: Builder) -> Builder {
    stack
        .echo()
        .config(|config| config.and_route(seen::route())?.with_exact_balance())
}

/// What all samples are made of.
fn base(stack: &Stack) -> Result<Value, ConfigError> {
    let mut config = stack.config();
    Ok(config.policy()?.clone())
}

/// Good ones, bad ones, and some that anybody may make.
fn requests(stack: &Stack) -> Vec<Request> {
    let good = stack.issuer().member("acme");
    let key = "sk_live_acme_0000000000000000000000000000000000000000";
    vec![
        stack.get("/api/v1/agents").account("acme").bearer(&good),
        stack.get("/api/v1/agents").account("acme"),
        stack.get("/api/accounts"),
        stack
            .get("/api/admin/x")
            .account("acme")
            .bearer(&good)
            .as_admin(),
        stack.get("/x").bearer(key),
        stack.post("/a//b").body("x"),
    ]
}
