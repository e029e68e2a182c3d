//! What operators see in Envoy's statistics, as `wasmcustom.tollgate.…`.

pub(crate) mod pending;

use std::cell::Cell;
use std::rc::Rc;

use tollgate_policy::caps::{Admitted, Caps, StoreError, Window};
use tollgate_policy::config::{Mode, Policy};
use tollgate_policy::decide::Need;
use tollgate_policy::fetching::Failure;
use tollgate_policy::refusal::{Code, Refusal};

use crate::host::{self, Metric};

/// A number that only grows; counts nothing where the host could not define it.
pub struct Counter(Option<Rc<Cell<u64>>>);

/// A number that was recorded last.
pub struct Gauge(Option<u32>);

/// All counters of one configuration, but for those of what it fetches.
pub struct Counters {
    /// Requests to public routes that went on.
    pub public: Counter,
    /// Requests that went on with a verified identity.
    pub forwarded: Counter,
    /// Requests that went on without what they had brought of the gate's own headers.
    pub forged: Counter,
    /// Tokens that were remembered.
    pub tokens_cached: Counter,
    /// Signatures that Envoy verified.
    pub signatures_by_host: Counter,
    /// Signatures that the module verified.
    pub signatures_by_module: Counter,
    /// Signatures that nobody verified, because there was no time.
    pub signatures_deferred: Counter,
    /// By cap, in the configuration's order.
    pub caps: Vec<CapCounters>,
    /// What the shared counts hold.
    pub store: StoreGauges,
    cap_names: Vec<String>,
    paused: Paused,
    refused: Vec<(Code, Counter)>,
    /// Only where refusals are reported.
    reported: Vec<(Code, Counter)>,
    uncounted: Vec<(&'static str, Counter)>,
}

thread_local! {
    /// The root context with the configuration that came last.
    static NEWEST: Cell<Option<u32>> = const { Cell::new(None) };
    /// Whether it is another one's turn.
    static IS_OLD: Cell<bool> = const { Cell::new(false) };
}

/// From now on gauges are this root context's. One whose requests are still ending would hide what is wrong with it.
pub fn gauges_are_of(root: u32) {
    NEWEST.set(Some(root));
    IS_OLD.set(false);
}

/// The turn of this root context begins.
pub fn turn_of(root: u32) {
    IS_OLD.set(NEWEST.get().is_some_and(|newest| newest != root));
}

/// This root context is no more: it may be one that Envoy only tried, and the one before goes on.
pub fn gauges_are_no_more_of(root: u32) {
    if NEWEST.get() == Some(root) {
        NEWEST.set(None);
    }
    IS_OLD.set(false);
}

/// What does not change while a configuration is in force.
pub struct Standing([(Gauge, u64); 4]);

/// Requests that waited, by what for; each once for each thing that it waited for.
struct Paused {
    keys: Counter,
    introspection: Counter,
    directory: Counter,
}

/// What is counted for one cap.
pub struct CapCounters {
    /// Requests that it admitted.
    pub admitted: Counter,
    /// Requests that it counts as under way, of all workers.
    pub in_flight: Gauge,
    refused: Vec<(Window, Counter)>,
}

/// How full the shared counts are.
pub struct StoreGauges {
    /// Accounts with something that still counts.
    pub accounts: Gauge,
    /// Bytes of all slots' values.
    pub bytes: Gauge,
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

/// What is counted about introspection.
pub struct IntrospectionCounters {
    /// Answers that could be read.
    pub answered: Counter,
    /// Requests for which one was remembered.
    pub cached: Counter,
    /// Requests that were refused because too much was to be asked.
    pub crowded: Counter,
    failed: Vec<(Failure, Counter)>,
}

// === impl Counter ===

impl Counter {
    /// Defines it; once for each configuration.
    pub fn define(name: &str) -> Self {
        Self(define(Metric::Counter, name).map(pending::counter))
    }

    /// Counts one. The host is told later ([`pending::tell`]).
    pub fn increment(&self) {
        if let Some(growth) = &self.0 {
            growth.set(growth.get().saturating_add(1));
        }
    }
}

// === impl Gauge ===

impl Gauge {
    /// Defines it; once for each configuration.
    pub fn define(name: &str) -> Self {
        Self(define(Metric::Gauge, name))
    }

    /// Records a value; also the same one again, because another virtual machine can write another.
    pub fn record(&self, value: u64) {
        if let Some(id) = self.0
            && !IS_OLD.get()
        {
            let _ = host::record(id, value);
        }
    }
}

// === impl Counters ===

impl Counters {
    /// Defines them; once for each configuration.
    pub fn define(caps: &Caps, mode: Mode) -> Self {
        let by_code = |what: &str| {
            let counter =
                |code: Code| Counter::define(&format!("requests.{what}.{}", code.as_str()));
            Code::ALL.map(|code| (code, counter(code))).into()
        };
        let uncounted = |name| Counter::define(&format!("shared_counts.failed.{name}"));
        Self {
            public: Counter::define("requests.public"),
            forwarded: Counter::define("requests.forwarded"),
            forged: Counter::define("requests.forged"),
            paused: Paused {
                keys: Counter::define("requests.paused.keys"),
                introspection: Counter::define("requests.paused.introspection"),
                directory: Counter::define("requests.paused.directory"),
            },
            tokens_cached: Counter::define("tokens.cached"),
            signatures_by_host: Counter::define("signatures.host"),
            signatures_by_module: Counter::define("signatures.module"),
            signatures_deferred: Counter::define("signatures.deferred"),
            caps: caps
                .iter()
                .map(|cap| CapCounters::define(cap.name()))
                .collect(),
            cap_names: caps.iter().map(|cap| cap.name().to_owned()).collect(),
            store: StoreGauges {
                accounts: Gauge::define("shared_counts.accounts"),
                bytes: Gauge::define("shared_counts.bytes"),
            },
            refused: by_code("refused"),
            reported: match mode {
                Mode::Enforce => Vec::new(),
                Mode::Report => by_code("reported"),
            },
            uncounted: StoreError::NAMES.map(|name| (name, uncounted(name))).into(),
        }
    }

    /// Counts a refusal.
    pub fn refused(&self, refusal: &Refusal) {
        count(&self.refused, refusal.code);
        self.because_of(refusal);
    }

    /// Counts what would have been a refusal.
    pub fn reported(&self, refusal: &Refusal) {
        count(&self.reported, refusal.code);
        self.because_of(refusal);
    }

    /// Counts a request that its caps admitted.
    pub fn admitted(&self, admitted: &Admitted) {
        for (position, cap) in self.caps.iter().enumerate() {
            if admitted.counted().contains(position) {
                cap.admitted.increment();
            }
        }
    }

    /// Counts a request that waits for something which it has not waited for before.
    pub fn paused(&self, need: Need) {
        match need {
            Need::Keys(_) => self.paused.keys.increment(),
            Need::Introspection(_) => self.paused.introspection.increment(),
            Need::Directory => self.paused.directory.increment(),
        }
    }

    fn because_of(&self, refusal: &Refusal) {
        if let Some(error) = refusal.uncounted {
            count(&self.uncounted, error.as_str());
        }
        if let Some(cap) = &refusal.cap {
            let position = self.cap_names.iter().position(|name| *name == cap.cap);
            if let Some(counters) = position.and_then(|position| self.caps.get(position)) {
                count(&counters.refused, cap.window);
            }
        }
    }
}

// === impl CapCounters ===

impl CapCounters {
    fn define(cap: &str) -> Self {
        let refused =
            |window: Window| Counter::define(&format!("caps.{cap}.refused.{}", window.as_str()));
        Self {
            admitted: Counter::define(&format!("caps.{cap}.admitted")),
            in_flight: Gauge::define(&format!("caps.{cap}.in_flight")),
            refused: Window::ALL.map(|window| (window, refused(window))).into(),
        }
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

// === impl IntrospectionCounters ===

impl IntrospectionCounters {
    /// Defines them; once for each configuration.
    pub fn define() -> Self {
        let name = |name: &str| format!("introspection.{name}");
        let failed = |why: Failure| Counter::define(&name(&format!("failed.{}", why.as_str())));
        Self {
            answered: Counter::define(&name("answered")),
            cached: Counter::define(&name("cached")),
            crowded: Counter::define(&name("crowded")),
            failed: Failure::OF_INTROSPECTION
                .map(|why| (why, failed(why)))
                .into(),
        }
    }

    /// Counts a question to which there was no answer.
    pub fn failed(&self, why: Failure) {
        count(&self.failed, why);
    }
}

// === impl Standing ===

impl Standing {
    /// What is in force with this configuration; `is_configured`: the gate has all that it asks for.
    pub fn new(policy: &Policy, is_configured: bool, offloaded: bool) -> Self {
        let most = u64::try_from(policy.caps.most_bytes()).unwrap_or(u64::MAX);
        let gauge = |(name, value)| (Gauge::define(name), value);
        Self(
            [
                ("configured", is_configured.into()),
                ("enforcing", (policy.mode == Mode::Enforce).into()),
                // Whether Envoy verifies those that it can.
                ("signatures.offloaded", offloaded.into()),
                ("shared_counts.limit_bytes", most),
            ]
            .map(gauge),
        )
    }

    /// Shows it. Again with each tick: Envoy has workers read configurations too that it then gives up, and those show theirs.
    pub fn show(&self) {
        for (gauge, value) in &self.0 {
            gauge.record(*value);
        }
    }
}

/// Shows that there is no configuration to work by: the gate refuses.
pub fn show_unconfigured() {
    Gauge::define("configured").record(0);
}

fn define(metric: Metric, name: &str) -> Option<u32> {
    host::define_metric(metric, &format!("tollgate.{name}")).ok()
}

fn count<T: PartialEq>(counters: &[(T, Counter)], what: T) {
    if let Some((_, counter)) = counters.iter().find(|(known, _)| *known == what) {
        counter.increment();
    }
}
