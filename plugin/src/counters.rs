//! What operators see in Envoy's statistics, as `wasmcustom.tollgate.…`.

use tollgate_policy::refusal::Code;

use crate::host;

/// A counter of this name; counts nothing where the host could not define it.
pub struct Counter(Option<u32>);

/// All counters of one configuration.
pub struct Counters {
    /// Requests to public routes that went on.
    pub public: Counter,
    /// Requests that went on with a verified identity.
    pub forwarded: Counter,
    /// Key sets fetched and taken.
    pub keys_fetched: Counter,
    /// Key sets that could not be fetched, or not be used.
    pub keys_failed: Counter,
    refused: Vec<(Code, Counter)>,
}

// === impl Counter ===

impl Counter {
    fn define(name: &str) -> Self {
        Self(host::define_counter(&format!("tollgate.{name}")).ok())
    }

    /// Counts one.
    pub fn increment(&self) {
        if let Some(id) = self.0 {
            // A count that is lost must not stop a request.
            let _ = host::increment(id);
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
            keys_fetched: Counter::define("keys.fetched"),
            keys_failed: Counter::define("keys.failed"),
            refused: Code::ALL.map(|code| (code, refused(code))).into(),
        }
    }

    /// Counts a refusal.
    pub fn refused(&self, code: Code) {
        if let Some((_, counter)) = self.refused.iter().find(|(known, _)| *known == code) {
            counter.increment();
        }
    }
}
