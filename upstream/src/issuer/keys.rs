//! The issuer's keys: fetched when they are first needed, refreshed when old or when a token names an unknown one.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_policy::keys::KeySet;
use tollgate_policy::refusal::Code;

use super::fetch::{Fetch, FetchError};

/// Age at which keys are fetched again, so that a withdrawn key ends.
const REFRESH: Duration = Duration::from_secs(10 * 60);

/// Age until which keys are used while the issuer cannot be reached.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// At most one fetch in this time because of keys that the set does not have: anybody can name one.
const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(10);

/// After a fetch that failed, for so long no other is tried.
const FAILURE_COOLDOWN: Duration = Duration::from_secs(1);

/// A key set that keeps itself current.
pub(super) struct Keys<F> {
    /// Held while fetching: whoever else needs new keys waits for the same fetch. Whoever has theirs does not.
    fetch: tokio::sync::Mutex<F>,
    state: std::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// When keys were last fetched.
    fetched: Option<Instant>,
    /// When fetching failed, if it has not succeeded since.
    failed: Option<Instant>,
    /// When keys were last fetched although the set was young, for one that it did not have.
    looked_for_unknown: Option<Instant>,
}

// === impl Keys ===

impl<F: Fetch> Keys<F> {
    pub(super) fn new(fetch: F) -> Self {
        Self {
            fetch: tokio::sync::Mutex::new(fetch),
            state: std::sync::Mutex::default(),
        }
    }

    /// The keys, where they are young: nothing needs to be fetched to use them.
    pub(super) fn known(&self) -> Option<Arc<KeySet>> {
        let state = self.state();
        let young = is_within(state.fetched, REFRESH);
        state.keys.clone().filter(|_| young)
    }

    /// The keys, fetched where they are old.
    ///
    /// # Errors
    ///
    /// [`Code::KeysUnavailable`].
    pub(super) async fn current(&self) -> Result<Arc<KeySet>, Code> {
        self.fetch_if(State::is_old).await;
        self.state().usable().ok_or(Code::KeysUnavailable)
    }

    /// The keys for a token whose key `known` does not have: fetched now, unless that was done a moment ago.
    ///
    /// # Errors
    ///
    /// [`Code::KeysUnavailable`] where the last word from the issuer is a failure: the key may be a new one.
    pub(super) async fn newer(&self, known: Arc<KeySet>) -> Result<Arc<KeySet>, Code> {
        self.fetch_if(|state| state.may_look_for_unknown(&known))
            .await;
        let state = self.state();
        let keys = state.usable().filter(|_| state.failed.is_none());
        keys.ok_or(Code::KeysUnavailable)
    }

    async fn fetch_if(&self, due: impl Fn(&State) -> bool) {
        if !due(&self.state()) {
            return;
        }
        let fetch = self.fetch.lock().await;
        // Somebody else may have fetched them while we waited.
        if due(&self.state()) {
            let outcome = fetch.fetch().await.and_then(|body| {
                KeySet::parse(&body).map_err(|error| FetchError::KeySet(error.to_string()))
            });
            self.state().update(outcome);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn is_old(&self) -> bool {
        !is_within(self.fetched, REFRESH) && !is_within(self.failed, FAILURE_COOLDOWN)
    }

    fn may_look_for_unknown(&self, known: &Arc<KeySet>) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|keys| Arc::ptr_eq(keys, known))
            && !is_within(self.failed, FAILURE_COOLDOWN)
            && !is_within(self.looked_for_unknown, UNKNOWN_KEY_COOLDOWN)
    }

    fn update(&mut self, outcome: Result<KeySet, FetchError>) {
        let now = Some(Instant::now());
        if is_within(self.fetched, REFRESH) {
            self.looked_for_unknown = now;
        }
        match outcome {
            Ok(keys) => {
                self.keys = Some(Arc::new(keys));
                self.fetched = now;
                self.failed = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer's keys cannot be had");
                self.failed = now;
            }
        }
    }

    fn usable(&self) -> Option<Arc<KeySet>> {
        let usable = is_within(self.fetched, MAX_STALE);
        self.keys.clone().filter(|_| usable)
    }
}

fn is_within(since: Option<Instant>, time: Duration) -> bool {
    since.is_some_and(|since| since.elapsed() < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::testing::key_set;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Bytes;
    use tokio::time::advance;
    use tollgate_policy::algorithm::Algorithm;

    /// Answers with a key set of one key, or fails.
    #[derive(Default)]
    struct Fake {
        kid: std::sync::Mutex<Option<&'static str>>,
        fetches: AtomicUsize,
    }

    impl Fetch for &Fake {
        async fn fetch(&self) -> Result<Bytes, FetchError> {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let kid = self.kid.lock().unwrap().ok_or(FetchError::Timeout)?;
            Ok(key_set(kid))
        }
    }

    impl Fake {
        fn has(&self, kid: impl Into<Option<&'static str>>) {
            *self.kid.lock().unwrap() = kid.into();
        }

        fn fetches(&self) -> usize {
            self.fetches.load(Ordering::Relaxed)
        }
    }

    /// As a token with this key asks: whether its key is found.
    async fn ask(keys: &Keys<&Fake>, kid: &str) -> Result<bool, Code> {
        let has = |keys: &KeySet| keys.find(Algorithm::Rs256, Some(kid)).is_some();
        let known = match keys.known() {
            Some(known) => known,
            None => keys.current().await?,
        };
        if has(&known) {
            return Ok(true);
        }
        keys.newer(known).await.map(|keys| has(&keys))
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_need_the_keys_fetch_them_once() {
        let fake = Fake::default();
        fake.has("a");
        let keys = Keys::new(&fake);
        let (one, two, three) = tokio::join!(ask(&keys, "a"), ask(&keys, "a"), ask(&keys, "a"));
        assert_eq!((one, two, three), (Ok(true), Ok(true), Ok(true)));
        assert_eq!(fake.fetches(), 1);

        fake.has("b");
        let (one, two, three) = tokio::join!(ask(&keys, "b"), ask(&keys, "b"), ask(&keys, "b"));
        assert_eq!((one, two, three), (Ok(true), Ok(true), Ok(true)));
        assert_eq!(fake.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_is_looked_for_once_in_a_while() {
        let fake = Fake::default();
        fake.has("a");
        let keys = Keys::new(&fake);
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fake.has("b");
        assert_eq!(ask(&keys, "b").await, Ok(true));
        assert_eq!(ask(&keys, "a").await, Ok(false));
        assert_eq!(ask(&keys, "c").await, Ok(false));
        assert_eq!(fake.fetches(), 2);
        advance(UNKNOWN_KEY_COOLDOWN).await;
        fake.has("c");
        assert_eq!(ask(&keys, "c").await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_issuer_nothing_is_said_about_unknown_keys() {
        let fake = Fake::default();
        let keys = Keys::new(&fake);
        assert_eq!(ask(&keys, "a").await, Err(Code::KeysUnavailable));
        assert_eq!(ask(&keys, "a").await, Err(Code::KeysUnavailable));
        assert_eq!(fake.fetches(), 1);

        fake.has("a");
        advance(FAILURE_COOLDOWN).await;
        assert_eq!(ask(&keys, "a").await, Ok(true));

        fake.has(None);
        assert_eq!(ask(&keys, "b").await, Err(Code::KeysUnavailable));
        assert_eq!(ask(&keys, "a").await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_used_without_the_issuer_for_a_day() {
        let fake = Fake::default();
        fake.has("a");
        let keys = Keys::new(&fake);
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fake.has(None);
        advance(REFRESH).await;
        assert_eq!(ask(&keys, "a").await, Ok(true));
        assert_eq!(fake.fetches(), 2);
        advance(MAX_STALE).await;
        assert_eq!(ask(&keys, "a").await, Err(Code::KeysUnavailable));
    }
}
