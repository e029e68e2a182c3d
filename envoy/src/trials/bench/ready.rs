//! How long Envoy takes to be ready, and how much memory a worker more takes, with the gate and without.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::BenchError;
use super::contest::Setup;
use super::statistics::Quartiles;
use crate::config::Config;

/// By how many workers the memory of one is measured. What compiling the module has left free is in use with the few
/// already.
const FEW: usize = 8;
const MANY: usize = 24;

const MIB: f64 = 1_048_576.0;

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Starts {
    /// From the start to ready, in seconds, by the arm's name.
    pub ready: Vec<(&'static str, Quartiles)>,
    /// MiB that a worker takes more with the gate than without, before its first request.
    pub worker_memory: f64,
}

/// Starts each configuration so many times, in turns; the first is what the last is held against. None for no times.
pub(super) fn measure(
    setup: Setup<'_>,
    configs: &[(&'static str, Config)],
    times: usize,
) -> Result<Option<Starts>, BenchError> {
    let mut took = vec![Vec::new(); configs.len()];
    for _ in 0..times {
        for ((_, config), took) in configs.iter().zip(&mut took) {
            let begun = Instant::now();
            let envoy = setup.envoy(config.clone(), 1)?;
            took.push(begun.elapsed().as_secs_f64());
            drop(envoy);
        }
    }
    let names = configs.iter().map(|(name, _)| *name);
    let ready = names
        .zip(took)
        .map(|(name, took)| Some((name, Quartiles::of(took)?)));
    let Some(ready) = ready.collect() else {
        return Ok(None);
    };
    let memory = |config: Option<&(_, Config)>| -> Result<f64, BenchError> {
        match config {
            Some((_, config)) => worker(setup, config),
            None => Ok(0.0),
        }
    };
    let worker_memory = memory(configs.last())? - memory(configs.first())?;
    Ok(Some(Starts {
        ready,
        worker_memory,
    }))
}

/// The resident memory of one worker, in MiB: what an Envoy with many has more than one with few, by each.
fn worker(setup: Setup<'_>, config: &Config) -> Result<f64, BenchError> {
    let resident = |workers| -> Result<f64, BenchError> {
        let envoy = setup.envoy(config.clone(), workers)?;
        let gone = || BenchError::Gone(format!("{workers} workers"));
        // Once it is what it was a moment ago: V8 compiles on after Envoy is ready.
        let mut before = envoy.resident().ok_or_else(gone)?;
        let mut same = 0;
        while same < 5 {
            thread::sleep(Duration::from_millis(100));
            let now = envoy.resident().ok_or_else(gone)?;
            same = if now.abs_diff(before) < 100_000 {
                same + 1
            } else {
                0
            };
            before = now;
        }
        #[expect(clippy::cast_precision_loss, reason = "no machine has so much")]
        Ok(before as f64 / MIB)
    };
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    let more = (MANY - FEW) as f64;
    Ok((resident(MANY)? - resident(FEW)?) / more)
}

// === impl Starts ===

impl Starts {
    /// Seconds that Envoy is ready later with the gate than without.
    pub(super) fn later(&self) -> f64 {
        let median = |arm: Option<&(_, Quartiles)>| arm.map_or(f64::NAN, |(_, took)| took.median);
        median(self.ready.last()) - median(self.ready.first())
    }
}

impl fmt::Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "From start to ready:")?;
        for (position, (name, took)) in self.ready.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma} {name} {:.2} s", took.median)?;
        }
        writeln!(
            f,
            "; a worker at rest takes {:.1} MiB more with the gate.",
            self.worker_memory
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_the_last_held_against_the_first() {
        let took = |seconds| Quartiles::of([seconds]).unwrap();
        let starts = Starts {
            ready: vec![
                ("none", took(0.5)),
                ("no-op", took(0.6)),
                ("tollgate", took(1.25)),
            ],
            worker_memory: 2.0,
        };
        assert!((starts.later() - 0.75).abs() < 1e-9);
        assert_eq!(
            starts.to_string(),
            "From start to ready: none 0.50 s, no-op 0.60 s, tollgate 1.25 s; a worker at rest takes 2.0 MiB more with the gate.\n"
        );
    }
}
