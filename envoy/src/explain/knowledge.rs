//! What the gate would know, from what is given: the same that the module is told in the replay.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tollgate_policy::account::AccountName;
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::assertion::AssertionKey;
use tollgate_policy::caps::{
    Asked, Cap, Caps, Counts, Limits, Roster, Rules, Store, StoreError, Version, Window, WorkerId,
};
use tollgate_policy::directory::Directory;
use tollgate_policy::introspection::authorization;
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::membership::Grant;
use tollgate_policy::signature;
use tollgate_policy::token::{NewerKeys, Unverifiable, Verifier};

use super::given::{Document, Given, Spent};
use super::source::Source;

/// Everything outside the rules.
pub struct Known {
    now: Duration,
    keys: Vec<IssuerKeys>,
    /// Whether the gate could ask about keys.
    pub can_introspect: bool,
    /// The accounts, where they are fetched and the gate could do so.
    pub directory: Option<Arc<Directory>>,
    /// The document behind it, and whether it is only assumed.
    pub directory_text: Option<(String, bool)>,
    /// What assertions are signed with, if the gate has it.
    pub assertion_key: Option<AssertionKey>,
    /// The gate's environment.
    pub environment: BTreeMap<String, String>,
    slots: Slots,
    roster: Rc<Roster>,
    worker: WorkerId,
}

struct IssuerKeys {
    set: Option<Arc<KeySet>>,
    newer: NewerKeys,
}

/// A store for one worker.
#[derive(Default)]
struct Slots(RefCell<HashMap<u32, (Vec<u8>, u32)>>);

// === impl Known ===

impl Known {
    /// What is known at `now`, where the token says that it is of the issuer `named`, and the request that it is for
    /// `account`.
    pub fn new(
        source: &Source,
        given: &Given,
        named: Option<&str>,
        account: Option<&AccountName>,
        now: Duration,
    ) -> Self {
        let policy = &source.policy;
        let issuers = policy.issuers.iter();
        let keys = issuers.map(|issuer| {
            let given = given.keys(&issuer.issuer, named);
            let fetched = given.filter(|_| issuer.jwks.remote.is_some());
            let set = fetched.and_then(|keys| KeySet::parse(keys.document.text.as_bytes()).ok());
            let is_open = issuer.jwks.remote.is_some() && set.is_none();
            IssuerKeys {
                set: set.map(Arc::new).or_else(|| issuer.jwks.inline.clone()),
                newer: if is_open {
                    NewerKeys::Fetchable
                } else {
                    NewerKeys::None
                },
            }
        });
        let keys = keys.collect();
        let mut environment = BTreeMap::new();
        let mut has = |name: &str| match source.environment.value(name) {
            Some(value) => {
                environment.insert(name.to_owned(), value);
                true
            }
            None => false,
        };
        let assertion = policy.assertion.as_ref().map(|rules| &rules.key_env);
        let has_assertion_key = assertion.is_some_and(|name| has(name));
        let introspection = policy.api_keys.as_ref();
        let shown = introspection.map(|keys| keys.remote.authorization_env.as_str());
        let has_shown = shown.is_some_and(&mut has);
        let directory = policy.directory.as_ref();
        let can_fetch = directory
            .is_some_and(|remote| remote.authorization_env.as_deref().is_none_or(&mut has));
        let value = |name: &str| environment.get(name).map(String::as_str);
        let key = assertion.and_then(|name| value(name));
        let key = key.and_then(|key| AssertionKey::new(key.as_bytes()).ok());
        let can_introspect = has_shown
            && shown
                .and_then(value)
                .is_some_and(|value| authorization(value).is_some());

        let directory_text = match (&given.directory, can_fetch) {
            (_, false) => None,
            (Some(Document { text, .. }), true) => Some((text.clone(), false)),
            (None, true) => {
                let active = account.map(|name| (name.to_string(), json!({"status": "active"})));
                let accounts: serde_json::Map<_, _> = active.into_iter().collect();
                Some((json!({"accounts": accounts}).to_string(), true))
            }
        };
        let directory = directory_text.as_ref().and_then(|(text, _)| {
            let directory = Directory::parse(text.as_bytes(), &policy.accounts);
            directory.ok().map(Arc::new)
        });
        let mut roster = Roster::new([7; 16]);
        let worker = roster.join();
        Self {
            now,
            keys,
            can_introspect,
            directory,
            directory_text,
            assertion_key: key.filter(|_| has_assertion_key),
            environment,
            slots: Slots::default(),
            roster: Rc::new(roster),
            worker,
        }
    }

    /// Where requests are counted.
    pub fn counts(&self) -> Counts<'_, impl Store> {
        Counts {
            store: &self.slots,
            roster: Rc::clone(&self.roster),
            worker: self.worker,
        }
    }

    /// Counts what the account has used already, each in its one window.
    ///
    /// # Errors
    ///
    /// There is no room for it, which there is.
    pub fn spend(&self, spent: &[Spent], grant: &Grant, asked: &Asked<'_>) -> Result<(), String> {
        for Spent { cap, window, count } in spent {
            let most = |this: Window| (this == *window).then_some(u32::MAX);
            let limits = Limits {
                concurrent: most(Window::Concurrent),
                per_minute: most(Window::Minute),
                per_hour: most(Window::Hour),
                per_day: most(Window::Day),
            };
            let cap = Cap::new(cap.clone(), None, limits, BTreeMap::new());
            let only = Caps::new(vec![cap], Rules::default());
            for _ in 0..*count {
                // What an account has of its own would limit it.
                let asked = Asked {
                    own: None,
                    ..*asked
                };
                only.admit(grant.clone(), &asked, self.now, || Ok(self.counts()))
                    .map_err(|refusal| refusal.detail.to_owned())?;
            }
        }
        Ok(())
    }
}

impl Verifier for Known {
    fn now(&self) -> Option<Duration> {
        Some(self.now)
    }

    fn keys(&self, issuer: usize) -> Option<Arc<KeySet>> {
        self.keys.get(issuer)?.set.clone()
    }

    fn newer_keys(&self, issuer: usize) -> NewerKeys {
        let keys = self.keys.get(issuer);
        keys.map_or(NewerKeys::None, |keys| keys.newer)
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        Ok(signature::verify(algorithm, key, signed, signature))
    }
}

impl Store for Slots {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        Ok(match self.0.borrow().get(&slot) {
            None => (Vec::new(), None),
            Some((bytes, version)) => (bytes.clone(), Some(*version)),
        })
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        let mut slots = self.0.borrow_mut();
        if slots.get(&slot).map(|(_, version)| *version) != version {
            return Ok(false);
        }
        slots.insert(slot, (bytes.to_vec(), version.unwrap_or(0) + 1));
        Ok(true)
    }
}
