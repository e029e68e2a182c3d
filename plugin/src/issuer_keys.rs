//! The issuers' keys in one worker: fetched by one worker for all, read by each when they change.

mod callout;
mod keys;
mod shared;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::issuer::Issuer;
use tollgate_policy::keys::KeySet;
use tollgate_policy::token::NewerKeys;

use self::keys::Keys;
use crate::host;

/// The keys of all issuers, in the configuration's order.
pub struct IssuerKeys(Vec<RefCell<Keys>>);

/// What is to be done about a request that needs keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// They are being fetched, or will be.
    Wait,
    /// More is known than a moment ago: decide again.
    DecideAgain,
}

// === impl IssuerKeys ===

impl IssuerKeys {
    /// Nothing known yet.
    pub fn new(issuers: &[Issuer]) -> Self {
        let keys = |(position, issuer)| RefCell::new(Keys::new(position, issuer));
        Self(issuers.iter().enumerate().map(keys).collect())
    }

    /// An issuer's keys, where there are some that are fresh enough.
    pub fn keys(&self, position: usize, issuer: &Issuer, now: Duration) -> Option<Arc<KeySet>> {
        self.0.get(position)?.borrow().keys(issuer, now)
    }

    /// Whether an issuer may have newer ones. Before it says no, it reads what other workers have found out.
    pub fn newer_keys(&self, position: usize, issuer: &Issuer, now: Duration) -> NewerKeys {
        let (Some(keys), Some(remote)) = (self.0.get(position), &issuer.jwks.remote) else {
            return NewerKeys::None;
        };
        keys.borrow_mut().newer_keys(issuer, remote, now)
    }

    /// Sees to it that an issuer's keys, or newer ones, are fetched, with the next tick: a callout belongs to the
    /// context that makes it, and a stream can end before the answer.
    pub fn want(&self, position: usize, issuer: &Issuer, now: Duration) -> Outlook {
        match (self.0.get(position), &issuer.jwks.remote) {
            (Some(keys), Some(remote)) => keys.borrow_mut().want(issuer, remote, now),
            _ => Outlook::Wait,
        }
    }

    /// Reads what others have fetched, and fetches what is due; tells whether those who wait can be decided on.
    pub fn tick(&self, issuers: &[Issuer], now: Duration) -> bool {
        let mut news = false;
        for (issuer, keys) in issuers.iter().zip(&self.0) {
            news |= keys.borrow_mut().tick(issuer, now);
        }
        news
    }

    /// Gives up the fetches of this worker, whose answers nobody will be there for: others may begin at once.
    pub fn retire(&self, issuers: &[Issuer]) {
        let Ok(now) = host::now() else {
            return;
        };
        for (issuer, keys) in issuers.iter().zip(&self.0) {
            keys.borrow_mut().retire(issuer, now);
        }
    }

    /// Takes the answer to a callout; tells whether those who wait can be decided on.
    pub fn answered(&self, issuers: &[Issuer], token: u32, size: usize, now: Duration) -> bool {
        for (issuer, keys) in issuers.iter().zip(&self.0) {
            if let Some(news) = keys.borrow_mut().answered(token, issuer, size, now) {
                return news;
            }
        }
        false
    }
}
