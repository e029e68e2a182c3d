//! `tollgate soak`: whether Envoy's memory stays where it is, however many tokens and accounts come.

mod load;
mod mix;
mod report;
pub(super) mod signer;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use load::LoadError;
pub use report::{Mark, Report};

use crate::introspection::{self, Introspection};
use crate::issuer::{Endpoint, Fault, Issuer};
use crate::stack::{Builder, Stack, StackError};
use crate::upstream::INTROSPECTION_TOKEN;
use load::Load;
use mix::Mix;
use signer::Signer;

/// The marks at which memory is read, in parts of all requests: 1, 5 and 20 million of 20 million.
const MARKS: [(u64, u64); 3] = [(1, 20), (1, 4), (1, 1)];

/// Before the first mark, the caches have had so many times more than they hold.
const ROUNDS: u64 = 10;

/// The reference's size of the gate's caches, in entries of one worker.
const ENTRIES: u64 = 10_000;

/// How soon nothing may be under way any more after the last answer.
const REST: Duration = Duration::from_secs(10);

/// Sends very many requests with ever new tokens for ever new accounts to the real Envoy, checks every answer, and says
/// whether Envoy's memory grew
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Soak {
    /// How many requests; memory is read after a twentieth, a quarter and all of them
    #[arg(long, value_name = "N", default_value_t = 20_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    pub requests: u64,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub workers: usize,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part's own error")]
pub enum SoakError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the introspection endpoint cannot listen on a loopback port: {0}")]
    Introspection(io::Error),
    /// It has ended, or does not answer.
    #[error("Envoy does not say how much memory it has; the end of its log:\n{0}")]
    Memory(String),
}

// === impl Soak ===

impl Soak {
    /// Runs it; `stack` is one to be started, such as [`Stack::builder`] gives.
    pub fn run(self, stack: Builder) -> Result<Report, SoakError> {
        let introspection = Introspection::start().map_err(SoakError::Introspection)?;
        let signer = Signer::generate();
        let stack = self.start(stack, &signer, introspection.address())?;
        introspection.answer_to(stack.introspection_token());
        let mix = Mix::new(signer, stack.issuer().url());
        let load = Load::new(stack.gate(), &mix);
        let begun = Instant::now();
        let mut marks = vec![mark(&stack, 0, begun)?];
        for (part, whole) in MARKS {
            let last = marks.last().map_or(0, |mark| mark.requests);
            let next = self.requests * part / whole;
            let now = |sent| progress(&stack, self.requests, sent, begun);
            load.run(last..next, now)?;
            marks.push(mark(&stack, next, begun)?);
        }
        Ok(Report {
            marks,
            refused: load.refused(),
            traps: stack.envoy().traps(),
            under_way: at_rest(&stack),
        })
    }

    /// An Envoy that answers itself what the gate lets pass.
    fn start(
        self,
        stack: Builder,
        signer: &Signer,
        introspection: SocketAddr,
    ) -> Result<Stack, StackError> {
        let keys = json!({"keys": [signer.jwk()]});
        let workers = u64::try_from(self.workers).unwrap_or(1).max(1);
        let first = self.requests / 20 / workers / ROUNDS;
        stack
            .echo()
            .workers(self.workers)
            .config(move |config| {
                config
                    .without_access_log()?
                    .and_cluster("keys", introspection)?
                    .and_route(json!({
                        "match": {"prefix": "/"},
                        "direct_response": {"status": 200, "body": {"inline_string": "welcome\n"}},
                    }))
            })
            .policy_for(move |policy, issuer| {
                publish(issuer, keys);
                set(
                    policy,
                    "/token_cache/entries",
                    json!(first.clamp(2, ENTRIES)),
                );
                set(
                    policy,
                    "/api_keys/cache/entries",
                    json!(first.clamp(1000, ENTRIES)),
                );
                set(
                    policy,
                    "/api_keys/introspection",
                    json!({
                        "cluster": "keys",
                        "uri": format!("http://keys.internal{}", introspection::PATH),
                        "authorization_env": INTROSPECTION_TOKEN,
                        // Memory is looked at, not speed: a machine that is busy with other things ends nothing.
                        "timeout": "10s",
                        "max_wait": "10s",
                    }),
                );
                set(policy, "/caps", mix::caps());
            })
            .start()
    }
}

/// The keys of the tokens are ours, because theirs are slow to sign with.
fn publish(issuer: &Issuer, keys: Value) {
    issuer.fault(Fault::body(Endpoint::Keys, keys));
}

fn set(policy: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(parent) = policy.pointer_mut(parent) {
        parent[member] = value;
    }
}

fn mark(stack: &Stack, requests: u64, begun: Instant) -> Result<Mark, SoakError> {
    let envoy = stack.envoy();
    let memory = || Some((envoy.resident()?, envoy.allocated()?));
    let (resident, allocated) = memory().ok_or_else(|| SoakError::Memory(envoy.log()))?;
    Ok(Mark {
        requests,
        resident,
        allocated,
        after: begun.elapsed(),
    })
}

fn progress(stack: &Stack, all: u64, sent: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs().max(1);
    eprintln!(
        "{sent} of {all} requests, {} a second, Envoy has {} MB",
        sent / seconds,
        stack.envoy().resident().unwrap_or_default() >> 20
    );
}

/// What the gate counts as under way, once nothing is, or the time for that is over.
fn at_rest(stack: &Stack) -> u64 {
    let deadline = Instant::now() + REST;
    loop {
        let gauge = "wasmcustom.tollgate.caps.requests.in_flight";
        let under_way = stack.envoy().stat(gauge).unwrap_or(u64::MAX);
        if under_way == 0 || Instant::now() > deadline {
            return under_way;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
