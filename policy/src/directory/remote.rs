//! Where the directory comes from.

use std::time::Duration;

use crate::account::AccountRules;
use crate::fetching::{self, Pace};
use crate::uri::Uri;

/// A directory behind an Envoy cluster.
#[derive(Debug)]
pub struct Remote {
    /// The cluster that reaches the server.
    pub cluster: String,
    /// Where the directory is.
    pub uri: Uri,
    /// How old it grows before it is fetched again.
    pub refresh: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a request may wait for the first one.
    pub max_wait: Duration,
    /// The environment variable with what the server is shown; none: nothing.
    pub authorization_env: Option<String>,
}

// === impl Remote ===

impl Remote {
    /// How often it is fetched. The last one known stays for ever: while its server is away, the accounts that there
    /// were are a better answer than none.
    pub fn pace(&self) -> Pace {
        Pace {
            refresh: self.refresh,
            longest_fetch: self.timeout,
            max_stale: None,
            missing_cooldown: None,
        }
    }

    /// A name for where it comes from and by which rules it is read, the same in every worker: 32 hexadecimal digits.
    pub fn fingerprint(&self, rules: &AccountRules) -> String {
        let mut parts = vec![
            self.cluster.as_str(),
            &self.uri.scheme,
            &self.uri.authority,
            &self.uri.path,
            rules.pattern(),
        ];
        // Whom the server takes the gate for can decide what it says.
        parts.extend(self.authorization_env.as_deref());
        fetching::fingerprint(&parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::DEFAULT_PATTERN;

    #[test]
    fn each_has_its_own_fingerprint() {
        let fingerprint = |cluster: &str, uri: &str, pattern: &str| {
            let remote = Remote {
                cluster: cluster.to_owned(),
                uri: Uri::parse(uri).unwrap(),
                refresh: Duration::ZERO,
                timeout: Duration::ZERO,
                max_wait: Duration::ZERO,
                authorization_env: None,
            };
            remote.fingerprint(&AccountRules::new(pattern, Vec::new()).unwrap())
        };
        let mut all = vec![
            fingerprint("a", "http://a/b", DEFAULT_PATTERN),
            fingerprint("b", "http://a/b", DEFAULT_PATTERN),
            fingerprint("a", "https://a/b", DEFAULT_PATTERN),
            fingerprint("a", "http://b/b", DEFAULT_PATTERN),
            fingerprint("a", "http://a/c", DEFAULT_PATTERN),
            fingerprint("a", "http://a/b", "[a-z]+"),
            fingerprint("a", "http://a/b", "[a-y]+"),
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
