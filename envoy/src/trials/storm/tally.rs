//! What became of requests, as their clients see it.

use std::collections::BTreeMap;

use super::requests::Shot;

/// So many wrong answers are kept, to be shown.
const SHOWN: usize = 10;

/// What became of requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Sent over HTTP/1.1, and waited for.
    pub over_1: u64,
    /// Sent over HTTP/2, and waited for.
    pub over_2: u64,
    /// Whose client hung up.
    pub given_up: u64,
    /// Answered in a way that the rules do not have, or not at all.
    pub wrong: u64,
    /// Answered as by a worker whose virtual machine has failed, where some are made to.
    pub excused: u64,
    /// Some of the wrong ones.
    pub examples: Vec<String>,
    /// How they were answered: outcomes, and how often.
    pub outcomes: BTreeMap<String, u64>,
}

// === impl Tally ===

impl Tally {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.over_1 + self.over_2 + self.given_up
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.over_1 += other.over_1;
        self.over_2 += other.over_2;
        self.given_up += other.given_up;
        self.wrong += other.wrong;
        self.excused += other.excused;
        self.examples.extend(other.examples);
        self.examples.truncate(SHOWN);
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
    }

    /// One was answered in a way that the rules do not have.
    pub fn wrong(&mut self, shot: &Shot, found: &str) {
        self.wrong += 1;
        if self.examples.len() < SHOWN {
            let fields = shot.fields.iter().map(|(name, value)| {
                let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
                format!("{}: {:.40}", text(name), text(value))
            });
            let fields: Vec<_> = fields.collect();
            let target = shot.target.escape_ascii();
            self.examples.push(format!(
                "{found:?}, not one of {:?}: {} {target} {fields:?}",
                shot.expected, shot.method
            ));
        }
    }
}
