//! The issuers' keys in one worker: fetched through Envoy's clusters, kept, and fetched again before they grow old.

use std::cell::RefCell;
use std::time::Duration;

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::issuer::Issuer;
use tollgate_policy::key_source::{Remote, Source};
use tollgate_policy::keys::{KeyError, KeySet, MAX_BYTES, PublicKey};

use crate::counters::Counters;
use crate::host::{self, Level};

/// How long after a failure the next try is made.
const RETRY: Duration = Duration::from_secs(1);

/// The keys of all issuers, in the configuration's order.
pub struct IssuerKeys(RefCell<Vec<Fetched>>);

/// What has been fetched for one issuer.
#[derive(Default)]
struct Fetched {
    /// The last good set, and when it came.
    set: Option<(KeySet, Duration)>,
    /// When the last fetch ended, and how long after that the next one is due; none: there was none.
    last: Option<(Duration, Duration)>,
    /// The callout that is under way.
    token: Option<u32>,
    /// What went wrong last, so that each change is logged once.
    failure: Option<String>,
}

// === impl IssuerKeys ===

impl IssuerKeys {
    /// Nothing fetched yet.
    pub fn new(issuers: &[Issuer]) -> Self {
        Self(RefCell::new(
            issuers.iter().map(|_| Fetched::default()).collect(),
        ))
    }

    /// Finds a key and hands it to `verify`.
    ///
    /// # Errors
    ///
    /// There is no such key, or no keys that are fresh enough.
    pub fn with_key<T>(
        &self,
        issuer: usize,
        source: &Source,
        now: Duration,
        algorithm: Algorithm,
        key_id: Option<&str>,
        verify: impl FnOnce(&PublicKey) -> T,
    ) -> Result<T, KeyError> {
        let all = self.0.borrow();
        let fetched = all.get(issuer).and_then(|fetched| fetched.set.as_ref());
        let keys = match (fetched, &source.remote) {
            (Some((keys, since)), Some(remote)) => {
                (now.abs_diff(*since) <= remote.max_stale).then_some(keys)
            }
            _ => source.inline.as_ref(),
        };
        let keys = keys.ok_or(KeyError::NotFetched)?;
        let key = keys.find(algorithm, key_id).ok_or(KeyError::Unknown)?;
        Ok(verify(key.public()))
    }

    /// Starts the fetches that are due.
    pub fn fetch(&self, issuers: &[Issuer], counters: &Counters) {
        let Ok(now) = host::now() else {
            return;
        };
        for (issuer, fetched) in issuers.iter().zip(self.0.borrow_mut().iter_mut()) {
            let Some(remote) = &issuer.jwks.remote else {
                continue;
            };
            if fetched.token.is_some() || !fetched.is_due(now) {
                continue;
            }
            match request(remote) {
                Ok(token) => fetched.token = Some(token),
                Err(why) => fetched.failed(issuer, &why, now, counters),
            }
        }
    }

    /// Starts all fetches that the host can carry out already.
    pub fn fetch_early(&self, issuers: &[Issuer]) {
        for (issuer, fetched) in issuers.iter().zip(self.0.borrow_mut().iter_mut()) {
            let remote = issuer.jwks.remote.as_ref();
            fetched.token = remote.and_then(|remote| request(remote).ok());
        }
    }

    /// Takes the answer to a callout; tells whether it brought keys.
    pub fn answered(
        &self,
        issuers: &[Issuer],
        token: u32,
        size: usize,
        counters: &Counters,
    ) -> bool {
        let mut all = self.0.borrow_mut();
        let Some((issuer, fetched)) = issuers
            .iter()
            .zip(all.iter_mut())
            .find(|(_, fetched)| fetched.token == Some(token))
        else {
            return false;
        };
        fetched.token = None;
        // Without the time nobody could tell how old the keys are; they stay due.
        let Ok(now) = host::now() else {
            return false;
        };
        match read_answer(size) {
            Ok(keys) => {
                fetched.succeeded(keys, issuer, now, counters);
                true
            }
            Err(why) => {
                fetched.failed(issuer, &why, now, counters);
                false
            }
        }
    }
}

fn request(remote: &Remote) -> Result<u32, String> {
    let headers = vec![
        (":method", "GET"),
        (":scheme", &remote.uri.scheme),
        (":authority", &remote.uri.authority),
        (":path", &remote.uri.path),
        ("accept", "application/json"),
        ("user-agent", "tollgate"),
    ];
    host::get(&remote.cluster, headers, remote.timeout).map_err(|_| {
        format!(
            "cluster `{}` is unknown to Envoy or has no host",
            remote.cluster
        )
    })
}

fn read_answer(size: usize) -> Result<KeySet, String> {
    match host::response_status() {
        None => return Err("the connection was closed".to_owned()),
        Some(200) => {}
        // Envoy's own: a callout that cannot connect, or takes too long, is answered by Envoy.
        Some(503) => return Err("status 503: the issuer cannot be reached, or says so".to_owned()),
        Some(504) => return Err("status 504: the issuer did not answer in time".to_owned()),
        Some(status) => return Err(format!("status {status}")),
    }
    if size > MAX_BYTES {
        return Err(format!(
            "the answer has {size} bytes, more than {MAX_BYTES}"
        ));
    }
    let body = host::response_body(size).map_err(|_| "the answer cannot be read".to_owned())?;
    KeySet::parse(&body).map_err(|error| error.to_string())
}

// === impl Fetched ===

impl Fetched {
    /// A clock that has stepped back by as much counts as well: it was wrong before, or is now.
    fn is_due(&self, now: Duration) -> bool {
        self.last
            .is_none_or(|(ended, wait)| now.abs_diff(ended) >= wait)
    }

    fn succeeded(&mut self, keys: KeySet, issuer: &Issuer, now: Duration, counters: &Counters) {
        counters.keys_fetched.increment();
        if self.set.is_none() || self.failure.is_some() {
            let message = format!("tollgate: keys of {} fetched", issuer.issuer);
            host::log(Level::Info, &message);
        }
        let refresh = issuer
            .jwks
            .remote
            .as_ref()
            .map_or(RETRY, |remote| remote.refresh);
        self.set = Some((keys, now));
        self.last = Some((now, refresh));
        self.failure = None;
    }

    /// Keeps what there is.
    fn failed(&mut self, issuer: &Issuer, why: &str, now: Duration, counters: &Counters) {
        counters.keys_failed.increment();
        if self.failure.as_deref() != Some(why) {
            let message = format!("tollgate: keys of {} not fetched: {why}", issuer.issuer);
            host::log(Level::Warn, &message);
            self.failure = Some(why.to_owned());
        }
        self.last = Some((now, RETRY));
    }
}
