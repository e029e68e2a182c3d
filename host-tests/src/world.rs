//! What all workers of one Envoy share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::configuration::{INTROSPECTION_VARIABLE, KEY_VARIABLE};
use crate::host::metrics::Statistics;
use crate::shared::SharedData;
use crate::signature::VerifySignature;
use crate::worker::Worker;

/// When a world begins, in seconds since the Unix epoch: half a minute past a full one.
pub(crate) const NOW: u64 = 1_800_000_030;

/// One Envoy without its workers; a clone is the same one.
#[derive(Clone, Debug)]
pub struct World {
    /// The time that the filter sees.
    pub clock: Clock,
    /// The data of the filter's `vm_id`.
    pub shared: SharedData,
    /// `vm_config.environment_variables`.
    pub environment: Vec<(String, String)>,
    /// The clusters that Envoy knows.
    pub clusters: BTreeSet<String>,
    /// Envoy's own cryptography.
    pub verify_signature: VerifySignature,
    /// What the filter counts.
    pub statistics: Statistics,
}

/// A clock in the test's hand; a clone is the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

// === impl World ===

impl World {
    /// A world with the assertion key and the introspection credential in its environment, and the clusters `issuer` and `accounts`.
    pub fn new() -> Self {
        let key = "k".repeat(32);
        let introspection = "the-gates-own-secret".to_owned();
        Self {
            clock: Clock::default(),
            shared: SharedData::default(),
            environment: vec![
                (KEY_VARIABLE.to_owned(), key),
                (INTROSPECTION_VARIABLE.to_owned(), introspection),
            ],
            clusters: BTreeSet::from(["issuer", "accounts"].map(str::to_owned)),
            verify_signature: VerifySignature::default(),
            statistics: Statistics::default(),
        }
    }

    /// Starts a worker that must take this configuration.
    pub fn worker(&self, configuration: &Value) -> Worker {
        let mut worker = Worker::start(self);
        let taken = worker.configure(configuration.to_string().as_bytes());
        assert!(
            taken,
            "the configuration is refused: {:?}",
            worker.host().log
        );
        worker
    }

    /// The same after its first tick, in which it asks for the keys that it does not have.
    pub fn fetching(&self, configuration: &Value) -> Worker {
        let mut worker = self.worker(configuration);
        worker.tick();
        worker
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Clock ===

impl Clock {
    /// Since the Unix epoch.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Goes on by so much.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Steps back by so much.
    pub fn step_back(&self, by: Duration) {
        self.set(self.now() - by);
    }

    /// Says what time it is, since the Unix epoch.
    pub fn set(&self, now: Duration) {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap();
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}

impl Default for Clock {
    fn default() -> Self {
        let clock = Self(Arc::default());
        clock.set(Duration::from_secs(NOW));
        clock
    }
}
