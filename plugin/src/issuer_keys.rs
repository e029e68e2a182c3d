//! The issuers' keys in one worker.

mod source;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::issuer::Issuer;
use tollgate_policy::key_source::newer_keys;
use tollgate_policy::keys::KeySet;
use tollgate_policy::token::NewerKeys;

use self::source::KeySource;
use crate::counters::FetchCounters;
use crate::fetched::{Fetched, Outlook};

/// The keys of all issuers, in the configuration's order.
pub struct IssuerKeys(Vec<Keys>);

/// One issuer's.
struct Keys {
    /// None: they are in the configuration.
    fetched: Option<RefCell<Fetched<KeySet>>>,
    counters: FetchCounters,
}

// === impl IssuerKeys ===

impl IssuerKeys {
    /// Nothing known yet.
    pub fn new(issuers: &[Issuer]) -> Self {
        let keys = |(position, issuer)| Keys::new(FetchCounters::of_keys(position), issuer);
        Self(issuers.iter().enumerate().map(keys).collect())
    }

    /// An issuer's keys, where there are some that are fresh enough.
    pub fn keys(&self, position: usize, issuer: &Issuer, now: Duration) -> Option<Arc<KeySet>> {
        match self.0.get(position)?.fetched(issuer) {
            Some((fetched, source)) => fetched.borrow().value(&source, now),
            None => issuer.jwks.inline.clone(),
        }
    }

    /// Whether an issuer may have newer ones. Before it says no, it reads what other workers have found out.
    pub fn newer_keys(&self, position: usize, issuer: &Issuer, now: Duration) -> NewerKeys {
        let keys = self.0.get(position);
        let Some((fetched, source)) = keys.and_then(|keys| keys.fetched(issuer)) else {
            return NewerKeys::None;
        };
        let mut fetched = fetched.borrow_mut();
        let pace = source.remote.pace();
        match newer_keys(fetched.state(), &pace, now) {
            NewerKeys::None | NewerKeys::OutOfReach if fetched.look(&source, now) => {
                NewerKeys::Fetchable
            }
            NewerKeys::None | NewerKeys::OutOfReach => newer_keys(fetched.state(), &pace, now),
            NewerKeys::Fetchable => NewerKeys::Fetchable,
        }
    }

    /// Sees to it that an issuer's keys, or newer ones, are fetched with the next tick.
    pub fn want(&self, position: usize, issuer: &Issuer, now: Duration) -> Outlook {
        let keys = self.0.get(position);
        match keys.and_then(|keys| keys.fetched(issuer)) {
            Some((fetched, source)) => fetched.borrow_mut().want(&source, now),
            None => Outlook::Wait,
        }
    }

    /// Reads what others have fetched, and fetches what is due; tells whether those who wait can be decided on.
    pub fn tick(&self, issuers: &[Issuer], now: Duration) -> bool {
        let mut news = false;
        for (issuer, keys) in issuers.iter().zip(&self.0) {
            if let Some((fetched, source)) = keys.fetched(issuer) {
                news |= fetched.borrow_mut().tick(&source, now);
            } else {
                let inline = issuer.jwks.inline.as_ref();
                keys.counters.record_size(inline.map_or(0, |set| set.len()));
            }
        }
        news
    }

    /// Gives up the fetches of this worker.
    pub fn retire(&self, issuers: &[Issuer], now: Duration) {
        for (issuer, keys) in issuers.iter().zip(&self.0) {
            if let Some((fetched, source)) = keys.fetched(issuer) {
                fetched.borrow_mut().retire(&source, now);
            }
        }
    }

    /// Takes the answer to a callout, if it is one of these; tells whether those who wait can be decided on.
    pub fn answered(
        &self,
        issuers: &[Issuer],
        token: u32,
        size: usize,
        now: Duration,
    ) -> Option<bool> {
        issuers.iter().zip(&self.0).find_map(|(issuer, keys)| {
            let (fetched, source) = keys.fetched(issuer)?;
            fetched.borrow_mut().answered(token, &source, size, now)
        })
    }
}

// === impl Keys ===

impl Keys {
    fn new(counters: FetchCounters, issuer: &Issuer) -> Self {
        let remote = issuer.jwks.remote.as_ref();
        let fetched = remote.map(|remote| {
            RefCell::new(Fetched::new(&KeySource {
                issuer,
                remote,
                counters: &counters,
            }))
        });
        Self { fetched, counters }
    }

    fn fetched<'i>(
        &'i self,
        issuer: &'i Issuer,
    ) -> Option<(&'i RefCell<Fetched<KeySet>>, KeySource<'i>)> {
        let source = KeySource {
            issuer,
            remote: issuer.jwks.remote.as_ref()?,
            counters: &self.counters,
        };
        Some((self.fetched.as_ref()?, source))
    }
}
