//! What one worker has seen of the others, and so for how long they have been silent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Roster, Worker, WorkerId};

/// The most time that passes between two looks, however long it was: an Envoy that stood still as a whole, or a clock
/// that stepped, is nobody's silence.
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// What one worker has seen of the others.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<WorkerId, Seen>,
    last: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: u32,
    silence: Duration,
}

// === impl Watch ===

impl Watch {
    /// Looks at who has beaten since the last look.
    pub fn look(&mut self, roster: &Roster, now: Duration) {
        let passed = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_sub(last));
        let passed = passed.min(LONGEST_LOOK);
        self.last = Some(now);
        self.seen.retain(|id, _| roster.find(*id).is_some());
        for worker in &roster.workers {
            let seen = self.seen.entry(worker.id).or_insert(Seen {
                beat: worker.beat,
                silence: Duration::ZERO,
            });
            if seen.beat == worker.beat {
                seen.silence += passed;
            } else {
                *seen = Seen {
                    beat: worker.beat,
                    silence: Duration::ZERO,
                };
            }
        }
    }

    /// For how long a worker has been silent, as it is in a record that may be newer than the last look.
    pub(super) fn silence(&self, worker: &Worker) -> Duration {
        let seen = self.seen.get(&worker.id);
        let seen = seen.filter(|seen| seen.beat == worker.beat);
        seen.map_or(Duration::ZERO, |seen| seen.silence)
    }
}
