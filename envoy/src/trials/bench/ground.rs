//! What all that is measured has in common: the programs, the issuers of tokens and keys, and the cores.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::arms::{self, ARMS, Arm};
use super::conditions::Conditions;
use super::contest::{self, Contestant, Setup, Times};
use super::cpu::{self, Cores};
use super::entry::{Entry, Parts};
use super::report::Report;
use super::requests::Requests;
use super::{BenchError, ready, system};
use crate::introspection::Introspection;
use crate::issuer::Issuer;
use crate::process::Tool;
use crate::progress::Progress;
use crate::random;
use crate::tools::Tools;

/// Before the first round, in turns: V8 compiles what is called often a second time.
const WARM_UP: usize = 4;

/// All that Envoys and requests are made of.
pub(super) struct Ground<'a> {
    pub(super) tool: &'a Tool,
    pub(super) progress: Progress,
    pub(super) envoy: PathBuf,
    pub(super) module: &'a Path,
    pub(super) issuer: Issuer,
    pub(super) introspection: Introspection,
    pub(super) secret: String,
    pub(super) cores: Option<Cores>,
}

// === impl Ground ===

impl<'a> Ground<'a> {
    pub(super) fn new(tool: &'a Tool, module: &'a Path) -> Result<Self, BenchError> {
        let progress = Progress::new();
        let introspection = Introspection::start();
        let secret = random::hex(32);
        let introspection =
            introspection.map_err(system("no port could be had for the introspection"))?;
        introspection.answer_to(&secret);
        Ok(Self {
            tool,
            envoy: Tools::new(progress.clone()).envoy()?,
            progress,
            module,
            issuer: Issuer::start()?,
            introspection,
            secret,
            cores: Cores::choose(),
        })
    }

    fn setup(&self) -> Setup<'_> {
        Setup {
            tool: self.tool,
            envoy: &self.envoy,
            secret: &self.secret,
            cores: self.cores,
        }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            issuer: &self.issuer,
            module: self.module,
            introspection: &self.introspection,
        }
    }

    /// Signs the tokens, and makes the API keys known.
    pub(super) fn requests(&self) -> Requests {
        let requests = self
            .progress
            .step("signing tokens", || Requests::new(&self.issuer));
        for key in &requests.keys {
            let answer = json!({"sub": "290000000000001234"});
            self.introspection.activate(key, answer);
        }
        requests
    }

    pub(super) fn measure(
        &self,
        arms: &[Arm],
        rounds: usize,
        time: Duration,
        starts: usize,
    ) -> Result<Report, BenchError> {
        let requests = self.requests();
        let entry = |name: &'static str| -> Result<_, BenchError> {
            let arm = ARMS.into_iter().find(|arm| arm.name == name);
            let arm = arm.ok_or_else(|| BenchError::NoArm(name.to_owned()))?;
            Ok((name, Entry::of(arm, self.parts(), &requests)?.config))
        };
        let names = [arms::BASELINE, arms::NO_OP, "tollgate cached token"];
        let configs: Vec<_> = names.into_iter().map(entry).collect::<Result<_, _>>()?;
        let step = format!("starting Envoy {starts} times each way");
        let starts = self
            .progress
            .step(&step, || ready::measure(self.setup(), &configs, starts))?;
        let entries = arms
            .iter()
            .map(|arm| Entry::of(*arm, self.parts(), &requests));
        let times = Times {
            busy: time,
            paced: time / 2,
        };
        let entries = entries.collect::<Result<_, _>>()?;
        let contestants = self.compete(entries, rounds, times)?;
        let module = fs::metadata(self.module).map(|file| file.len()).ok();
        let conditions = Conditions::now(&self.envoy, self.cores, rounds, times);
        Ok(Report::new(conditions, contestants, starts, module))
    }

    /// Starts them all, warms them up, and lets each have so many turns.
    pub(super) fn compete<'r>(
        &self,
        entries: Vec<Entry<'r>>,
        rounds: usize,
        times: Times,
    ) -> Result<Vec<Contestant<'r>>, BenchError> {
        let count = entries.len();
        let step = format!("starting {count} Envoys");
        let start = || contest::start(self.setup(), entries);
        let mut contestants = self.progress.step(&step, start)?;
        if let Some(cores) = self.cores {
            cpu::pin_this_thread(cores.load)
                .map_err(system("no core could be had for the load"))?;
        }
        let warm_up = Times {
            paced: Duration::ZERO,
            ..times
        };
        let alone = self.cores.is_some_and(|cores| cores.load != cores.envoy);
        self.progress.step("warming up", || {
            contest::run(&mut contestants, WARM_UP, warm_up, alone)
        })?;
        for contestant in &mut contestants {
            contestant.turns.clear();
        }
        let step = format!("measuring: {rounds} rounds of {count} turns");
        self.progress.step(&step, || {
            contest::run(&mut contestants, rounds, times, alone)
        })?;
        Ok(contestants)
    }
}
