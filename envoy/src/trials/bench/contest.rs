//! The arms at work: all there, one at a time busy.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::arms::{Arm, Parts, Tokens};
use super::cpu::{Cores, Meter};
use super::load::Load;
use super::requests::Requests;
use super::{BenchError, system};
use crate::client::Origin;
use crate::envoy::{Envoy, EnvoyError, Setting};
use crate::issuer::Issuer;
use crate::process::Tool;
use crate::random;
use crate::upstream::ASSERTION_KEY;

/// How long Envoy may take to fall asleep when nothing is under way.
const SETTLE: Duration = Duration::from_millis(5);

/// What the arms are started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup<'a> {
    pub tool: &'a Tool,
    pub envoy: &'a Path,
    pub module: &'a Path,
    pub issuer: &'a Issuer,
    pub cores: Option<Cores>,
}

/// An arm's Envoy, and the connections to it.
pub(super) struct Contestant<'a> {
    pub arm: Arm,
    meter: Meter,
    load: Load,
    requests: Box<dyn Iterator<Item = &'a Vec<u8>> + Send + 'a>,
    /// One a round.
    pub turns: Vec<Turn>,
    _envoy: Envoy,
}

/// What one arm did in one turn.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Turn {
    /// Answers, all as they should be.
    pub requests: u64,
    /// CPU time of all threads of Envoy.
    pub cpu: Duration,
    /// By the clock on the wall.
    pub wall: Duration,
}

// === impl Contestant ===

impl<'a> Contestant<'a> {
    fn start(setup: Setup<'_>, arm: Arm, requests: &'a Requests) -> Result<Self, BenchError> {
        let parts = Parts {
            issuer: setup.issuer,
            module: setup.module,
        };
        let config = arm.config(parts).map_err(EnvoyError::from)?;
        let key = random::hex(32);
        let setting = Setting {
            binary: setup.envoy,
            workers: 1,
            environment: &[(ASSERTION_KEY, &key)],
            drain: None,
        };
        let envoy = Envoy::start(setup.tool, setting, config)?;
        let origin = Origin::parse(envoy.url()).map_err(EnvoyError::from)?;
        check_forged(arm, requests, origin)?;
        let pid = envoy.pid().ok_or(BenchError::Gone(arm.name))?;
        let meter = Meter::of(pid);
        if let Some(cores) = setup.cores {
            let pinned = meter.pin(cores.envoy);
            pinned.map_err(system("Envoy could not be bound to a core"))?;
        }
        Ok(Self {
            arm,
            meter,
            load: Load::connect(origin).map_err(system("Envoy could not be reached"))?,
            requests: match arm.tokens {
                Tokens::New => Box::new(requests.new_tokens()),
                Tokens::Known => Box::new(requests.known_tokens()),
            },
            turns: Vec::new(),
            _envoy: envoy,
        })
    }

    fn turn(&mut self, time: Duration) -> Result<Turn, BenchError> {
        let wrong = |problem| BenchError::Answer {
            arm: self.arm.name,
            problem,
        };
        let read = || {
            thread::sleep(SETTLE);
            let reading = self.meter.read();
            reading.map_err(|_| BenchError::Gone(self.arm.name))
        };
        let before = read()?;
        let begun = Instant::now();
        let requests = self.load.run(&mut self.requests, time).map_err(wrong)?;
        let wall = begun.elapsed();
        let cpu = read()?.since(&before);
        Ok(Turn {
            requests,
            cpu: cpu.ok_or(BenchError::Gone(self.arm.name))?,
            wall,
        })
    }
}

// === impl Turn ===

impl Turn {
    /// Microseconds of CPU time a request.
    pub(super) fn cost(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no turn has 2^52 requests")]
        let requests = self.requests as f64;
        self.cpu.as_secs_f64() * 1e6 / requests
    }
}

/// Starts an Envoy for each arm, at the same time.
pub(super) fn start<'a>(
    setup: Setup<'_>,
    arms: &[Arm],
    requests: &'a Requests,
) -> Result<Vec<Contestant<'a>>, BenchError> {
    thread::scope(|scope| {
        let start = |arm: &Arm| {
            let arm = *arm;
            scope.spawn(move || Contestant::start(setup, arm, requests))
        };
        let starting: Vec<_> = arms.iter().map(start).collect();
        starting
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(started) => started,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Lets each arm have its turn once a round, and keeps what it did.
pub(super) fn run(
    contestants: &mut [Contestant<'_>],
    rounds: usize,
    time: Duration,
) -> Result<(), BenchError> {
    for round in 0..rounds {
        for position in order(contestants.len(), round) {
            if let Some(contestant) = contestants.get_mut(position) {
                let turn = contestant.turn(time)?;
                contestant.turns.push(turn);
            }
        }
    }
    Ok(())
}

/// Whose turn it is: each round begins with another arm, and every second one goes backwards, so that nobody is always
/// first or always comes after the same.
fn order(arms: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..arms).map(move |turn| {
        let position = (round + turn) % arms;
        if round.is_multiple_of(2) {
            position
        } else {
            arms - 1 - position
        }
    })
}

/// A token that was not signed by the issuer is refused where tokens are looked at. Without this an arm whose filter
/// is not in place would win.
fn check_forged(arm: Arm, requests: &Requests, to: Origin) -> Result<(), BenchError> {
    let answer = requests.forged(to).send();
    let found = answer.map_err(system("Envoy could not be reached"))?.status;
    let expected = if arm.verifies() { 401 } else { 200 };
    if found == expected {
        return Ok(());
    }
    Err(BenchError::Forged {
        arm: arm.name,
        found,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_in_each_round() {
        let orders = [0, 1, 2, 3].map(|round| order(3, round).collect::<Vec<_>>());
        assert_eq!(orders, [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]]);
    }

    #[test]
    fn a_turn_costs_its_cpu_time_by_its_requests() {
        let turn = Turn {
            requests: 50,
            cpu: Duration::from_millis(1),
            wall: Duration::from_secs(9),
        };
        assert!((turn.cost() - 20.0).abs() < 1e-9);
    }
}
