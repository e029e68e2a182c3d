//! `tollgate accounts`: a thousand account databases behind few connections, and whether anybody sees another's rows.

mod clients;
mod report;
mod tenant;
mod visits;
mod watch;

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_policy::assertion::HEADER;

pub use clients::{Clients, run_clients};
pub use report::Report;
pub use tenant::{Answer, Credential, Tenant, TenantError};
pub use visits::Round;
pub use watch::Watch;

use crate::client::Origin;
use crate::progress::Progress;
use crate::random;
use crate::stack::{Builder, Stack, StackError};
use crate::upstream::assertion;

/// Accounts that are asked for at a time; the upstream makes as many as it likes at once.
const CREATORS: usize = 4;

/// Makes many accounts, visits them in random order, many at once, with few connections to PostgreSQL; then has clients
/// write and read through the gate, each in an account of its own. Prints how long it took and what it took, and says
/// whether anything went wrong
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Accounts {
    /// How many accounts
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one)]
    pub accounts: usize,
    /// How many visits at once, and how many clients
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub at_once: usize,
    /// The connections to account databases that the upstream may have
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = at_least_one)]
    pub connections: usize,
    /// How often all accounts are visited
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one)]
    pub rounds: usize,
    /// How long the clients write and read, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub seconds: u64,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the first are the parts' own errors")]
pub enum AccountsError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The connections could not be counted.
    #[error("PostgreSQL does not say which connections there are: {0}")]
    Watch(String),
    /// A request had no answer.
    #[error("a request was not answered: {0}")]
    Io(#[from] io::Error),
    /// An account was not made.
    #[error("the account {account} was not created: {answer}")]
    Refused {
        /// Which one.
        account: String,
        /// What the upstream said.
        answer: String,
    },
}

// === impl Accounts ===

impl Accounts {
    /// Runs it; `stack` is one to be started, such as [`Stack::builder`] gives. It comes back with what was found,
    /// because ending it takes a while: there are many databases to remove.
    pub fn run(
        self,
        stack: Builder,
        progress: &Progress,
    ) -> Result<(Report, Stack), AccountsError> {
        let stack = self.start(stack)?;
        let upstream = Origin::parse(&stack.upstream_url())?;
        let names: Vec<_> = (0..self.accounts)
            .map(|number| format!("account-{number}"))
            .collect();
        let begun = Instant::now();
        progress.step("making the accounts", || {
            create(upstream, stack.assertion_key(), &names)
        })?;
        let created = begun.elapsed();

        let watch = Watch::start(&stack)?;
        let credential = Credential::Key(stack.assertion_key().to_owned());
        let mut tenants: Vec<_> = names
            .iter()
            .map(|name| Mutex::new(Tenant::new(name, upstream, credential.clone())))
            .collect();
        let mut rounds = vec![Round::alone(&stack, &watch, &mut tenants)?];
        for _ in 0..self.rounds {
            random::shuffle(&mut tenants);
            let round = progress.step("visiting all of them", || {
                Round::visit(&stack, &watch, &tenants, self.at_once)
            })?;
            rounds.push(round);
        }
        let clients = tenants.into_iter().take(self.at_once).map(|tenant| {
            let tenant = tenant.into_inner().unwrap_or_else(PoisonError::into_inner);
            let token = stack.issuer().member(tenant.account());
            tenant.by(stack.gate(), Credential::Token(token))
        });
        let duration = Duration::from_secs(self.seconds);
        watch.forget();
        let clients = clients.collect();
        let clients = progress.step("writing and reading through the gate", || {
            run_clients(clients, duration)
        })?;
        let report = Report {
            accounts: self,
            created,
            rounds,
            clients,
            clients_connections: watch.most(),
        };
        drop(watch);
        Ok((report, stack))
    }

    /// The caps are lifted, and the gate does not ask for a directory that accounts are added to all the time.
    fn start(self, stack: Builder) -> Result<Stack, StackError> {
        let connections = self.connections.to_string();
        stack
            .upstream_arguments(["--max-connections", &connections])
            .policy(|policy| {
                set(policy, "/caps", json!([]));
                set(policy, "/accounts/directory", Value::Null);
            })
            .start()
    }
}

fn set(policy: &mut Value, pointer: &str, value: Value) {
    if let Some(found) = policy.pointer_mut(pointer) {
        *found = value;
    }
}

/// Creates accounts at the upstream, with the gate's key, as an administrator; several at a time.
pub fn create(upstream: Origin, key: &str, names: &[String]) -> Result<(), AccountsError> {
    let create = |name: &String| {
        let refused = |answer| AccountsError::Refused {
            account: name.clone(),
            answer,
        };
        let assertion = assertion(key, name, true);
        let assertion = assertion.ok_or_else(|| refused("no assertion can be made".to_owned()))?;
        let answer = upstream
            .post("/api/admin/accounts")
            .header(HEADER, &assertion)
            .json(&json!({"name": name}))
            .send()?;
        match answer.status {
            201 => Ok(()),
            status => Err(refused(format!("{status} {}", answer.text()))),
        }
    };
    thread::scope(|scope| {
        let creators: Vec<_> = (0..CREATORS)
            .map(|first| {
                let mut names = names.iter().skip(first).step_by(CREATORS);
                scope.spawn(move || names.try_for_each(create))
            })
            .collect();
        creators.into_iter().try_for_each(join)
    })
}

/// What a thread came to; its panic is ours.
fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    }
}
