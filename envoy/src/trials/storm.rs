//! `tollgate storm`: random requests, and people who hang up, against the real Envoy.

mod aftermath;
mod delivery;
pub mod http2;
pub mod mirror;
mod people;
mod report;
mod requests;
mod tally;
mod wire;
pub mod witness;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use self::delivery::Client;
use self::mirror::Mirror;
use self::people::People;
pub use self::report::Report;
use self::requests::{Shot, TRAP, field};
use self::tally::Tally;
use self::witness::Upstream;
use crate::build::{self, BuildError};
use crate::introspection::{self, Introspection};
use crate::issuer::{Endpoint, Fault, FaultKind};
use crate::progress::Progress;
use crate::stack::{Builder, Stack, StackError};
use crate::upstream::INTROSPECTION_TOKEN;

/// So many threads send requests.
const CLIENTS: u64 = 24;

/// One of so many requests asks for a trap, where there are any.
const TRAPS: u32 = 1000;

/// How long the issuer takes for its keys.
const KEYS_TAKE: u64 = 50;

/// How long nobody answers whether a key is active, and how long somebody does, in turn.
const CLOSED: Duration = Duration::from_millis(60);
const OPEN: Duration = Duration::from_millis(140);

/// Sends random requests, well-formed and not, from people with all kinds of rights, many of whom hang up; and says whether
/// anything passed that must not, whether the filter failed, and whether all is at rest afterwards
#[derive(Clone, Debug, clap::Args)]
pub struct Storm {
    /// How many requests
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub requests: u64,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub workers: usize,
    /// What chance begins with; the same requests are made from the same number
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Ends virtual machines meanwhile, with a filter that is built for it
    #[arg(long)]
    pub traps: bool,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the parts' own errors")]
pub enum StormError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("a request could not be sent, or was not answered in time: {0}")]
    Io(#[from] io::Error),
}

/// What the threads share.
struct Course {
    /// Requests that are still to be sent.
    left: AtomicU64,
    traps: AtomicU64,
    ended: AtomicBool,
}

// === impl Storm ===

impl Storm {
    /// Runs it; `stack` is one to be started, such as [`Stack::builder`] gives.
    ///
    /// # Errors
    ///
    /// [`StormError`]. What went wrong behind the gate is in the report.
    pub fn run(&self, stack: Builder, progress: &Progress) -> Result<Report, StormError> {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let begun = Instant::now();
        let upstream = Upstream::default();
        let mirror = Mirror::start(upstream.clone())?;
        let introspection = Introspection::start()?;
        let stack = self.start(stack, &mirror, &introspection, progress)?;
        introspection.answer_to(stack.introspection_token());
        stack.issuer().fault(slow_keys());
        upstream.believe(stack.assertion_key());
        let people = People::new(&stack, &introspection, &mut Rng::with_seed(seed));

        let course = Course {
            left: AtomicU64::new(self.requests),
            traps: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        };
        let (tally, memory) = progress.step("sending requests", || {
            self.send(&stack, &people, &introspection, &course, seed)
        })?;
        let aftermath = progress.step("waiting until all is at rest", || {
            aftermath::look(&stack, &people, &upstream, self.traps)
        });
        Ok(Report {
            seed,
            traps: course.traps.into_inner(),
            with_traps: self.traps,
            tally,
            arrived: upstream.arrived(),
            memory: (memory, stack.envoy().resident().unwrap_or_default()),
            aftermath,
            took: begun.elapsed(),
        })
    }

    fn start(
        &self,
        stack: Builder,
        mirror: &Mirror,
        introspection: &Introspection,
        progress: &Progress,
    ) -> Result<Stack, StormError> {
        let keys = introspection.address();
        let stack = match self.module(progress)? {
            Some(module) => stack.module(module),
            None => stack,
        };
        Ok(stack
            .workers(self.workers)
            .upstream(mirror.address())
            .policy(|policy| {
                policy["caps"] = json!([{
                    "name": "requests",
                    "limits": {"concurrent": 1_000_000, "per_minute": 1_000_000_000},
                }]);
                policy["api_keys"] = json!({
                    "prefix": "sk_live_",
                    "introspection": {
                        "cluster": "keys",
                        "uri": format!("http://keys.internal{}", introspection::PATH),
                        "authorization_env": INTROSPECTION_TOKEN,
                    },
                    "cache": {"active": "2s", "inactive": "1s"},
                });
                let cooldown = "/issuers/0/jwks/unknown_kid_cooldown";
                if let Some(cooldown) = policy.pointer_mut(cooldown) {
                    *cooldown = json!("1s");
                }
            })
            .config(move |config| {
                config
                    .without_access_log()?
                    .and_cluster("keys", keys)?
                    .with_trailers()?
                    .and_manager(|manager| {
                        // Else everybody waits a second for it who has sent something that is no HTTP/2.
                        manager["delayed_close_timeout"] = json!("0.01s");
                    })
            })
            .start()?)
    }

    fn module(&self, progress: &Progress) -> Result<Option<PathBuf>, BuildError> {
        self.traps
            .then(|| build::trapping_filter(progress))
            .transpose()
    }

    /// What became of them all, and Envoy's memory when a quarter of them was sent.
    fn send(
        &self,
        stack: &Stack,
        people: &People,
        introspection: &Introspection,
        course: &Course,
        seed: u64,
    ) -> io::Result<(Tally, u64)> {
        thread::scope(|scope| {
            scope.spawn(|| change_the_weather(introspection, course));
            let quarter = scope.spawn(|| {
                while course.left.load(Ordering::Relaxed) > self.requests / 4 * 3 {
                    thread::sleep(OPEN);
                }
                stack.envoy().resident().unwrap_or_default()
            });
            let threads: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let rng = Rng::with_seed(seed.wrapping_add(number + 1));
                    scope.spawn(move || send(stack, people, course, rng, self.traps))
                })
                .collect();
            let mut all = Tally::default();
            let mut failed = None;
            for thread in threads {
                match thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                {
                    Ok(tally) => all.add(tally),
                    Err(error) => failed = Some(error),
                }
            }
            course.left.store(0, Ordering::Relaxed);
            course.ended.store(true, Ordering::Relaxed);
            let memory = quarter.join().unwrap_or_default();
            failed.map_or(Ok((all, memory)), Err)
        })
    }
}

/// One thread's requests, until no more are left.
fn send(
    stack: &Stack,
    people: &People,
    course: &Course,
    mut rng: Rng,
    traps: bool,
) -> io::Result<Tally> {
    let mut client = Client::new(stack.gate(), traps);
    let mut next = |rng: &mut Rng| {
        let mut shot = Shot::random(people, rng);
        if rng.u8(..3) == 0 {
            shot.distort(rng);
        }
        if traps && rng.u32(..TRAPS) == 0 {
            shot.fields.push(field(TRAP, "1"));
            course.traps.fetch_add(1, Ordering::Relaxed);
        }
        shot
    };
    loop {
        let before = client.tally.requests();
        client.send_some(&mut next, &mut rng)?;
        let sent = client.tally.requests() - before;
        let take = |left: u64| (left > 0).then(|| left.saturating_sub(sent));
        let left = course
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if left.is_err() {
            return Ok(client.tally);
        }
    }
}

/// Lets those wait who show keys that nobody has seen yet, now and then: some of them hang up meanwhile.
fn change_the_weather(introspection: &Introspection, course: &Course) {
    while !course.ended.load(Ordering::Relaxed) {
        introspection.hold(true);
        thread::sleep(CLOSED);
        introspection.hold(false);
        thread::sleep(OPEN);
    }
}

/// Whoever has a token of an unknown key waits for it.
fn slow_keys() -> Fault {
    Fault {
        endpoint: Endpoint::Keys,
        kind: FaultKind::Delay,
        status: 200,
        delay_ms: KEYS_TAKE,
        body: Value::Null,
    }
}
