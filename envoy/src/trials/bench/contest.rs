//! The arms at work: all there, one at a time busy.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::cpu::{self, Cores, Meter};
use super::entry::{Entry, Question};
use super::expected::Expected;
use super::load::Load;
use super::{BenchError, pace, system};
use crate::client::Origin;
use crate::config::Config;
use crate::envoy::{Envoy, EnvoyError, Setting};
use crate::process::Tool;
use crate::upstream::{ASSERTION_KEY, INTROSPECTION_TOKEN};

/// How long Envoy may take to fall asleep when nothing is under way.
const SETTLE: Duration = Duration::from_millis(5);

/// What the arms are started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup<'a> {
    pub tool: &'a Tool,
    pub envoy: &'a Path,
    /// What is in the gate's environment.
    pub secret: &'a str,
    pub cores: Option<Cores>,
}

/// An arm's Envoy, and the connections to it.
pub(super) struct Contestant<'a> {
    pub name: String,
    pub baseline: String,
    meter: Meter,
    load: Load,
    requests: Box<dyn Iterator<Item = &'a [u8]> + Send + 'a>,
    /// One a round.
    pub turns: Vec<Turn>,
    /// At the fixed rate, in microseconds.
    pub latencies: Vec<f64>,
    pub envoy: Envoy,
}

/// What one arm did in one turn.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Turn {
    /// Answers, all as they should be.
    pub requests: u64,
    /// CPU time of all threads of Envoy.
    pub cpu: Duration,
    /// CPU time of what sent the requests.
    pub load: Duration,
    /// By the clock on the wall.
    pub wall: Duration,
}

/// How long an arm's turn takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// As many requests as it can answer.
    pub busy: Duration,
    /// As many as are sent at the fixed rate; none: latency is not measured.
    pub paced: Duration,
}

// === impl Setup ===

impl Setup<'_> {
    /// An Envoy of its own.
    pub(super) fn envoy(self, config: Config, workers: usize) -> Result<Envoy, EnvoyError> {
        let environment = [
            (ASSERTION_KEY, self.secret),
            (INTROSPECTION_TOKEN, self.secret),
        ];
        let setting = Setting {
            binary: self.envoy,
            workers,
            environment: &environment,
            drain: None,
        };
        Envoy::start(self.tool, setting, config)
    }
}

// === impl Contestant ===

impl<'a> Contestant<'a> {
    fn start(setup: Setup<'_>, entry: Entry<'a>) -> Result<Self, BenchError> {
        let Entry { name, config, .. } = entry;
        let envoy = setup.envoy(config, 1)?;
        let origin = Origin::parse(envoy.url()).map_err(EnvoyError::from)?;
        let mut expected = None;
        for question in &entry.questions {
            expected = Some(ask(&name, question, origin)?);
        }
        // Every entry has questions.
        let expected = expected.unwrap_or_else(|| Expected::new(200, ""));
        let pid = envoy.pid().ok_or(BenchError::Gone(name.clone()))?;
        let meter = Meter::of(pid);
        if let Some(cores) = setup.cores {
            let pinned = meter.pin(cores.envoy);
            pinned.map_err(system("Envoy could not be bound to a core"))?;
        }
        let load = Load::connect(origin, entry.closes, expected);
        let mut contestant = Self {
            name,
            baseline: entry.baseline,
            meter,
            load: load.map_err(system("Envoy could not be reached"))?,
            requests: entry.requests,
            turns: Vec::new(),
            latencies: Vec::new(),
            envoy,
        };
        if entry.first > 0 {
            let sent = contestant
                .load
                .run_through(&mut contestant.requests, entry.first);
            sent.map_err(|problem| contestant.wrong(problem))?;
        }
        Ok(contestant)
    }

    fn turn(&mut self, times: Times, alone: bool) -> Result<(), BenchError> {
        let before = self.read()?;
        let (begun, used) = (Instant::now(), cpu::used_by_this_thread());
        let sent = self.load.run(&mut self.requests, times.busy);
        let requests = sent.map_err(|problem| self.wrong(problem))?;
        let wall = begun.elapsed();
        let load = cpu::used_by_this_thread().saturating_sub(used);
        let cpu = self.read()?.since(&before);
        self.turns.push(Turn {
            requests,
            cpu: cpu.ok_or_else(|| self.gone())?,
            load,
            wall,
        });
        if !times.paced.is_zero() {
            let took = pace::run(&mut self.load, &mut self.requests, times.paced, alone);
            let took = took.map_err(|problem| self.wrong(problem))?;
            self.latencies.extend(took);
        }
        Ok(())
    }

    /// What Envoy has used so far, once it has fallen asleep.
    fn read(&self) -> Result<cpu::Reading, BenchError> {
        thread::sleep(SETTLE);
        self.meter.read().map_err(|_| self.gone())
    }

    fn gone(&self) -> BenchError {
        BenchError::Gone(self.name.clone())
    }

    fn wrong(&self, problem: super::LoadError) -> BenchError {
        BenchError::Answer {
            arm: self.name.clone(),
            problem,
        }
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

    /// Answers a second.
    pub(super) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no turn has 2^52 requests")]
        let requests = self.requests as f64;
        requests / self.wall.as_secs_f64()
    }
}

/// Starts an Envoy for each, at the same time.
pub(super) fn start<'a>(
    setup: Setup<'_>,
    entries: Vec<Entry<'a>>,
) -> Result<Vec<Contestant<'a>>, BenchError> {
    thread::scope(|scope| {
        let start = |entry| scope.spawn(move || Contestant::start(setup, entry));
        let starting: Vec<_> = entries.into_iter().map(start).collect();
        starting
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(started) => started,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Lets each have its turn once a round, and keeps what it did.
pub(super) fn run(
    contestants: &mut [Contestant<'_>],
    rounds: usize,
    times: Times,
    alone: bool,
) -> Result<(), BenchError> {
    for round in 0..rounds {
        for position in order(contestants.len(), round) {
            if let Some(contestant) = contestants.get_mut(position) {
                contestant.turn(times, alone)?;
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

/// Asks, and returns what the answer was if it is the right one.
fn ask(arm: &str, question: &Question, to: Origin) -> Result<Expected, BenchError> {
    let answer = || -> io::Result<_> {
        let mut connection = to.connect()?;
        connection.write(&question.request)?;
        connection.receive("GET")
    };
    let answer = answer().map_err(system("Envoy could not be reached"))?;
    let text = answer.text();
    if answer.status == question.status && answer.code() == question.code {
        return Ok(Expected::new(answer.status, &text));
    }
    let Question { status, code, .. } = question;
    Err(BenchError::Wrong {
        arm: arm.to_owned(),
        what: question.what.clone(),
        found: answer.outcome(),
        expected: format!("{status} {code}").trim().to_owned(),
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
            load: Duration::from_millis(2),
            wall: Duration::from_secs(9),
        };
        assert!((turn.cost() - 20.0).abs() < 1e-9);
    }
}
