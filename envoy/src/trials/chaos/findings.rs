//! What the clients have seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::model::{Kind, Verdict, judge};
use super::outages::Outages;

/// So many different wrong answers are told.
const TOLD: usize = 30;

/// How long an answer may take where nothing is disturbed.
const LONGEST: Duration = Duration::from_secs(5);

/// What all clients have seen until now.
#[derive(Debug, Default)]
pub struct Findings {
    counts: Mutex<Counts>,
    pub outages: Outages,
}

/// How many answers there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Right ones, by kind.
    pub right: BTreeMap<Kind, u64>,
    /// Right ones while something was disturbed that they do not need.
    pub undisturbed: u64,
    /// Others that a fault excuses, by the answer.
    pub excused: BTreeMap<String, u64>,
    /// How many were wrong.
    pub wrong: u64,
    /// The different ones among them, and how often.
    pub wrongs: BTreeMap<String, u64>,
}

/// An answer, and when it came to what was sent when.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Status and code.
    pub outcome: &'a str,
    /// When the request was sent.
    pub sent: Instant,
    /// When the answer was there.
    pub answered: Instant,
}

// === impl Findings ===

impl Findings {
    /// Judges an answer; tells whether it is the right one.
    pub fn judge(&self, kind: Kind, answer: Answered<'_>) -> bool {
        let Answered {
            outcome,
            sent,
            answered,
        } = answer;
        let disturbed = self.outages.disturbed(sent, answered);
        let took = answered.duration_since(sent);
        let verdict = judge(kind, outcome, &disturbed);
        let excusable = disturbed.iter().any(|part| kind.needs(*part));
        match verdict {
            Verdict::Right if !excusable && took > LONGEST => {
                self.wrong(format!(
                    "{kind:?} was answered after {} s, with {disturbed:?}",
                    took.as_secs()
                ));
            }
            Verdict::Right => {
                self.outages.good(sent, answered, |part| kind.needs(part));
                let mut counts = self.lock();
                *counts.right.entry(kind).or_default() += 1;
                counts.undisturbed += u64::from(!disturbed.is_empty() && !excusable);
            }
            Verdict::Excused(part) => {
                self.outages.excused(sent, answered, part);
                *self.lock().excused.entry(outcome.to_owned()).or_default() += 1;
            }
            Verdict::Wrong => {
                self.wrong(format!(
                    "{kind:?} was answered `{outcome}` and not `{}` after {} s, with {disturbed:?}",
                    kind.right(),
                    took.as_secs()
                ));
            }
        }
        verdict == Verdict::Right
    }

    /// Something else is wrong.
    pub fn wrong(&self, what: String) {
        let mut counts = self.lock();
        counts.wrong += 1;
        if let Some(count) = counts.wrongs.get_mut(&what) {
            *count += 1;
        } else if counts.wrongs.len() < TOLD {
            eprintln!("WRONG: {what}");
            counts.wrongs.insert(what, 1);
        }
    }

    /// All until now.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Counts ===

impl Counts {
    /// All answers.
    pub fn all(&self) -> u64 {
        self.right
            .values()
            .chain(self.excused.values())
            .sum::<u64>()
            + self.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::chaos::faults::Fault;

    #[test]
    fn answers_are_judged_by_what_is_disturbed() {
        let findings = Findings::default();
        let now = Instant::now();
        let judge = |kind, outcome, sent| {
            let answered = Instant::now().max(sent);
            findings.judge(
                kind,
                Answered {
                    outcome,
                    sent,
                    answered,
                },
            )
        };
        assert!(judge(Kind::Member, "200", now));
        assert!(!judge(Kind::Member, "503", now));
        findings.outages.begin(Fault::UpstreamKilled);
        assert!(!judge(Kind::Member, "503", now));
        assert!(judge(Kind::Forged, "401 token_signature", now));
        let counts = findings.counts();
        assert_eq!((counts.wrong, counts.undisturbed), (1, 1));
        assert_eq!(counts.excused["503"], 1);
        assert_eq!(counts.all(), 4);
    }

    #[test]
    fn who_needs_nothing_that_is_away_waits_for_nobody() {
        let findings = Findings::default();
        findings.outages.begin(Fault::UpstreamStalled);
        let sent = Instant::now();
        let answered = sent + LONGEST * 2;
        for (kind, outcome, wrong) in [
            (Kind::Member, "200", 0),
            (Kind::Expired, "401 token_expired", 1),
        ] {
            findings.judge(
                kind,
                Answered {
                    outcome,
                    sent,
                    answered,
                },
            );
            assert_eq!(findings.counts().wrong, wrong);
        }
    }
}
