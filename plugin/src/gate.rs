//! Decides on requests and carries the decision out.

use std::time::Duration;

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::assertion::AssertionKey;
use tollgate_policy::config::Policy;
use tollgate_policy::decide::{Decision, Knowledge, Need, decide};
use tollgate_policy::forward::Forward;
use tollgate_policy::identity;
use tollgate_policy::key_source::LONGEST_WAIT;
use tollgate_policy::keys::{KeyError, PublicKey};
use tollgate_policy::refusal::{Code, Format, Refusal};
use tollgate_policy::request::Request;
use tollgate_policy::token::{Unverifiable, Verifier};

use crate::counters::Counters;
use crate::host::{self, Level, Map, pairs};
use crate::issuer_keys::IssuerKeys;
use crate::shared_counts::SharedCounts;
use crate::signature;
use crate::waiting::{Full, Waiter, Waiting};

/// How many paused requests are answered or resumed in one call from the host. Envoy carries these out after the
/// call, each within the one before (`WasmBase::doAfterVmCallActions`); some hundreds exhaust V8's stack, which ends
/// the virtual machine.
const TURNS: usize = 32;

/// One configuration at work in one worker.
pub struct Gate {
    policy: Policy,
    assertion_key: Option<AssertionKey>,
    keys: IssuerKeys,
    counters: Counters,
    waiting: Waiting,
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
        Self {
            assertion_key: assertion_key(&policy),
            keys: IssuerKeys::new(&policy.issuers),
            counters: Counters::define(),
            waiting: Waiting::default(),
            policy,
        }
    }

    /// Decides on the request of the effective context, which has the given id.
    pub fn serve(&self, context: u32) -> Outcome {
        self.serve_until(context, None)
    }

    /// Tries again for those whose turn it is, some at a time; tells whether more are left for another call.
    pub fn serve_waiting(&self, root: u32) -> bool {
        if let Ok(now) = host::now() {
            self.waiting.wake_expired(now, LONGEST_WAIT);
        }
        for _ in 0..TURNS {
            let Some(waiter) = self.waiting.next() else {
                break;
            };
            // Only a stream that is gone has no context any more, and a stream that is gone needs no answer.
            if host::set_effective_context(waiter.context).is_err() {
                continue;
            }
            if self.serve_until(waiter.context, Some(waiter)) == Outcome::Forwarded
                && host::resume_request().is_err()
            {
                self.refuse(&Code::NotReady.into(), false);
            }
        }
        let _ = host::set_effective_context(root);
        self.waiting.is_anyone_awake()
    }

    /// Forgets a request that is no more.
    pub fn forget(&self, context: u32) {
        self.waiting.forget(context);
    }

    /// Fetches the keys that are due.
    pub fn fetch_keys(&self) {
        self.keys.fetch(&self.policy.issuers, &self.counters);
    }

    /// The same while Envoy is still starting, or only validates its configuration and knows no cluster: what cannot
    /// be fetched yet is left to the first tick, which says why.
    pub fn fetch_keys_early(&self) {
        self.keys.fetch_early(&self.policy.issuers);
    }

    /// Takes the answer to a callout.
    pub fn answered(&self, token: u32, size: usize) {
        let issuers = &self.policy.issuers;
        if self.keys.answered(issuers, token, size, &self.counters) {
            self.waiting.wake_all();
        }
    }

    /// Removes forged identity from a request's trailers: there too, a server could take it for the gate's.
    ///
    /// # Errors
    ///
    /// They could not be read or changed, and must not go on.
    pub fn clean_trailers(&self) -> host::Result<()> {
        let bytes = host::request(Map::Trailers)?;
        let Some(trailers) = pairs::read(&bytes) else {
            return Err(host::Error::Malformed);
        };
        let header = &self.policy.account_header;
        for (name, _) in trailers {
            if identity::is_reserved(name, header) {
                host::remove(Map::Trailers, name)?;
            }
        }
        Ok(())
    }

    fn serve_until(&self, context: u32, waiter: Option<Waiter>) -> Outcome {
        let bytes = host::request(Map::Headers).unwrap_or_default();
        let Some(headers) = pairs::read(&bytes) else {
            let unread = Refusal::not_ready("the request's headers cannot be read");
            return self.refuse(&unread, false);
        };
        let request = Request::read(headers, &self.policy.account_header);
        match decide(&self.policy, &request, self) {
            Decision::Forward(forward) if self.forward(&forward, &request).is_ok() => {
                Outcome::Forwarded
            }
            Decision::Forward(_) => {
                let unchanged = Refusal::not_ready("the request's headers cannot be changed");
                self.refuse(&unchanged, request.is_grpc())
            }
            Decision::Refuse(refusal) => self.refuse(&refusal, request.is_grpc()),
            Decision::Need(need) => {
                let Ok(now) = host::now() else {
                    return self.refuse(&Code::NotReady.into(), request.is_grpc());
                };
                // Also where the clock has stepped back since.
                let latest = now + self.longest_wait(need);
                let until = waiter.map_or(latest, |waiter| waiter.until.min(latest));
                if now >= until {
                    return self.refuse(&Code::KeysUnavailable.into(), request.is_grpc());
                }
                match self.waiting.add(Waiter { context, until }) {
                    Ok(()) => Outcome::Waiting,
                    Err(Full) => self.refuse(&Code::KeysUnavailable.into(), request.is_grpc()),
                }
            }
        }
    }

    fn longest_wait(&self, Need::Keys(issuer): Need) -> Duration {
        let issuer = self.policy.issuers.get(issuer);
        let remote = issuer.and_then(|issuer| issuer.jwks.remote.as_ref());
        remote.map_or(Duration::ZERO, |remote| remote.max_wait)
    }

    /// Changes the request's headers. Where one change fails the request must not go on.
    fn forward(&self, forward: &Forward, request: &Request<'_>) -> host::Result<()> {
        let edits = forward.edits(request, &self.policy);
        for name in edits.remove {
            host::remove(Map::Headers, name)?;
        }
        for (name, value) in edits.set {
            host::set_request_header(name, value)?;
        }
        let (decision, counter) = match forward.grant() {
            None => ("public", &self.counters.public),
            Some(grant) => {
                host::set_filter_state("tollgate.account", grant.account().as_str())?;
                ("forwarded", &self.counters.forwarded)
            }
        };
        if let Some(subject) = forward.subject() {
            host::set_filter_state("tollgate.subject", subject)?;
        }
        host::set_filter_state("tollgate.decision", decision)?;
        counter.increment();
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal, grpc: bool) -> Outcome {
        self.counters.refused(refusal.code);
        // For the access log only: the answer does not depend on it.
        let _ = host::set_filter_state("tollgate.decision", refusal.code.as_str());
        respond(refusal, self.policy.errors, grpc)
    }
}

impl Verifier for Gate {
    fn now(&self) -> Option<Duration> {
        host::now().ok()
    }

    fn with_key<T>(
        &self,
        issuer: usize,
        algorithm: Algorithm,
        key_id: Option<&str>,
        verify: impl FnOnce(&PublicKey) -> T,
    ) -> Result<T, KeyError> {
        let source = &self
            .policy
            .issuers
            .get(issuer)
            .ok_or(KeyError::Unknown)?
            .jwks;
        let now = host::now().map_err(|_| KeyError::NotFetched)?;
        self.keys
            .with_key(issuer, source, now, algorithm, key_id, verify)
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        signature::verify(algorithm, key, signed, signature)
    }
}

impl Knowledge for Gate {
    type Store = SharedCounts;

    fn store(&self) -> &SharedCounts {
        &SharedCounts
    }

    fn assertion_key(&self) -> Option<&AssertionKey> {
        self.assertion_key.as_ref()
    }
}

/// Answers a request while there is no configuration.
pub fn refuse_all() -> Outcome {
    let refusal = Refusal::not_ready("the gate has no configuration");
    respond(&refusal, Format::default(), false)
}

fn respond(refusal: &Refusal, format: Format, grpc: bool) -> Outcome {
    let answer = refusal.answer(format, grpc);
    let headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let details = format!("tollgate:{}", refusal.code.as_str());
    if host::respond(
        answer.status,
        &details,
        &headers,
        &answer.body,
        answer.grpc_status,
    )
    .is_err()
    {
        // The request stays paused, so it is not let through; Envoy's timeouts end it.
        host::log(Level::Error, "tollgate: a response could not be sent");
    }
    Outcome::Answered
}

/// The key from the environment; none where it is missing or weak, which the log says.
fn assertion_key(policy: &Policy) -> Option<AssertionKey> {
    let name = &policy.assertion.as_ref()?.key_env;
    let key = match std::env::var_os(name) {
        Some(value) => AssertionKey::new(value.as_encoded_bytes()).map_err(|weak| weak.to_string()),
        None => Err(
            "it is not set for Envoy, or vm_config.environment_variables does not name it"
                .to_owned(),
        ),
    };
    match key {
        Ok(key) => Some(key),
        Err(why) => {
            let message = format!(
                "tollgate: refusing protected requests: environment variable {name}: {why}"
            );
            host::log(Level::Error, &message);
            None
        }
    }
}
