//! Whether a cap of so many requests a minute let through what it may, and refused nobody who had room.
//!
//! When a request was counted is not seen; but it was between its sending and its answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The requests of one account.
#[derive(Debug)]
pub struct Minutes {
    limit: usize,
    /// By the minute in which they were sent.
    requests: Mutex<BTreeMap<u64, Vec<Counted>>>,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// When it was sent.
    pub sent: SystemTime,
    /// When its answer was there.
    pub answered: SystemTime,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was let through.
    Passed,
    /// That is not known.
    Unknown,
    /// 429.
    Refused,
}

// === impl Minutes ===

impl Minutes {
    /// For a cap of so many a minute.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            requests: Mutex::default(),
        }
    }

    /// Takes a request down.
    pub fn add(&self, request: Counted) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests
            .entry(minute(request.sent))
            .or_default()
            .push(request);
    }

    /// What was wrong, a sentence for each; and how many passed in minutes that were used up.
    pub fn check(&self) -> (Vec<String>, usize) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut wrong, mut used_up) = (Vec::new(), 0);
        for (number, minute) in requests.iter() {
            let passed = minute
                .iter()
                .filter(|request| request.fate == Fate::Passed && request.is_within(*number))
                .count();
            if passed > self.limit {
                wrong.push(format!("{passed} of {} passed in a minute", self.limit));
            }
            // Those that may have been counted in this minute: the last ones of the minutes before too.
            let earlier = requests.range(..number).flat_map(|(_, requests)| requests);
            let counted: Vec<_> = earlier
                .filter(|request| self::minute(request.answered) >= *number)
                .chain(minute)
                .filter(|request| request.fate != Fate::Refused)
                .collect();
            let refused = minute
                .iter()
                .filter(|request| request.fate == Fate::Refused && request.is_within(*number));
            let mut any = false;
            for refused in refused {
                any = true;
                let before = counted
                    .iter()
                    .filter(|request| request.sent < refused.answered);
                let before = before.count();
                if before < self.limit {
                    wrong.push(format!(
                        "a request was refused after {before} of {}",
                        self.limit
                    ));
                }
            }
            if any {
                used_up += passed;
            }
        }
        (wrong, used_up)
    }
}

// === impl Counted ===

impl Counted {
    fn is_within(&self, number: u64) -> bool {
        minute(self.sent) == number && minute(self.answered) == number
    }
}

fn minute(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use Fate::{Passed, Refused, Unknown};

    /// Each: seconds from sending to answer.
    fn check(limit: usize, requests: &[(u64, u64, Fate)]) -> (usize, usize) {
        let minutes = Minutes::new(limit);
        let time = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (sent, answered, fate) in requests {
            minutes.add(Counted {
                sent: time(*sent),
                answered: time(*answered),
                fate: *fate,
            });
        }
        let (wrong, used_up) = minutes.check();
        (wrong.len(), used_up)
    }

    #[test]
    fn exactly_the_limit_is_right() {
        assert_eq!(
            check(2, &[(0, 1, Passed), (1, 2, Passed), (2, 3, Refused)]),
            (0, 2)
        );
        assert_eq!(
            check(2, &[(0, 1, Passed), (59, 61, Passed), (61, 62, Passed)]),
            (0, 0)
        );
    }

    #[test]
    fn one_too_many_is_wrong() {
        assert_eq!(
            check(2, &[(0, 1, Passed), (1, 2, Passed), (2, 3, Passed)]).0,
            1
        );
        assert_eq!(check(0, &[(0, 1, Passed)]).0, 1);
        // This one may have been counted in the next minute.
        assert_eq!(
            check(2, &[(0, 1, Passed), (1, 2, Passed), (59, 60, Passed)]).0,
            0
        );
    }

    #[test]
    fn who_had_room_and_was_refused_is_wrong() {
        assert_eq!(check(2, &[(0, 1, Passed), (2, 3, Refused)]).0, 1);
        assert_eq!(check(1, &[(2, 3, Refused), (4, 5, Passed)]).0, 1);
        assert_eq!(check(1, &[(0, 1, Passed), (60, 61, Refused)]).0, 1);
    }

    #[test]
    fn what_may_have_been_counted_is_no_room() {
        assert_eq!(
            check(2, &[(0, 1, Passed), (1, 2, Unknown), (2, 3, Refused)]).0,
            0
        );
        assert_eq!(check(1, &[(59, 61, Passed), (61, 62, Refused)]).0, 0);
        // Under way at the same time.
        assert_eq!(check(1, &[(2, 3, Refused), (2, 9, Passed)]).0, 0);
    }
}
