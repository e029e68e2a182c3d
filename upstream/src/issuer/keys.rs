//! The issuer's keys: fetched when they are first needed, or when a token names an unknown one. Old ones are refreshed
//! in the background: an issuer that does not answer keeps nobody waiting whose key is known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_policy::keys::KeySet;
use tollgate_policy::refusal::Code;

use super::fetch::{Fetch, FetchError};

/// Age at which keys are fetched again, so that a withdrawn key ends. They are used until the new ones are there.
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
    fetch: Arc<tokio::sync::Mutex<F>>,
    state: Arc<Mutex<State>>,
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

impl<F: Fetch + 'static> Keys<F> {
    pub(super) fn new(fetch: F) -> Self {
        Self {
            fetch: Arc::new(tokio::sync::Mutex::new(fetch)),
            state: Arc::default(),
        }
    }

    /// The keys that can be used at once. Where they are old, others are fetched in the background.
    pub(super) fn known(&self) -> Option<Arc<KeySet>> {
        let keys = lock(&self.state).usable()?;
        // Where the lock is taken, a fetch is under way.
        if let Ok(fetch) = Arc::clone(&self.fetch).try_lock_owned()
            && lock(&self.state).is_old()
        {
            self.start(fetch);
        }
        Some(keys)
    }

    /// The keys where none are known: fetched now, unless that failed a moment ago.
    ///
    /// # Errors
    ///
    /// [`Code::KeysUnavailable`].
    pub(super) async fn current(&self) -> Result<Arc<KeySet>, Code> {
        self.fetch_if(State::is_old).await;
        lock(&self.state).usable().ok_or(Code::KeysUnavailable)
    }

    /// The keys for a token whose key `known` does not have: fetched now, unless that was done a moment ago.
    ///
    /// # Errors
    ///
    /// [`Code::KeysUnavailable`] where the last word from the issuer is a failure: the key may be a new one.
    pub(super) async fn newer(&self, known: Arc<KeySet>) -> Result<Arc<KeySet>, Code> {
        self.fetch_if(|state| state.may_look_for_unknown(&known))
            .await;
        let state = lock(&self.state);
        let keys = state.usable().filter(|_| state.failed.is_none());
        keys.ok_or(Code::KeysUnavailable)
    }

    async fn fetch_if(&self, due: impl Fn(&State) -> bool) {
        if !due(&lock(&self.state)) {
            return;
        }
        let fetch = Arc::clone(&self.fetch).lock_owned().await;
        // Somebody else may have fetched them while we waited.
        if due(&lock(&self.state)) {
            // An error is a panic, which has been reported; then there are no new keys.
            let _ = self.start(fetch).await;
        }
    }

    /// Fetches in a task of its own: a client that goes away does not end the fetch, and the cool-downs count it.
    fn start(&self, fetch: OwnedMutexGuard<F>) -> JoinHandle<()> {
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            let outcome = fetch.fetch().await.and_then(|body| {
                KeySet::parse(&body).map_err(|error| FetchError::KeySet(error.to_string()))
            });
            lock(&state).update(outcome);
        })
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_within(since: Option<Instant>, time: Duration) -> bool {
    since.is_some_and(|since| since.elapsed() < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::testing::key_set;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use axum::body::Bytes;
    use futures_util::FutureExt;
    use tokio::task::yield_now;
    use tokio::time::{advance, sleep};
    use tollgate_policy::algorithm::Algorithm;

    /// Answers with a key set of one key, or fails, at once or after `HANGS`.
    #[derive(Default)]
    struct Fake {
        kid: Mutex<Option<&'static str>>,
        hangs: AtomicBool,
        fetches: AtomicUsize,
    }

    const HANGS: Duration = Duration::from_secs(5);

    impl Fetch for Arc<Fake> {
        async fn fetch(&self) -> Result<Bytes, FetchError> {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            if self.hangs.load(Ordering::Relaxed) {
                sleep(HANGS).await;
                return Err(FetchError::Timeout);
            }
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

    fn issuer_with(kid: impl Into<Option<&'static str>>) -> (Arc<Fake>, Keys<Arc<Fake>>) {
        let fake = Arc::new(Fake::default());
        fake.has(kid);
        (Arc::clone(&fake), Keys::new(fake))
    }

    /// Until the fetch that is under way has ended.
    async fn fetched(keys: &Keys<Arc<Fake>>) {
        drop(keys.fetch.lock().await);
    }

    /// As a token with this key asks: whether its key is found.
    async fn ask(keys: &Keys<Arc<Fake>>, kid: &str) -> Result<bool, Code> {
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
        let (fake, keys) = issuer_with("a");
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
        let (fake, keys) = issuer_with("a");
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
        let (fake, keys) = issuer_with(None);
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
        let (fake, keys) = issuer_with("a");
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fake.has(None);
        advance(REFRESH).await;
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fetched(&keys).await;
        assert_eq!(fake.fetches(), 2);
        advance(MAX_STALE).await;
        assert_eq!(ask(&keys, "a").await, Err(Code::KeysUnavailable));
        assert_eq!(fake.fetches(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_are_used_until_new_ones_are_there() {
        let (fake, keys) = issuer_with("a");
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fake.has("b");
        advance(REFRESH).await;
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fetched(&keys).await;
        assert_eq!(ask(&keys, "b").now_or_never(), Some(Ok(true)));
        assert_eq!(ask(&keys, "a").await, Ok(false));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_with_a_known_key_waits_for_an_issuer_that_hangs() {
        let (fake, keys) = issuer_with("a");
        assert_eq!(ask(&keys, "a").await, Ok(true));
        fake.hangs.store(true, Ordering::Relaxed);
        advance(REFRESH).await;
        for _ in 0..4 {
            assert_eq!(ask(&keys, "a").now_or_never(), Some(Ok(true)));
            yield_now().await;
        }
        assert_eq!(fake.fetches(), 2);

        // Who names another key waits for the same fetch.
        assert_eq!(ask(&keys, "b").await, Err(Code::KeysUnavailable));
        assert_eq!(ask(&keys, "a").now_or_never(), Some(Ok(true)));
        yield_now().await;
        assert_eq!(fake.fetches(), 2);
        advance(FAILURE_COOLDOWN).await;
        assert_eq!(ask(&keys, "a").now_or_never(), Some(Ok(true)));
        yield_now().await;
        assert_eq!(fake.fetches(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_outlives_the_one_who_waited_for_it() {
        let (fake, keys) = issuer_with("a");
        assert_eq!(ask(&keys, "a").now_or_never(), None);
        fetched(&keys).await;
        assert_eq!(ask(&keys, "a").now_or_never(), Some(Ok(true)));
        assert_eq!(fake.fetches(), 1);
    }
}
