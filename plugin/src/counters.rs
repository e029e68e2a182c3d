//! What operators see in Envoy's statistics, as `wasmcustom.tollgate.…`.

use tollgate_policy::fetching::Failure;
use tollgate_policy::refusal::Code;

use crate::host::{self, Metric};

/// A number that only grows; counts nothing where the host could not define it.
pub struct Counter(Option<u32>);

/// A number that was recorded last.
pub struct Gauge(Option<u32>);

/// All counters of one configuration, but for those of what it fetches.
pub struct Counters {
    /// Requests to public routes that went on.
    pub public: Counter,
    /// Requests that went on with a verified identity.
    pub forwarded: Counter,
    /// Tokens that were remembered.
    pub tokens_cached: Counter,
    /// Signatures that Envoy verified.
    pub signatures_by_host: Counter,
    /// Signatures that the module verified.
    pub signatures_by_module: Counter,
    /// Signatures that nobody verified, because there was no time.
    pub signatures_deferred: Counter,
    /// Whether Envoy verifies those that it can.
    pub signatures_offloaded: Gauge,
    refused: Vec<(Code, Counter)>,
}

/// What is counted for something that is fetched.
pub struct FetchCounters {
    /// Fetches that succeeded.
    pub fetched: Counter,
    /// How long ago it was last seen with its server, in seconds.
    pub age: Gauge,
    size: Gauge,
    failed: Vec<(Failure, Counter)>,
}

// === impl Counter ===

impl Counter {
    /// Defines it; once for each configuration.
    pub fn define(name: &str) -> Self {
        Self(define(Metric::Counter, name))
    }

    /// Counts one.
    pub fn increment(&self) {
        if let Some(id) = self.0 {
            // A count that is lost must not stop a request.
            let _ = host::increment(id);
        }
    }
}

// === impl Gauge ===

impl Gauge {
    /// Defines it; once for each configuration.
    pub fn define(name: &str) -> Self {
        Self(define(Metric::Gauge, name))
    }

    /// Records a value; also the same one again, because an older configuration can write another.
    pub fn record(&self, value: u64) {
        if let Some(id) = self.0 {
            let _ = host::record(id, value);
        }
    }
}

// === impl Counters ===

impl Counters {
    /// Defines them; once for each configuration.
    pub fn define() -> Self {
        let refused = |code: Code| Counter::define(&format!("requests.refused.{}", code.as_str()));
        Self {
            public: Counter::define("requests.public"),
            forwarded: Counter::define("requests.forwarded"),
            tokens_cached: Counter::define("tokens.cached"),
            signatures_by_host: Counter::define("signatures.host"),
            signatures_by_module: Counter::define("signatures.module"),
            signatures_deferred: Counter::define("signatures.deferred"),
            signatures_offloaded: Gauge::define("signatures.offloaded"),
            refused: Code::ALL.map(|code| (code, refused(code))).into(),
        }
    }

    /// Counts a refusal.
    pub fn refused(&self, code: Code) {
        count(&self.refused, code);
    }
}

// === impl FetchCounters ===

impl FetchCounters {
    /// Those of an issuer's keys, by its place in the list; once for each configuration.
    pub fn of_keys(position: usize) -> Self {
        let prefix = format!("issuer.{position}.keys");
        Self::define(&prefix, "usable", &Failure::OF_KEYS)
    }

    /// Those of the directory of accounts; once for each configuration.
    pub fn of_the_directory() -> Self {
        Self::define("directory", "accounts", &Failure::OF_THE_DIRECTORY)
    }

    fn define(prefix: &str, size: &str, failures: &[Failure]) -> Self {
        let name = |name: &str| format!("{prefix}.{name}");
        let failed = |why: Failure| Counter::define(&name(&format!("failed.{}", why.as_str())));
        Self {
            fetched: Counter::define(&name("fetched")),
            age: Gauge::define(&name("age_seconds")),
            size: Gauge::define(&name(size)),
            failed: failures.iter().map(|why| (*why, failed(*why))).collect(),
        }
    }

    /// Shows how much there is of it; 0: nothing that could be used.
    pub fn record_size(&self, number: usize) {
        self.size.record(u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// Counts a fetch that failed.
    pub fn failed(&self, why: Failure) {
        count(&self.failed, why);
    }
}

fn define(metric: Metric, name: &str) -> Option<u32> {
    host::define_metric(metric, &format!("tollgate.{name}")).ok()
}

fn count<T: PartialEq>(counters: &[(T, Counter)], what: T) {
    if let Some((_, counter)) = counters.iter().find(|(known, _)| *known == what) {
        counter.increment();
    }
}
