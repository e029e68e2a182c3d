//! Where one issuer's keys are fetched, and how they are read.

use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::fetching::{Failure, Pace};
use tollgate_policy::issuer::Issuer;
use tollgate_policy::key_source::{DiscoveryError, Location, Remote, discovered};
use tollgate_policy::keys::{KeySet, KeySetError, MAX_BYTES};
use tollgate_policy::uri::Uri;

use crate::counters::FetchCounters;
use crate::fetched::{Failed, Source};

/// The keys of an issuer that publishes them.
pub struct KeySource<'i> {
    /// Whose they are.
    pub issuer: &'i Issuer,
    /// Where they are.
    pub remote: &'i Remote,
    /// What is counted about them.
    pub counters: &'i FetchCounters,
}

impl Source for KeySource<'_> {
    type Value = KeySet;

    const MAX_BYTES: usize = MAX_BYTES;

    /// Each key is a tree of values for a moment.
    const TIMES: usize = 64;

    /// A server that says so wrongly would keep a key alive that was withdrawn.
    const IS_CONDITIONAL: bool = false;

    const TELLS_CHANGES: bool = true;

    const SERVER: &'static str = "the issuer";

    const COUNTED: &'static str = "of use";

    fn name(&self) -> String {
        format!("keys of {}", self.issuer.issuer)
    }

    fn record(&self) -> String {
        let fingerprint = self.remote.fingerprint(&self.issuer.issuer);
        format!("tollgate.keys.v2.{fingerprint}")
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
        self.remote.location.uri()
    }

    fn authorization(&self) -> Option<&str> {
        None
    }

    fn leads_to(&self, step: u8, answer: &[u8]) -> Result<Option<Uri>, Failed> {
        match (step, &self.remote.location) {
            (0, Location::Discovery(_)) => Ok(Some(discovered(answer, &self.issuer.issuer)?)),
            _ => Ok(None),
        }
    }

    fn parse(&self, text: &[u8], previous: Option<&KeySet>) -> Result<KeySet, Failed> {
        let set = KeySet::parse(text)?;
        Ok(match previous {
            Some(previous) => set.sharing(previous),
            None => set,
        })
    }

    fn count(value: &KeySet) -> usize {
        value.len()
    }

    fn fallback(&self) -> Option<Arc<KeySet>> {
        self.issuer.jwks.inline.clone()
    }

    fn counters(&self) -> &FetchCounters {
        self.counters
    }
}

impl From<KeySetError> for Failed {
    fn from(error: KeySetError) -> Self {
        let kind = match error {
            KeySetError::TooLarge(_) => Failure::TooLarge,
            KeySetError::NotJson(_) => Failure::NotJson,
            KeySetError::NotAKeySet(_) | KeySetError::NoUsableKey { .. } => Failure::NoUsableKey,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<DiscoveryError> for Failed {
    fn from(error: DiscoveryError) -> Self {
        Self::new(Failure::Discovery, error.to_string())
    }
}
