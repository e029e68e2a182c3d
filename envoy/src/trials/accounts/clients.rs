//! Clients who write and read at random for a while, each in an account of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Tenant, TenantError, join};
use crate::random;

/// What became of their requests; what they read was theirs, or there would be an error instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// How many clients there were.
    pub clients: usize,
    /// Answers, by status.
    pub answers: BTreeMap<u16, usize>,
    /// Times that somebody asked for another's agent, by its id, and was told that there is none.
    pub pried: usize,
}

/// Has each write and read until the time is over; in the end each reads all that it has.
///
/// # Errors
///
/// A request had no answer, or what was read is not what the client has written: it was another's, lost, or there twice.
pub fn run_clients(tenants: Vec<Tenant>, duration: Duration) -> Result<Clients, TenantError> {
    let deadline = Instant::now() + duration;
    let heard = Mutex::new(vec![None; tenants.len()]);
    let heard = &heard;
    let mut all = Clients {
        clients: tenants.len(),
        ..Clients::default()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = tenants
            .into_iter()
            .enumerate()
            .map(|(number, tenant)| scope.spawn(move || run(tenant, number, heard, deadline)))
            .collect();
        for thread in threads {
            let one = join(thread)?;
            all.pried += one.pried;
            for (status, count) in one.answers {
                *all.answers.entry(status).or_default() += count;
            }
        }
        Ok(all)
    })
}

/// `heard` has a path of each client that everybody knows of.
fn run(
    mut tenant: Tenant,
    number: usize,
    heard: &Mutex<Vec<Option<String>>>,
    deadline: Instant,
) -> Result<Clients, TenantError> {
    let mut seen = Clients::default();
    let mut connection = tenant.connect()?;
    let connection = &mut connection;
    while Instant::now() < deadline {
        let answer = match random::below(16).unwrap_or_default() {
            0..6 => tenant.write(connection)?,
            6..14 => tenant.read(connection)?,
            14 => tenant.list(connection)?,
            _ => {
                let Some(path) = exchange(&tenant, number, heard) else {
                    continue;
                };
                let answer = tenant.pry(connection, &path)?;
                seen.pried += usize::from(answer.status == 404);
                answer
            }
        };
        *seen.answers.entry(answer.status).or_default() += 1;
    }
    let last = tenant.list(connection)?;
    *seen.answers.entry(last.status).or_default() += 1;
    Ok(seen)
}

/// Tells of an agent of its own, and hears of another's.
fn exchange(tenant: &Tenant, number: usize, heard: &Mutex<Vec<Option<String>>>) -> Option<String> {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(own) = heard.get_mut(number) {
        *own = tenant.any().map(str::to_owned);
    }
    let others = heard.len().checked_sub(1)?;
    let other = random::below(others)?;
    heard.get((number + 1 + other) % heard.len())?.clone()
}
