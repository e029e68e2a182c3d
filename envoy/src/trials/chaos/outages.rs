//! Which part was disturbed when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::faults::Fault;
use super::model::Part;

/// How long after a fault's end a part may still be disturbed: a second until a failure is forgotten or a fetch is tried
/// again, one or two until that request is given up, and as much again for a busy machine.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// All faults until now.
#[derive(Debug, Default)]
pub struct Outages(Mutex<Vec<Outage>>);

/// A fault from its beginning until all is there again.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    fault: Fault,
    begun: Instant,
    ended: Option<Instant>,
    /// The first right answer after the end to a request that needs the part.
    good: Option<Instant>,
    /// The last answer after the end that the fault excused.
    refused: Option<Instant>,
}

/// What one kind of fault did, over all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// How often there was one.
    pub times: usize,
    /// The longest from its end until the first right answer that needs the part; none where there was none.
    pub until_good: Option<Duration>,
    /// The longest from its end until the last answer that it excused.
    pub until_last_refused: Duration,
}

// === impl Outages ===

impl Outages {
    /// A fault begins, a moment after this. Its number.
    pub fn begin(&self, fault: Fault) -> usize {
        let mut all = self.lock();
        all.push(Outage {
            fault,
            begun: Instant::now(),
            ended: None,
            good: None,
            refused: None,
        });
        all.len() - 1
    }

    /// The fault of this number has ended, a moment ago.
    pub fn end(&self, number: usize) {
        if let Some(outage) = self.lock().get_mut(number) {
            outage.ended = Some(Instant::now());
        }
    }

    /// The parts that were disturbed at any time from `sent` to `answered`.
    pub fn disturbed(&self, sent: Instant, answered: Instant) -> Vec<Part> {
        let mut parts: Vec<_> = self
            .lock()
            .iter()
            .filter(|outage| outage.disturbs(sent, answered))
            .map(|outage| outage.fault.part())
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// There was a right answer at this time, to a request sent at that time that needs what `needs` says.
    pub fn good(&self, sent: Instant, answered: Instant, needs: impl Fn(Part) -> bool) {
        for outage in self.lock().iter_mut() {
            let since = outage.ended.is_some_and(|ended| ended <= answered);
            if since && outage.begun <= sent && outage.good.is_none() && needs(outage.fault.part())
            {
                outage.good = Some(answered);
            }
        }
    }

    /// There was an answer at this time that a fault of the part excused.
    pub fn excused(&self, sent: Instant, answered: Instant, part: Part) {
        for outage in self.lock().iter_mut() {
            let since = outage.ended.is_some_and(|ended| ended <= answered);
            if since && outage.fault.part() == part && outage.disturbs(sent, answered) {
                outage.refused = outage.refused.max(Some(answered));
            }
        }
    }

    /// What the faults did, by kind.
    pub fn effects(&self) -> BTreeMap<Fault, Effect> {
        let mut effects: BTreeMap<Fault, Effect> = BTreeMap::new();
        for outage in self.lock().iter() {
            let Some(ended) = outage.ended else {
                continue;
            };
            let first = !effects.contains_key(&outage.fault);
            let effect = effects.entry(outage.fault).or_default();
            let good = outage.good.map(|good| good.duration_since(ended));
            effect.until_good = match (first, good) {
                (true, good) => good,
                // Once without is without.
                (false, good) => effect
                    .until_good
                    .zip(good)
                    .map(|(one, other)| one.max(other)),
            };
            effect.times += 1;
            let refused = outage.refused.map(|refused| refused.duration_since(ended));
            effect.until_last_refused = effect.until_last_refused.max(refused.unwrap_or_default());
        }
        effects
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Outage ===

impl Outage {
    fn disturbs(&self, sent: Instant, answered: Instant) -> bool {
        self.begun <= answered && self.ended.is_none_or(|ended| ended + RECOVERY >= sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_part_is_disturbed_from_the_beginning_until_it_has_recovered() {
        let outages = Outages::default();
        let before = Instant::now() - SECOND;
        let number = outages.begin(Fault::PostgresKilled);
        let begun = Instant::now();
        assert_eq!(outages.disturbed(before, before), []);
        assert_eq!(outages.disturbed(before, begun), [Part::Postgres]);
        assert_eq!(
            outages.disturbed(begun + SECOND * 60, begun + SECOND * 60),
            [Part::Postgres]
        );
        outages.end(number);
        let ended = Instant::now();
        assert_eq!(
            outages.disturbed(ended + SECOND, ended + SECOND),
            [Part::Postgres]
        );
        let later = ended + RECOVERY + SECOND;
        assert_eq!(outages.disturbed(later, later), []);
        assert_eq!(outages.disturbed(before, later), [Part::Postgres]);
    }

    #[test]
    fn an_outage_lasts_until_somebody_who_needs_the_part_is_served() {
        let outages = Outages::default();
        for _ in 0..2 {
            let number = outages.begin(Fault::UpstreamStalled);
            outages.end(number);
        }
        let now = Instant::now();
        outages.good(now, now + SECOND, |part| part == Part::Issuer);
        let effect = || outages.effects()[&Fault::UpstreamStalled];
        assert_eq!((effect().times, effect().until_good), (2, None));
        outages.excused(now, now + SECOND, Part::Upstream);
        outages.excused(now, now + SECOND * 2, Part::Postgres);
        outages.good(now, now + SECOND * 3, |part| part == Part::Upstream);
        outages.good(now, now + SECOND * 9, |_| true);
        assert_eq!(effect().until_good.unwrap().as_secs(), 3);
        assert_eq!(effect().until_last_refused.as_secs(), 1);
    }
}
