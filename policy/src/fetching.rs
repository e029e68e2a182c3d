//! When an issuer's keys are fetched, and by whom: by one worker for all of them.
//!
//! Every worker has a timer of its own and none knows of the others, so they agree through one shared record an
//! issuer, changed by compare-and-swap. Whoever begins a fetch writes down when; until it ends, or has taken too long,
//! nobody else begins one. What was fetched is in the same record, so it comes with its age or not at all.

mod failure;
mod record;

use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::failure::Failure;
use crate::key_source::{Location, Remote};
use crate::token::NewerKeys;

/// How long after a failure the next fetch begins, while there are no keys.
const RETRY_WITHOUT_KEYS: Duration = Duration::from_millis(500);

/// The same while there are keys that can still be used.
const RETRY_WITH_KEYS: Duration = Duration::from_secs(10);

/// Beyond the fetch's own timeouts, for the worker that fetches to say how it went.
const GRACE: Duration = Duration::from_secs(1);

/// What all workers know about one issuer's keys. Times are since the Unix epoch; zero is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchState {
    /// [`version_of`] the set; zero: there is none.
    version: u64,
    /// When the set was last seen with the issuer.
    fetched: Duration,
    /// When the last fetch ended, well or not.
    ended: Duration,
    /// When the one that is under way began; zero: none is.
    began: Duration,
    /// When the last one for an unknown key began.
    looked_for_unknown: Duration,
    /// Fetches begun.
    ticket: u64,
    /// How the last one failed, if it did.
    failure: Option<Failure>,
    /// The key set as the issuer sent it.
    set: Vec<u8>,
}

/// The right to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are no keys, or they grow old.
    Age,
    /// A token names a key that is not among them.
    UnknownKey,
}

// === impl FetchState ===

impl FetchState {
    /// Changes whenever the set does; zero: there is none.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The key set as the issuer sent it.
    pub fn set(&self) -> &[u8] {
        &self.set
    }

    /// Drops the key set, once it has been read.
    pub fn forget_set(&mut self) {
        self.set = Vec::new();
    }

    /// How the last fetch failed, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// How long ago the set was last seen with the issuer; nothing where there is none.
    ///
    /// A clock that has stepped back counts as well: it was wrong before, or is now.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        (self.version != 0).then(|| now.abs_diff(self.fetched))
    }

    /// Whether there is a set that is not too old to be used.
    pub fn is_usable(&self, remote: &Remote, now: Duration) -> bool {
        self.age(now).is_some_and(|age| age <= remote.max_stale)
    }

    /// Whether somebody is fetching.
    pub fn is_under_way(&self, remote: &Remote, now: Duration) -> bool {
        !self.began.is_zero() && now.abs_diff(self.began) < longest_fetch(remote)
    }

    /// Whether a key that is not in the set may be in a newer one. Only an answer of the issuer says that it is not.
    pub fn newer_keys(&self, remote: &Remote, now: Duration) -> NewerKeys {
        if self.is_under_way(remote, now) || self.may_look_for_unknown(remote, now) {
            NewerKeys::Fetchable
        } else if self.failure.is_some() {
            NewerKeys::OutOfReach
        } else if self.is_usable(remote, now) {
            NewerKeys::None
        } else {
            // The first fetch is about to begin.
            NewerKeys::Fetchable
        }
    }

    /// Begins a fetch, if it is time for one and nobody is at it. It is begun once this state is in the shared record.
    pub fn begin(&mut self, reason: Reason, remote: &Remote, now: Duration) -> Option<Ticket> {
        let due = match reason {
            Reason::Age => self.is_due(remote, now),
            Reason::UnknownKey => self.may_look_for_unknown(remote, now),
        };
        if !due || self.is_under_way(remote, now) {
            return None;
        }
        if self.ended > now {
            // The clock has stepped back: what ended then has not answered what begins now.
            self.ended = Duration::ZERO;
        }
        if reason == Reason::UnknownKey {
            self.looked_for_unknown = now;
        }
        self.began = now;
        self.ticket = self.ticket.wrapping_add(1);
        Some(Ticket(self.ticket))
    }

    /// Ends a fetch with the issuer's key set, which must be one that can be used. Tells whether it was still this
    /// worker's turn.
    pub fn succeed(&mut self, ticket: Ticket, set: &[u8], now: Duration) -> bool {
        if !self.end(ticket, now) {
            return false;
        }
        self.version = version_of(set);
        set.clone_into(&mut self.set);
        self.fetched = now;
        self.failure = None;
        true
    }

    /// Ends a fetch without one; what there is stays. Tells whether it was still this worker's turn.
    pub fn fail(&mut self, ticket: Ticket, failure: Failure, now: Duration) -> bool {
        let ended = self.end(ticket, now);
        if ended {
            self.failure = Some(failure);
        }
        ended
    }

    /// Gives a fetch up, of which nothing is known: it is as if it had not begun, and others may at once.
    pub fn give_up(&mut self, ticket: Ticket) -> bool {
        let under_way = ticket == Ticket(self.ticket) && !self.began.is_zero();
        if under_way {
            if self.began == self.looked_for_unknown {
                self.looked_for_unknown = Duration::ZERO;
            }
            self.began = Duration::ZERO;
        }
        under_way
    }

    fn end(&mut self, ticket: Ticket, now: Duration) -> bool {
        if ticket != Ticket(self.ticket) {
            return false;
        }
        self.began = Duration::ZERO;
        self.ended = now;
        true
    }

    fn is_due(&self, remote: &Remote, now: Duration) -> bool {
        let (since, wait) = match self.failure {
            _ if !self.is_usable(remote, now) => (self.ended, RETRY_WITHOUT_KEYS),
            Some(_) => (self.ended, RETRY_WITH_KEYS.min(remote.refresh)),
            None => (self.fetched, remote.refresh),
        };
        now.abs_diff(since) >= wait
    }

    fn may_look_for_unknown(&self, remote: &Remote, now: Duration) -> bool {
        let cooled_down = now.abs_diff(self.looked_for_unknown) >= remote.unknown_kid_cooldown;
        self.is_usable(remote, now) && (cooled_down || self.is_look_unanswered())
    }

    /// Whether no fetch has ended since the last one for an unknown key began: whoever began it is gone, or still at it.
    fn is_look_unanswered(&self) -> bool {
        self.looked_for_unknown > self.ended
    }
}

/// Eight bytes of a set's SHA-256, never zero: another set has another version, also where the record had to be begun
/// anew, and bytes that are not those which were written show.
fn version_of(set: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(set).into();
    let first = hash.first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first).max(1)
}

fn longest_fetch(remote: &Remote) -> Duration {
    let requests = match remote.location {
        Location::KeySet(_) => 1,
        Location::Discovery(_) => 2,
    };
    remote.timeout * requests + GRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_source::Uri;

    const START: Duration = Duration::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn remote() -> Remote {
        Remote {
            cluster: "issuer".to_owned(),
            location: Location::KeySet(Uri::parse("http://issuer/keys").unwrap()),
            refresh: 600 * SECOND,
            timeout: 5 * SECOND,
            unknown_kid_cooldown: 30 * SECOND,
            max_stale: 3600 * SECOND,
            max_wait: 2 * SECOND,
        }
    }

    fn fetched(set: &[u8], now: Duration) -> FetchState {
        let mut state = FetchState::default();
        let ticket = state.begin(Reason::Age, &remote(), now).unwrap();
        assert!(state.succeed(ticket, set, now));
        state
    }

    #[test]
    fn one_fetches_and_the_others_do_not() {
        let mut state = FetchState::default();
        assert!(state.begin(Reason::Age, &remote(), START).is_some());
        for reason in [Reason::Age, Reason::UnknownKey] {
            assert_eq!(state.begin(reason, &remote(), START + 5 * SECOND), None);
        }
        assert_eq!(state.newer_keys(&remote(), START), NewerKeys::Fetchable);
    }

    #[test]
    fn another_takes_over_from_one_who_is_gone() {
        let mut state = FetchState::default();
        let gone = state.begin(Reason::Age, &remote(), START).unwrap();
        let later = START + 6 * SECOND;
        let next = state.begin(Reason::Age, &remote(), later).unwrap();
        assert!(!state.succeed(gone, b"old", later), "it came back too late");
        assert!(!state.fail(gone, Failure::Timeout, later));
        assert!(state.succeed(next, b"new", later));
        assert_eq!(state.set(), b"new");
    }

    #[test]
    fn keys_are_fetched_again_before_they_are_old() {
        let mut state = fetched(b"a", START);
        let version = state.version();
        assert_eq!(
            state.begin(Reason::Age, &remote(), START + 599 * SECOND),
            None
        );
        let now = START + 600 * SECOND;
        let ticket = state.begin(Reason::Age, &remote(), now).unwrap();
        assert!(state.succeed(ticket, b"a", now));
        assert_eq!(state.version(), version, "nothing to read again");
        assert_eq!(state.age(now), Some(Duration::ZERO));
        let now = START + 1200 * SECOND;
        let ticket = state.begin(Reason::Age, &remote(), now).unwrap();
        assert!(state.succeed(ticket, b"b", now));
        assert_ne!(state.version(), version);
    }

    #[test]
    fn a_failure_keeps_what_there_is_until_it_is_too_old() {
        let mut state = fetched(b"a", START);
        let now = START + 600 * SECOND;
        let ticket = state.begin(Reason::Age, &remote(), now).unwrap();
        assert!(state.fail(ticket, Failure::Connect, now));
        assert_eq!(
            (state.set(), state.failure()),
            (&b"a"[..], Some(Failure::Connect))
        );
        assert_eq!(state.begin(Reason::Age, &remote(), now + 9 * SECOND), None);
        assert!(
            state
                .clone()
                .begin(Reason::Age, &remote(), now + 10 * SECOND)
                .is_some()
        );
        assert!(state.is_usable(&remote(), START + 3600 * SECOND));
        assert!(!state.is_usable(&remote(), START + 3601 * SECOND));
    }

    #[test]
    fn without_keys_it_is_tried_again_soon() {
        let mut state = FetchState::default();
        let ticket = state.begin(Reason::Age, &remote(), START).unwrap();
        assert!(state.fail(ticket, Failure::NoHost, START));
        assert_eq!(
            state.begin(Reason::Age, &remote(), START + SECOND / 4),
            None
        );
        assert!(
            state
                .begin(Reason::Age, &remote(), START + SECOND / 2)
                .is_some()
        );
    }

    #[test]
    fn unknown_keys_are_looked_for_once_a_cooldown() {
        let mut state = fetched(b"a", START);
        assert_eq!(state.newer_keys(&remote(), START), NewerKeys::Fetchable);
        let ticket = state.begin(Reason::UnknownKey, &remote(), START).unwrap();
        assert!(state.succeed(ticket, b"a", START));
        let now = START + 29 * SECOND;
        assert_eq!(state.newer_keys(&remote(), now), NewerKeys::None);
        assert_eq!(state.begin(Reason::UnknownKey, &remote(), now), None);
        let now = START + 30 * SECOND;
        let ticket = state.begin(Reason::UnknownKey, &remote(), now).unwrap();
        assert!(state.fail(ticket, Failure::Timeout, now));
        assert_eq!(state.newer_keys(&remote(), now), NewerKeys::OutOfReach);
    }

    #[test]
    fn a_look_that_never_ended_does_not_count() {
        let mut state = fetched(b"a", START);
        let now = START + 60 * SECOND;
        assert!(state.begin(Reason::UnknownKey, &remote(), now).is_some());
        let lost = now + 6 * SECOND;
        assert!(!state.is_under_way(&remote(), lost));
        assert_eq!(state.newer_keys(&remote(), lost), NewerKeys::Fetchable);
        let ticket = state.begin(Reason::UnknownKey, &remote(), lost).unwrap();
        assert!(state.succeed(ticket, b"a", lost));
        assert_eq!(state.newer_keys(&remote(), lost), NewerKeys::None);
    }

    #[test]
    fn a_look_that_never_ended_does_not_count_after_a_step_of_the_clock_either() {
        let mut state = fetched(b"a", START);
        let now = START - 60 * SECOND;
        assert!(state.begin(Reason::UnknownKey, &remote(), now).is_some());
        let lost = now + 6 * SECOND;
        assert_eq!(state.newer_keys(&remote(), lost), NewerKeys::Fetchable);
    }

    #[test]
    fn a_fetch_that_is_given_up_can_be_begun_again_at_once() {
        let mut state = fetched(b"a", START);
        let now = START + 60 * SECOND;
        let ticket = state.begin(Reason::UnknownKey, &remote(), now).unwrap();
        assert!(state.give_up(ticket));
        assert_eq!(state.failure(), None);
        assert!(state.begin(Reason::UnknownKey, &remote(), now).is_some());
        assert!(!state.give_up(ticket), "that one is somebody else's");
    }

    #[test]
    fn a_clock_that_steps_stops_nothing_for_ever() {
        let day = 86_400 * SECOND;
        for now in [START - day, START + day] {
            let mut state = fetched(b"a", START);
            state.began = START;
            assert!(!state.is_under_way(&remote(), now));
            assert!(!state.is_usable(&remote(), now));
            assert!(state.begin(Reason::Age, &remote(), now).is_some());
        }
    }
}
