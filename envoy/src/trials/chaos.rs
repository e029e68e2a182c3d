//! `tollgate chaos`: the demo's parts are killed, stalled and reloaded under load, and every answer is held against what
//! the rules allow at that moment.

mod clients;
mod dice;
mod faults;
mod findings;
mod minutes;
mod model;
mod outages;
mod report;
mod world;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use faults::{Fault, FaultError};
pub use model::{Kind, Part, Verdict, judge};
pub use report::Report;

use crate::issuer::IssuerError;
use crate::process::Scratch;
use crate::stack::{Builder, StackError};
use crate::trials::accounts::AccountsError;
use clients::Client;
use dice::Dice;
use faults::Parts;
use findings::Findings;
use minutes::Minutes;
use outages::RECOVERY;
use report::Memory;
use world::{LIMIT, ROWS, World};

/// Clients of what is answered behind the gate, and of what the gate answers by itself.
const CLIENTS: (usize, usize) = (8, 4);

/// Clients of the account whose minutes are used up.
const CAPPED: usize = 3;

/// How long a fault lasts, in milliseconds: from, and up to so much more.
const LASTS: (usize, usize) = (1500, 4500);

/// How long all is well between two faults.
const QUIET: Duration = Duration::from_millis(1500);

/// How soon nothing may be under way any more after the last answer.
const REST: Duration = Duration::from_secs(10);

/// Kills, stalls and reloads the issuers, PostgreSQL, the upstream and Envoy's filter in turn, under a mixed load, and
/// says whether any answer was one that must not be
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Chaos {
    /// How long
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    pub minutes: f64,
    /// What comes when: the same again for the same number
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub workers: usize,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "most are the parts' own errors")]
pub enum ChaosError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error("the accounts could not be prepared: {0}")]
    Io(#[from] io::Error),
    #[error("the upstream refused to prepare an account: {0}")]
    Prepare(String),
    #[error("there is no real upstream")]
    NoService,
}

// === impl Chaos ===

impl Chaos {
    /// Runs it; `stack` is one to be started, such as [`Stack::builder`](crate::stack::Stack::builder) gives.
    pub fn run(self, stack: Builder) -> Result<Report, ChaosError> {
        let seed = self.seed.unwrap_or_else(|| {
            let limit = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
            crate::random::below(limit).map_or(0, |seed| seed as u64)
        });
        eprintln!("--seed {seed}");
        let world = World::start(stack, self.workers)?;
        let scratch = Scratch::new()?;
        let module = scratch.path().join("tollgate.wasm");
        let outcome = self.disturb(&world, &module, seed);
        // It goes when the folder does, and Envoy may read it until here.
        fs::remove_dir_all(scratch.path())?;
        outcome
    }

    fn disturb(self, world: &World, module: &Path, seed: u64) -> Result<Report, ChaosError> {
        fs::copy(world.stack.module(), module)?;
        let parts = Parts::new(&world.stack, &world.strict, module.to_owned());
        let parts = parts.ok_or(ChaosError::NoService)?;
        let (findings, minutes) = (Findings::default(), Minutes::new(LIMIT));
        let stop = AtomicBool::new(false);
        let mut dice = Dice::new(seed);
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs_f64(self.minutes.clamp(0.0, 1e6) * 60.0);
        let before = thread::scope(|scope| {
            let mut client = || Client {
                world,
                findings: &findings,
                stop: &stop,
                dice: dice.others(),
                connection: None,
            };
            for _ in 0..CLIENTS.0 {
                let client = client();
                scope.spawn(move || client.mixed(&Kind::WHOLE));
            }
            for _ in 0..CLIENTS.1 {
                let client = client();
                scope.spawn(move || client.mixed(&Kind::EDGE));
            }
            for _ in 0..CAPPED {
                let (client, minutes) = (client(), &minutes);
                scope.spawn(move || client.capped(minutes));
            }
            for account in ROWS {
                let client = client();
                scope.spawn(move || client.rows(account));
            }
            let keys = client();
            scope.spawn(move || keys.keys());

            thread::sleep(QUIET);
            let before = Memory::of(&world.stack);
            let ended = faults(&parts, &findings, &mut dice, deadline, begun);
            stop.store(true, Ordering::Relaxed);
            ended.map(|()| before)
        })?;
        let (wrong, used_up) = minutes.check();
        for what in wrong {
            findings.wrong(what);
        }
        Ok(Report {
            seed,
            counts: findings.counts(),
            effects: findings.outages.effects(),
            used_up,
            before,
            after: Memory::of(&world.stack),
            traps: world.stack.envoy().traps(),
            under_way: at_rest(world),
            took: begun.elapsed(),
        })
    }
}

/// One after the other, now and then two at once, each with the time that it takes to recover, until the time is over.
fn faults(
    parts: &Parts<'_>,
    findings: &Findings,
    dice: &mut Dice,
    deadline: Instant,
    begun: Instant,
) -> Result<(), ChaosError> {
    let mut times = dice.others();
    for faults in Fault::plan(dice) {
        if Instant::now() >= deadline {
            break;
        }
        let names: Vec<_> = faults.iter().map(Fault::to_string).collect();
        let counts = findings.counts();
        eprintln!(
            "{} s: {} answers, {} wrong, Envoy has {} MB; {} …",
            begun.elapsed().as_secs(),
            counts.all(),
            counts.wrong,
            parts.envoy_memory() >> 20,
            names.join(" and ")
        );
        let mut numbers = Vec::new();
        for fault in &faults {
            numbers.push(findings.outages.begin(*fault));
            parts.begin(*fault)?;
        }
        let lasts = LASTS.0 + times.below(LASTS.1);
        thread::sleep(Duration::from_millis(
            u64::try_from(lasts).unwrap_or_default(),
        ));
        for (fault, number) in faults.iter().zip(numbers) {
            parts.end(*fault)?;
            findings.outages.end(number);
        }
        thread::sleep(RECOVERY + QUIET);
    }
    Ok(())
}

/// What the gate counts as under way, once nothing is, or the time for that is over.
fn at_rest(world: &World) -> u64 {
    let deadline = Instant::now() + REST;
    loop {
        let gauge = "wasmcustom.tollgate.caps.requests.in_flight";
        let under_way = world.stack.envoy().stat(gauge).unwrap_or(u64::MAX);
        if under_way == 0 || Instant::now() > deadline {
            return under_way;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
