//! Whether an issuer may have a key that is not in the set.

use std::time::Duration;

use crate::fetching::{FetchState, Pace};
use crate::token::NewerKeys;

/// Whether a key that is not in the set may be in a newer one. Only an answer of the issuer says that it is not.
pub fn newer_keys(state: &FetchState, pace: &Pace, now: Duration) -> NewerKeys {
    if state.is_under_way(pace, now) || state.may_look_for_missing(pace, now) {
        NewerKeys::Fetchable
    } else if state.failure().is_some() {
        NewerKeys::OutOfReach
    } else if state.is_usable(pace, now) {
        NewerKeys::None
    } else {
        // The first fetch is about to begin.
        NewerKeys::Fetchable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetching::{Failure, Reason, Version};

    const START: Duration = Duration::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);
    const PACE: Pace = Pace {
        refresh: Duration::from_secs(600),
        longest_fetch: Duration::from_secs(5),
        max_stale: Some(Duration::from_secs(3600)),
        missing_cooldown: Some(Duration::from_secs(30)),
    };

    fn fetched(set: &[u8], now: Duration) -> FetchState {
        let mut state = FetchState::default();
        let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
        assert!(state.succeed(ticket, Version::of(set), None, now));
        state
    }

    #[test]
    fn a_fetch_that_is_under_way_may_bring_them() {
        let mut state = FetchState::default();
        assert!(state.begin(Reason::Age, &PACE, START).is_some());
        assert_eq!(newer_keys(&state, &PACE, START), NewerKeys::Fetchable);
    }

    #[test]
    fn unknown_keys_are_looked_for_once_a_cooldown() {
        let mut state = fetched(b"a", START);
        assert_eq!(newer_keys(&state, &PACE, START), NewerKeys::Fetchable);
        let ticket = state.begin(Reason::Missing, &PACE, START).unwrap();
        assert!(state.succeed(ticket, Version::of(b"a"), None, START));
        let now = START + 29 * SECOND;
        assert_eq!(newer_keys(&state, &PACE, now), NewerKeys::None);
        assert_eq!(state.begin(Reason::Missing, &PACE, now), None);
        let now = START + 30 * SECOND;
        let ticket = state.begin(Reason::Missing, &PACE, now).unwrap();
        assert!(state.fail(ticket, Failure::Timeout, now));
        assert_eq!(newer_keys(&state, &PACE, now), NewerKeys::OutOfReach);
    }

    #[test]
    fn a_look_that_never_ended_does_not_count() {
        let mut state = fetched(b"a", START);
        let now = START + 60 * SECOND;
        assert!(state.begin(Reason::Missing, &PACE, now).is_some());
        let lost = now + 6 * SECOND;
        assert!(!state.is_under_way(&PACE, lost));
        assert_eq!(newer_keys(&state, &PACE, lost), NewerKeys::Fetchable);
        let ticket = state.begin(Reason::Missing, &PACE, lost).unwrap();
        assert!(state.succeed(ticket, Version::of(b"a"), None, lost));
        assert_eq!(newer_keys(&state, &PACE, lost), NewerKeys::None);
    }

    #[test]
    fn a_look_that_never_ended_does_not_count_after_a_step_of_the_clock_either() {
        let mut state = fetched(b"a", START);
        let now = START - 60 * SECOND;
        assert!(state.begin(Reason::Missing, &PACE, now).is_some());
        let lost = now + 6 * SECOND;
        assert_eq!(newer_keys(&state, &PACE, lost), NewerKeys::Fetchable);
    }
}
