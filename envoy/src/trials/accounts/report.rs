//! What was found, as a table.

use std::fmt;
use std::time::Duration;

use super::{Accounts, Clients, Round};

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub accounts: Accounts,
    /// How long it took to make the accounts.
    pub created: Duration,
    /// The visits to some accounts one after the other, and then to all of them, round by round.
    pub rounds: Vec<Round>,
    /// What the clients of the gate saw.
    pub clients: Clients,
    /// The most connections to account databases meanwhile.
    pub clients_connections: usize,
}

/// What the upstream's memory may grow by after the first time that all accounts were visited, in bytes.
const GROWTH: u64 = 16 << 20;

// === impl Report ===

impl Report {
    /// Whether every request was answered as it should be, the connections were never more than they may, and the
    /// upstream's memory levelled off.
    pub fn is_right(&self) -> bool {
        let most = self.accounts.connections;
        let round = |round: &Round| round.failed.is_empty() && round.connections <= most;
        let mut memory = self.rounds.iter().skip(1).map(|round| round.memory);
        let first = memory.next().unwrap_or_default();
        let last = memory.next_back().unwrap_or(first);
        let answers = &self.clients.answers;
        self.rounds.iter().all(round)
            && first > 0
            && last <= first + GROWTH
            && answers.keys().all(|status| [200, 201, 404].contains(status))
            // Others' agents, and nothing else, are not there.
            && answers.get(&404).copied().unwrap_or_default() == self.clients.pried
            && self.clients_connections <= most
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Accounts {
            accounts,
            connections,
            seconds,
            ..
        } = self.accounts;
        writeln!(
            f,
            "{accounts} account databases made in {:.1} s; at most {connections} connections to them\n",
            self.created.as_secs_f64()
        )?;
        writeln!(
            f,
            "| visits | at once | errors | first request p50 | p99 | later ones p50 | p99 | connections | upstream's memory |"
        )?;
        writeln!(f, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for round in &self.rounds {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} MB |",
                round.first.len(),
                round.at_once,
                round.failed.values().sum::<usize>(),
                Milliseconds(&round.first, 50),
                Milliseconds(&round.first, 99),
                Milliseconds(&round.next, 50),
                Milliseconds(&round.next, 99),
                round.connections,
                round.memory >> 20,
            )?;
        }
        let answers = self.clients.answers.iter();
        let answers: Vec<_> = answers
            .map(|(status, count)| format!("{count} × {status}"))
            .collect();
        writeln!(
            f,
            "\n{} clients through the gate for {seconds} s: {}, {} of them requests for another's rows; \
             at most {} connections",
            self.clients.clients,
            answers.join(", "),
            self.clients.pried,
            self.clients_connections
        )?;
        let right = if self.is_right() {
            "each read its own rows only, and all of them"
        } else {
            "WRONG"
        };
        writeln!(f, "{right}")
    }
}

/// A percentile of sorted durations: the least that is not below so many of a hundred.
struct Milliseconds<'a>(&'a [Duration], usize);

impl fmt::Display for Milliseconds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sorted, percent) = *self;
        let position = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let found = sorted.get(position).copied().unwrap_or_default();
        write!(f, "{:.1} ms", found.as_secs_f64() * 1000.0)
    }
}
