//! The directory of accounts in one worker.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::account::AccountRules;
use tollgate_policy::config::Policy;
use tollgate_policy::directory::{Directory, DirectoryError, MAX_BYTES, Remote};
use tollgate_policy::fetching::{Failure, Pace};
use tollgate_policy::uri::Uri;

use crate::counters::FetchCounters;
use crate::environment;
use crate::fetched::{Failed, Fetched, Outlook, Source};

/// The directory, where one is configured.
pub struct AccountDirectory(Option<Configured>);

struct Configured {
    fetched: RefCell<Fetched<Directory>>,
    authorization: Option<String>,
    counters: FetchCounters,
}

/// Where the directory is fetched, and how it is read.
struct DirectorySource<'p> {
    remote: &'p Remote,
    rules: &'p AccountRules,
    authorization: Option<&'p str>,
    counters: &'p FetchCounters,
}

// === impl AccountDirectory ===

impl AccountDirectory {
    /// Nothing known yet.
    pub fn new(policy: &Policy) -> Self {
        Self(policy.directory.as_ref().map(|remote| {
            let counters = FetchCounters::of_the_directory();
            let variable = remote.authorization_env.as_deref();
            let authorization = variable.and_then(|variable| {
                environment::authorization(variable, "fetching the directory without a credential")
            });
            let source = DirectorySource {
                remote,
                rules: &policy.accounts,
                authorization: authorization.as_deref(),
                counters: &counters,
            };
            let fetched = RefCell::new(Fetched::new(&source));
            Configured {
                fetched,
                authorization,
                counters,
            }
        }))
    }

    /// Whether the environment has what its server is to be shown.
    pub fn has_its_credential(&self, policy: &Policy) -> bool {
        self.fetched(policy).is_none_or(|(_, source)| {
            source.remote.authorization_env.is_none() || source.authorization.is_some()
        })
    }

    /// The last one known, where there is one.
    pub fn directory(&self, policy: &Policy, now: Duration) -> Option<Arc<Directory>> {
        let (fetched, source) = self.fetched(policy)?;
        fetched.borrow().value(&source, now)
    }

    /// Sees to it that it is fetched with the next tick.
    pub fn want(&self, policy: &Policy, now: Duration) -> Outlook {
        match self.fetched(policy) {
            Some((fetched, source)) => fetched.borrow_mut().want(&source, now),
            None => Outlook::Wait,
        }
    }

    /// Reads what others have fetched, and fetches what is due; tells whether those who wait can be decided on.
    pub fn tick(&self, policy: &Policy, now: Duration) -> bool {
        self.fetched(policy)
            .is_some_and(|(fetched, source)| fetched.borrow_mut().tick(&source, now))
    }

    /// Gives up the fetch of this worker.
    pub fn retire(&self, policy: &Policy, now: Duration) {
        if let Some((fetched, source)) = self.fetched(policy) {
            fetched.borrow_mut().retire(&source, now);
        }
    }

    /// Takes the answer to a callout, if it is this one's; tells whether those who wait can be decided on.
    pub fn answered(
        &self,
        policy: &Policy,
        token: u32,
        size: usize,
        now: Duration,
    ) -> Option<bool> {
        let (fetched, source) = self.fetched(policy)?;
        fetched.borrow_mut().answered(token, &source, size, now)
    }

    fn fetched<'p>(
        &'p self,
        policy: &'p Policy,
    ) -> Option<(&'p RefCell<Fetched<Directory>>, DirectorySource<'p>)> {
        let configured = self.0.as_ref()?;
        let source = DirectorySource {
            remote: policy.directory.as_ref()?,
            rules: &policy.accounts,
            authorization: configured.authorization.as_deref(),
            counters: &configured.counters,
        };
        Some((&configured.fetched, source))
    }
}

// === impl DirectorySource ===

impl Source for DirectorySource<'_> {
    type Value = Directory;

    const MAX_BYTES: usize = MAX_BYTES;

    /// It is never a tree of values.
    const TIMES: usize = 8;

    /// It is asked for every few seconds, and seldom changes.
    const IS_CONDITIONAL: bool = true;

    const TELLS_CHANGES: bool = false;

    const SERVER: &'static str = "the server";

    const COUNTED: &'static str = "accounts";

    fn name(&self) -> String {
        "directory of accounts".to_owned()
    }

    fn record(&self) -> String {
        let fingerprint = self.remote.fingerprint(self.rules);
        format!("tollgate.directory.v1.{fingerprint}")
    }

    fn pace(&self) -> Pace {
        self.remote.pace()
    }

    fn cluster(&self) -> &str {
        &self.remote.cluster
    }

    fn timeout(&self) -> Duration {
        self.remote.timeout
    }

    fn uri(&self) -> &Uri {
        &self.remote.uri
    }

    fn authorization(&self) -> Option<&str> {
        self.authorization
    }

    fn leads_to(&self, _step: u8, _answer: &[u8]) -> Result<Option<Uri>, Failed> {
        Ok(None)
    }

    fn parse(&self, text: &[u8], _previous: Option<&Directory>) -> Result<Directory, Failed> {
        Ok(Directory::parse(text, self.rules)?)
    }

    fn count(value: &Directory) -> usize {
        value.len()
    }

    fn fallback(&self) -> Option<Arc<Directory>> {
        None
    }

    fn counters(&self) -> &FetchCounters {
        self.counters
    }
}

impl From<DirectoryError> for Failed {
    fn from(error: DirectoryError) -> Self {
        let kind = match error {
            DirectoryError::TooLarge(_) => Failure::TooLarge,
            DirectoryError::NotJson(_) => Failure::NotJson,
            DirectoryError::Wrong(_) => Failure::NotADirectory,
        };
        Self::new(kind, error.to_string())
    }
}
