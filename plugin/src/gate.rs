//! Decides on requests and carries the decision out.

mod forward;
mod known;
mod needs;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::assertion::AssertionKey;
use tollgate_policy::caps;
use tollgate_policy::config::{FilterState, Mode, Policy};
use tollgate_policy::decide::{Decision, Need, decide};
use tollgate_policy::forward::Forward;
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::Request;
use tollgate_policy::token::{TokenCache, Verifier};

use self::known::Known;
use crate::account_directory::AccountDirectory;
use crate::answer;
use crate::counters::{Counters, Standing, pending};
use crate::counting::Counting;
use crate::fetched::Outlook;
use crate::host::{self, Level, Map, memory, pairs};
use crate::introspections::Introspections;
use crate::issuer_keys::IssuerKeys;
use crate::signature::{Place, Signatures};
use crate::under_way::UnderWay;
use crate::waiting::{Waiter, Waiting};

/// How many paused requests are answered or resumed in one call from the host. Envoy carries these out after the
/// call, each within the one before (`WasmBase::doAfterVmCallActions`); some hundreds exhaust V8's stack, which ends
/// the virtual machine.
const TURNS: usize = 32;

/// When nobody waits: how soon a worker sees what another one has fetched, and fetches what is due.
const TICK: Duration = Duration::from_millis(200);

/// While requests wait for what another worker is fetching.
const WATCHING: Duration = Duration::from_millis(10);

/// While requests have their turn that one call could not serve; and the very first.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How often a request is decided on at once, because what it needs turns out to be known: an issuer's keys, then the
/// directory. Then it waits.
const DECISIONS: usize = 3;

/// One configuration at work in one worker.
pub struct Gate {
    policy: Policy,
    assertion_key: Option<AssertionKey>,
    keys: IssuerKeys,
    directory: AccountDirectory,
    introspections: Introspections,
    tokens: TokenCache,
    signatures: Signatures,
    tick: Cell<Option<Duration>>,
    is_retired: Cell<bool>,
    counters: Counters,
    standing: Standing,
    counting: Counting,
    under_way: UnderWay,
    waiting: Waiting,
    /// Requests that have waited, and went on.
    resumed: RefCell<BTreeSet<u32>>,
    /// No request waits for longer, whatever the clock does.
    longest_wait: Duration,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its headers are changed and it may go on.
    Forwarded,
    /// A response was sent.
    Answered,
    /// It stays paused.
    Waiting,
}

// === impl Gate ===

impl Gate {
    /// A gate for a configuration. What it lacks (a key in the environment, say) makes it refuse, never fail.
    pub fn new(policy: Policy) -> Self {
        let counters = Counters::define(&policy.caps, policy.mode);
        let signatures = Signatures::probe();
        let offloaded = signatures.place(Algorithm::Rs256) == Place::Host;
        let assertion_key = known::assertion_key(&policy);
        let directory = AccountDirectory::new(&policy);
        let introspections = Introspections::new(&policy);
        let is_configured = (policy.assertion.is_none() || assertion_key.is_some())
            && directory.has_its_credential(&policy)
            && (policy.api_keys.is_none() || introspections.cache().is_some());
        let standing = Standing::new(&policy, is_configured, offloaded);
        Self {
            assertion_key,
            keys: IssuerKeys::new(&policy.issuers),
            directory,
            introspections,
            tokens: TokenCache::new(policy.token_cache),
            signatures,
            tick: Cell::new(None),
            is_retired: Cell::new(false),
            counters,
            standing,
            counting: Counting::new(),
            under_way: UnderWay::default(),
            waiting: Waiting::default(),
            resumed: RefCell::default(),
            longest_wait: policy
                .issuers
                .iter()
                .filter_map(|issuer| issuer.jwks.remote.as_ref())
                .map(|remote| remote.max_wait)
                .chain(policy.directory.as_ref().map(|remote| remote.max_wait))
                .chain(policy.api_keys.as_ref().map(|keys| keys.remote.max_wait))
                .max()
                .unwrap_or_default(),
            policy,
        }
    }

    /// Asks for the first tick, which fetches the keys: while Envoy configures a virtual machine it may know no
    /// cluster yet, and throws one away again to try the configuration.
    pub fn start(&self) {
        self.set_tick(AT_ONCE);
    }

    /// Decides on the request of the effective context, which has the given id.
    pub fn serve(&self, context: u32) -> Outcome {
        let outcome = self.serve_until(context, None);
        let is_due = self.waiting.is_anyone_awake() || self.introspections.is_eager();
        if outcome == Outcome::Waiting || is_due {
            self.set_tick(AT_ONCE);
        }
        self.tell_counts_without_ticks();
        outcome
    }

    /// Does what is due; `root` is the root context's id.
    pub fn tick(&self, root: u32) {
        self.standing.show();
        for holding in self.under_way.take_ended() {
            self.counting.ended(&self.policy.caps, holding);
        }
        if let Ok(now) = host::now() {
            if self.keys.tick(&self.policy.issuers, now) {
                self.waiting.wake_for_keys();
            }
            if self.directory.tick(&self.policy, now) {
                self.waiting.wake(Need::Directory);
            }
            for digest in self.introspections.tick(&self.policy, now) {
                self.waiting.wake(Need::Introspection(digest));
            }
            self.waiting.wake_expired(now, self.longest_wait);
            let Counters { caps, store, .. } = &self.counters;
            self.counting.tick(&self.policy.caps, now, caps, store);
        }
        self.serve_waiting(root);
        pending::tell();
    }

    /// Takes the answer to a callout; `root` is the root context's id.
    pub fn answered(&self, root: u32, token: u32, size: usize) {
        // Without the time nobody could tell how old it is; the fetch counts as lost.
        if let Ok(now) = host::now() {
            self.take_answer(token, size, now);
        }
        self.serve_waiting(root);
        pending::tell();
    }

    /// Gives back what other workers would wait for: the root context ends.
    pub fn retire(&self) {
        self.is_retired.set(true);
        pending::tell();
        if !can_keep_books() {
            // What it leaves behind others take for dead.
            return;
        }
        if let Ok(now) = host::now() {
            self.keys.retire(&self.policy.issuers, now);
            self.directory.retire(&self.policy, now);
        }
        self.counting.retire(&self.policy.caps, &self.counters.caps);
    }

    /// Tries again for those whose turn it is, some at a time.
    fn serve_waiting(&self, root: u32) {
        for _ in 0..TURNS {
            let Some(waiter) = self.waiting.next() else {
                break;
            };
            // Only a stream that is gone has no context any more, and a stream that is gone needs no answer.
            if host::set_effective_context(waiter.context).is_err() {
                continue;
            }
            if self.serve_until(waiter.context, Some(waiter)) == Outcome::Forwarded {
                if host::resume_request().is_ok() {
                    self.resumed.borrow_mut().insert(waiter.context);
                } else {
                    self.refuse(&Code::NotReady.into(), false);
                }
            }
            if memory::was_short() {
                break;
            }
        }
        let _ = host::set_effective_context(root);
        self.set_tick(
            if self.waiting.is_anyone_awake() || self.introspections.is_eager() {
                AT_ONCE
            } else if self.waiting.is_anyone_asleep() {
                WATCHING
            } else {
                TICK
            },
        );
    }

    /// Nobody else would.
    pub(super) fn tell_counts_without_ticks(&self) {
        if self.is_retired.get() || self.tick.get().is_none() {
            pending::tell();
        }
    }

    fn set_tick(&self, period: Duration) {
        if self.tick.get() == Some(period) {
            return;
        }
        match host::set_tick_period(period) {
            Ok(()) => self.tick.set(Some(period)),
            Err(_) => host::log(
                Level::Error,
                "tollgate: no ticks: nothing is fetched or counted",
            ),
        }
    }

    /// Forgets a request that is no more, and gives back what it took up. It may never have come so far.
    pub fn forget(&self, context: u32, waited: bool) {
        if waited {
            self.waiting.forget(context);
            self.resumed.borrow_mut().remove(&context);
        }
        if !can_keep_books() {
            self.under_way.end_later(context);
        } else if let Some(holding) = self.under_way.end(context) {
            self.counting.ended(&self.policy.caps, holding);
        }
    }

    /// Whether a request that has waited went on.
    pub fn has_resumed(&self, context: u32) -> bool {
        self.resumed.borrow().contains(&context)
    }

    /// Drops what can be had again, because memory is short.
    pub fn shed(&self) {
        self.tokens.clear();
        self.introspections.shed();
    }

    /// Answers those that wait, some at a time: there is no memory to decide on them. `root` is the root context's id.
    pub fn turn_away_all(&self, root: u32) {
        for _ in 0..TURNS {
            let Some(waiter) = self.waiting.take_any() else {
                break;
            };
            if host::set_effective_context(waiter.context).is_ok() {
                answer::refuse_without_memory();
            }
        }
        let _ = host::set_effective_context(root);
    }

    /// Tells the client where its account stands, in the answer that is being delivered.
    pub fn tell_client(&self, context: u32) {
        if let Some(fields) = self.under_way.take_rate_limit(context) {
            // An answer without them is an answer all the same.
            let _ = host::add_response_header(caps::POLICY_HEADER, &fields.policy);
            let _ = host::add_response_header(caps::HEADER, &fields.remaining);
        }
    }

    fn serve_until(&self, context: u32, waiter: Option<Waiter>) -> Outcome {
        let bytes = host::request(Map::Headers).unwrap_or_default();
        let Some(headers) = pairs::read(&bytes) else {
            let unread = Refusal::not_ready("the request's headers cannot be read");
            self.refuse(&unread, false);
            return Outcome::Answered;
        };
        let request = Request::read(headers, &self.policy.account_header);
        let known = Known::new(self);
        let mut decision = decide(&self.policy, &request, &known);
        for left in (0..DECISIONS).rev() {
            let Decision::Need(need) = decision else {
                break;
            };
            match self.see_to(need, &request, known.now()) {
                // The last time, what has come is not what it needs.
                Outlook::DecideAgain if left > 0 => {
                    decision = decide(&self.policy, &request, &known);
                }
                Outlook::DecideAgain | Outlook::Wait => break,
                Outlook::TooMuch => decision = Decision::Refuse(need.refusal()),
            }
        }
        self.look_ahead(&request, &known);
        self.introspections.count_hits();
        if self.tokens.take_hits() > 0 {
            self.counters.tokens_cached.increment();
        }
        match decision {
            Decision::Forward(forward) => self.forward(context, forward, &request),
            Decision::Refuse(refusal) => self.turn_away(&refusal, &request),
            Decision::Need(need) => match self.wait(context, waiter, need, known.now()) {
                Ok(()) => Outcome::Waiting,
                Err(refusal) => self.turn_away(&refusal, &request),
            },
        }
    }

    /// Answers a request; or, where refusals are only reported, lets it go on as it came, but for forged identity.
    fn turn_away(&self, refusal: &Refusal, request: &Request<'_>) -> Outcome {
        if self.policy.mode == Mode::Report && self.change(&Forward::reported(), request).is_ok() {
            self.report(refusal);
            return Outcome::Forwarded;
        }
        self.refuse(refusal, request.is_grpc());
        Outcome::Answered
    }

    fn refuse(&self, refusal: &Refusal, grpc: bool) {
        self.counters.refused(refusal);
        self.mark(refusal, "");
        answer::refuse(refusal, self.policy.errors, grpc);
    }

    /// Counts and marks what would have been refused.
    fn report(&self, refusal: &Refusal) {
        self.counters.reported(refusal);
        self.mark(refusal, "reported:");
    }

    /// Says in the access log what became of a request. Nothing depends on it.
    fn mark(&self, refusal: &Refusal, prefix: &str) {
        let decision = [prefix, refusal.code.as_str()].concat();
        let _ = self.show(FilterState::Decision, &decision);
        if let Some(cap) = &refusal.cap {
            let left = [&cap.cap, ".", cap.window.as_str(), "=0"].concat();
            let _ = self.show(FilterState::Cap, &left);
            let _ = self.show(FilterState::Account, cap.account.as_str());
        }
    }

    /// Writes filter state, where it is configured.
    fn show(&self, what: FilterState, value: &str) -> host::Result<()> {
        if self.policy.filter_state.contains(&what) {
            host::set_filter_state(what.name(), value)?;
        }
        Ok(())
    }
}

/// Whether there is memory to read and write what all workers count.
fn can_keep_books() -> bool {
    /// A slot is some ten thousand bytes, and is read and written as a whole.
    const ROOM: usize = 1 << 20;
    !memory::was_short() || memory::is_free(ROOM)
}
