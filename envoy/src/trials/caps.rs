//! `tollgate caps`: whether the caps count right when there is much to count.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Outcomes, Request};
use crate::minute;
use crate::stack::{Builder, Stack, StackError};

/// How many requests are under way at a time.
const CONNECTIONS: usize = 32;

/// What the counts may take, by default, in bytes.
const CEILING: u64 = 64 << 20;

/// Of the accounts that were there first, so many come again.
const AGAIN: usize = 100;

/// Counts many requests of one account and one of each of many accounts in the real Envoy, within a minute each, and
/// says whether every one was counted
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Caps {
    /// How many requests the one account may make; a tenth more are sent
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub requests: u32,
    /// How many accounts make a request each
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub accounts: u32,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub workers: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    asked: Size,
    /// Of one account, a tenth more than it may.
    pub requests: Outcomes,
    /// Of as many accounts as there are, one each.
    pub accounts: Outcomes,
    /// Of the first of them, one more each, which is one too many.
    pub again: Outcomes,
    /// Envoy's resident memory before and after, in bytes.
    pub memory: (u64, u64),
    took: Duration,
}

/// How much was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    requests: usize,
    accounts: usize,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the first are the parts' own errors")]
pub enum CapsError {
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A request had no answer.
    #[error("a request was not answered: {0}")]
    Io(#[from] io::Error),
}

// === impl Caps ===

impl Caps {
    /// Runs it; `stack` is one to be started, such as [`Stack::builder`] gives.
    pub fn run(self, stack: Builder) -> Result<Report, CapsError> {
        let size = Size {
            requests: self.requests as usize,
            accounts: self.accounts as usize,
        };
        let stack = self.start(stack)?;
        let token = stack.issuer().member("anybody");
        let request = |path: &str, account: String| stack.get(path).account(account).bearer(&token);
        let begun = Instant::now();
        let requests = minute::within_one(|attempt| {
            let request = request("/requests", format!("one-{attempt}"));
            volley(&stack, size.requests + size.requests / 10, |_| {
                request.clone()
            })
        })?;
        let before = stack.envoy().resident().unwrap_or_default();
        let (accounts, again) = minute::within_one(|attempt| {
            let one = |number| request("/accounts", format!("many-{attempt}-{number}"));
            let accounts = volley(&stack, size.accounts, one)?;
            let again = volley(&stack, size.accounts.min(AGAIN), one)?;
            Ok::<_, io::Error>((accounts, again))
        })?;
        let after = stack.envoy().resident().unwrap_or_default();
        Ok(Report {
            asked: size,
            requests,
            accounts,
            again,
            memory: (before, after),
            took: begun.elapsed(),
        })
    }

    /// An Envoy that answers itself, and lets whoever has a token act for every account.
    fn start(self, stack: Builder) -> Result<Stack, StackError> {
        let requests = self.requests;
        stack
            .echo()
            .workers(self.workers)
            .config(|config| {
                config.and_route(json!({
                    "match": {"prefix": "/"},
                    "direct_response": {"status": 200, "body": {"inline_string": "welcome\n"}},
                }))
            })
            .policy(move |policy| {
                if let Some(issuer) = policy.pointer_mut("/issuers/0/membership") {
                    *issuer = json!("any");
                }
                let cap = |name: &str, limit: u32| {
                    let route = format!("GET /{name}");
                    json!({"name": name, "routes": [route], "limits": {"per_minute": limit}})
                };
                if let Some(caps) = policy.get_mut("caps") {
                    *caps = json!([cap("requests", requests), cap("accounts", 1)]);
                }
            })
            .start()
    }
}

fn volley(
    stack: &Stack,
    number: usize,
    request: impl Fn(usize) -> Request + Sync,
) -> io::Result<Outcomes> {
    stack.gate().volley(CONNECTIONS, number, request)
}

// === impl Report ===

impl Report {
    /// Whether every request was counted, and for its account, and the accounts took no more memory than they may.
    pub fn is_right(&self) -> bool {
        let Size { requests, accounts } = self.asked;
        let (before, after) = self.memory;
        self.requests == outcomes(requests, requests / 10)
            && self.accounts == outcomes(accounts, 0)
            && self.again == outcomes(0, accounts.min(AGAIN))
            && before > 0
            && after.saturating_sub(before) <= CEILING
    }
}

/// So many that passed, and so many that were refused by a cap.
pub fn outcomes(passed: usize, refused: usize) -> Outcomes {
    [("200", passed), ("429 cap_exceeded", refused)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(outcome, count)| (outcome.to_owned(), count))
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { requests, accounts } = self.asked;
        writeln!(
            f,
            "one account, {requests} a minute: {}",
            Counts(&self.requests)
        )?;
        writeln!(
            f,
            "{accounts} accounts, one each: {}",
            Counts(&self.accounts)
        )?;
        writeln!(f, "the first of them again: {}", Counts(&self.again))?;
        let megabytes = |bytes: u64| bytes >> 20;
        let (before, after) = self.memory;
        writeln!(
            f,
            "Envoy's memory: {} MB before the accounts, {} MB after",
            megabytes(before),
            megabytes(after)
        )?;
        let right = if self.is_right() {
            "all counted"
        } else {
            "WRONG"
        };
        writeln!(f, "{right}, in {:.1} s", self.took.as_secs_f64())
    }
}

struct Counts<'a>(&'a Outcomes);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self
            .0
            .iter()
            .map(|(outcome, count)| format!("{count} × {outcome}"));
        f.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}
