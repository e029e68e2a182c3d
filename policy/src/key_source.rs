//! Where an issuer's keys come from.

mod discovery;
mod newer_keys;

use std::sync::Arc;
use std::time::Duration;

pub use self::discovery::{DiscoveryError, discovered};
pub use self::newer_keys::newer_keys;
use crate::fetching::{self, Pace};
use crate::keys::KeySet;
use crate::uri::Uri;

/// Where an issuer's keys come from: an inline set, a fetched one, or the first until the second is there.
#[derive(Debug)]
pub struct Source {
    /// A set in the configuration.
    pub inline: Option<Arc<KeySet>>,
    /// A set to fetch.
    pub remote: Option<Remote>,
}

/// A key set behind an Envoy cluster.
#[derive(Debug)]
pub struct Remote {
    /// The cluster that reaches the issuer.
    pub cluster: String,
    /// Where the set is.
    pub location: Location,
    /// How old keys grow before they are fetched again.
    pub refresh: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long after one fetch for a key that is not in the set the next one may be made.
    pub unknown_kid_cooldown: Duration,
    /// How old keys may grow while fetching them fails.
    pub max_stale: Duration,
    /// How long a request may wait for keys.
    pub max_wait: Duration,
}

/// Where a key set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Here.
    KeySet(Uri),
    /// Where the `jwks_uri` of the discovery document says, which is here (OpenID Connect Discovery §4).
    Discovery(Uri),
}

// === impl Remote ===

impl Remote {
    /// A name for where the keys of `issuer` come from, the same in every worker: 32 hexadecimal digits.
    pub fn fingerprint(&self, issuer: &str) -> String {
        let (kind, uri) = match &self.location {
            Location::KeySet(uri) => ("set", uri),
            Location::Discovery(uri) => ("discovery", uri),
        };
        fetching::fingerprint(&[
            issuer,
            &self.cluster,
            kind,
            &uri.scheme,
            &uri.authority,
            &uri.path,
        ])
    }

    /// How often the keys are fetched, and how long they last.
    pub fn pace(&self) -> Pace {
        let requests = match self.location {
            Location::KeySet(_) => 1,
            Location::Discovery(_) => 2,
        };
        Pace {
            refresh: self.refresh,
            longest_fetch: self.timeout.saturating_mul(requests),
            max_stale: Some(self.max_stale),
            missing_cooldown: Some(self.unknown_kid_cooldown),
        }
    }
}

// === impl Location ===

impl Location {
    /// The first document to fetch.
    pub fn uri(&self) -> &Uri {
        match self {
            Self::KeySet(uri) | Self::Discovery(uri) => uri,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_own_fingerprint() {
        let remote = |cluster: &str, location: Location| Remote {
            cluster: cluster.to_owned(),
            location,
            refresh: Duration::ZERO,
            timeout: Duration::ZERO,
            unknown_kid_cooldown: Duration::ZERO,
            max_stale: Duration::ZERO,
            max_wait: Duration::ZERO,
        };
        let uri = |text| Uri::parse(text).unwrap();
        let mut all = vec![
            remote("a", Location::KeySet(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://a/b"))).fingerprint("y"),
            remote("b", Location::KeySet(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::Discovery(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("https://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://a/c"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://c/b"))).fingerprint("x"),
        ];
        assert!(all.iter().all(|name| name.len() == 32));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
