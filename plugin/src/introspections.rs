//! What this worker asks the issuers of credentials, and what they have said.

mod asking;
mod callout;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tollgate_policy::config::Policy;
use tollgate_policy::digest::Digest;
use tollgate_policy::fetching::Failure;
use tollgate_policy::introspection::{ApiKeys, Inquiry, IntrospectionCache};

pub use self::asking::Full;
use self::asking::{Asking, InFlight};
use crate::counters::IntrospectionCounters;
use crate::environment;
use crate::fetched::Failed;
use crate::host::{self, Level};
use crate::news;

/// What is said of the server of introspection, by whichever worker.
const HEALTH: &str = "introspection";

/// How often the log says whether there are answers, at most.
const LOGGED: Duration = Duration::from_secs(1);

/// The host ends a callout after its timeout. Should it forget one, it counts as lost so much later.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// Introspection, where it is configured.
pub struct Introspections(Option<Configured>);

struct Configured {
    /// None: nobody can be asked.
    authorization: Option<String>,
    cache: IntrospectionCache,
    asking: RefCell<Asking>,
    counters: IntrospectionCounters,
    health: Health,
}

/// Whether there are answers, as the log says.
#[derive(Default)]
struct Health {
    last: Cell<Last>,
    said: Cell<Duration>,
}

/// What became of the last question that anything was said of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Unknown,
    Answered,
    Failed(Failure),
}

// === impl Introspections ===

impl Introspections {
    /// Nothing known yet.
    pub fn new(policy: &Policy) -> Self {
        Self(policy.api_keys.as_ref().map(|keys| Configured {
            authorization: environment::authorization(
                &keys.remote.authorization_env,
                "refusing API keys",
            ),
            cache: IntrospectionCache::new(keys.cache),
            asking: RefCell::default(),
            counters: IntrospectionCounters::define(),
            health: Health::default(),
        }))
    }

    /// What was said lately; none where nobody can be asked.
    pub fn cache(&self) -> Option<&IntrospectionCache> {
        let configured = self.0.as_ref()?;
        configured.authorization.as_ref()?;
        Some(&configured.cache)
    }

    /// Sees to it that a credential's issuer is asked about it with the next tick: a callout belongs to the context that
    /// makes it, and a stream can end before the answer.
    ///
    /// # Errors
    ///
    /// So many are to be asked about that there is no room for another.
    pub fn ask(&self, inquiry: Inquiry, now: Duration) -> Result<(), Full> {
        let Some(configured) = &self.0 else {
            return Err(Full);
        };
        let is_new = self.is_new(&inquiry.digest());
        let asked = configured.asking.borrow_mut().ask(inquiry, is_new, now);
        asked.inspect_err(|Full| configured.counters.crowded.increment())
    }

    /// Whether a credential was not active when its issuer was last asked about it, or never was.
    pub fn is_new(&self, digest: &Digest) -> bool {
        let cache = self.cache();
        !cache.is_some_and(|cache| cache.was_active(digest))
    }

    /// Drops what can be asked again.
    pub fn shed(&self) {
        if let Some(configured) = &self.0 {
            configured.cache.clear();
        }
    }

    /// Counts answers that were remembered.
    pub fn count_hits(&self) {
        if let Some(configured) = &self.0
            && configured.cache.take_hits() > 0
        {
            configured.counters.cached.increment();
        }
    }

    /// Whether a question can be asked with the next tick.
    pub fn is_eager(&self) -> bool {
        let configured = self.0.as_ref();
        configured.is_some_and(|configured| configured.asking.borrow().is_eager())
    }

    /// Asks what is to be asked; returns what is settled, because it could not be.
    pub fn tick(&self, policy: &Policy, now: Duration) -> Vec<Digest> {
        let (Some(configured), Some(keys)) = (&self.0, &policy.api_keys) else {
            return Vec::new();
        };
        configured.cache.keep_time(now);
        let longest = keys.remote.timeout.saturating_add(FORGOTTEN);
        let mut settled = {
            let mut asking = configured.asking.borrow_mut();
            asking.tidy(now, keys.remote.max_wait);
            asking.forgotten(now, longest)
        };
        for digest in &settled {
            let lost = Failed::new(Failure::Timeout, "the host has not said what came of it");
            configured.failed(*digest, &lost, now);
        }
        settled.extend(configured.send(keys, now));
        settled
    }

    /// Takes the answer to a callout, if it is one of these; returns what is settled by it.
    pub fn answered(
        &self,
        policy: &Policy,
        token: u32,
        size: usize,
        now: Duration,
    ) -> Option<Vec<Digest>> {
        let (configured, keys) = (self.0.as_ref()?, policy.api_keys.as_ref()?);
        let in_flight = configured.asking.borrow_mut().answered(token)?;
        configured.take(&in_flight, keys, size, now);
        let mut settled = vec![in_flight.inquiry.digest()];
        settled.extend(configured.send(keys, now));
        Some(settled)
    }
}

// === impl Configured ===

impl Configured {
    /// Asks as many questions as there is room for; returns those that could not be asked.
    fn send(&self, keys: &ApiKeys, now: Duration) -> Vec<Digest> {
        let mut settled = Vec::new();
        let Some(authorization) = &self.authorization else {
            return settled;
        };
        let patience = keys.remote.max_wait;
        loop {
            // Released before the host is called.
            let next = self.asking.borrow_mut().next(now, patience);
            let Some(next) = next else {
                return settled;
            };
            match callout::send(&keys.remote, authorization, &next.inquiry) {
                Ok(token) => {
                    let in_flight = InFlight {
                        inquiry: next.inquiry,
                        is_new: next.is_new,
                        asked: now,
                    };
                    self.asking.borrow_mut().sent(token, in_flight);
                }
                Err(failed) => {
                    self.failed(next.inquiry.digest(), &failed, now);
                    settled.push(next.inquiry.digest());
                }
            }
        }
    }

    fn take(&self, in_flight: &InFlight, keys: &ApiKeys, size: usize, now: Duration) {
        let inquiry = &in_flight.inquiry;
        match callout::answer(keys, inquiry, size, in_flight.asked, now) {
            Ok(answer) => {
                self.cache
                    .learn(inquiry.digest(), answer, in_flight.asked, now);
                self.counters.answered.increment();
                self.health.succeeded(now);
            }
            Err(failed) => self.failed(inquiry.digest(), &failed, now),
        }
    }

    fn failed(&self, digest: Digest, failed: &Failed, now: Duration) {
        self.cache.fail(digest, now);
        self.counters.failed(failed.kind);
        self.health.failed(failed, now);
    }
}

// === impl Health ===

impl Health {
    fn failed(&self, failed: &Failed, now: Duration) {
        if self.last.get() != Last::Failed(failed.kind) && self.may_speak(now) {
            self.last.set(Last::Failed(failed.kind));
            if news::is_news(HEALTH, failed.kind.as_str().as_bytes()) {
                let message = format!("tollgate: introspection: not answered: {}", failed.sentence);
                host::log(Level::Warn, &message);
            }
        }
    }

    fn succeeded(&self, now: Duration) {
        let last = self.last.get();
        if last == Last::Unknown {
            // Another worker, or another gate, may have said that there are none.
            self.last.set(Last::Answered);
            if news::is_change(HEALTH, b"answered") {
                answered_again();
            }
        } else if last != Last::Answered && self.may_speak(now) {
            self.last.set(Last::Answered);
            if news::is_news(HEALTH, b"answered") {
                answered_again();
            }
        }
    }

    /// Whether the last word is long enough ago, also by a clock that has stepped back.
    fn may_speak(&self, now: Duration) -> bool {
        let said = self.said.get();
        let may = now < said || now.saturating_sub(said) >= LOGGED;
        if may {
            self.said.set(now);
        }
        may
    }
}

fn answered_again() {
    host::log(Level::Info, "tollgate: introspection: answered again");
}
