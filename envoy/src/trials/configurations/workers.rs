//! All workers, each asked.

use std::io;
use std::time::{Duration, Instant};

use super::ConfigurationsError;
use super::seen::Seen;
use super::traffic::Traffic;
use crate::client::Connection;
use crate::stack::Stack;

/// How long it may take to reach the last one.
const PATIENCE: Duration = Duration::from_secs(20);

/// A path that nobody makes public.
const PROTECTED: &str = "/api/v1/agents";

/// The workers of an Envoy.
pub(super) struct Workers<'s> {
    stack: &'s Stack,
    traffic: &'s Traffic,
    number: usize,
}

// === impl Workers ===

impl<'s> Workers<'s> {
    pub(super) fn new(stack: &'s Stack, traffic: &'s Traffic, number: usize) -> Self {
        Self {
            stack,
            traffic,
            number,
        }
    }

    /// Asks every worker whether this path is public, and nothing else is that should not be; says what is wrong with
    /// one.
    pub(super) fn all_have(
        &self,
        path: &str,
        not: Option<&str>,
    ) -> Result<Option<String>, ConfigurationsError> {
        // Whoever opens connections meanwhile could have the one that is counted.
        let _alone = self.traffic.alone();
        for shut in [Some(PROTECTED), not].into_iter().flatten() {
            let problem = self.each(|connection| self.tells_apart(connection, path, shut))?;
            if problem.is_some() {
                return Ok(problem);
            }
        }
        Ok(None)
    }

    /// Asks every worker over a connection of its own; comes back with the first that `ask` has something to say of.
    fn each(
        &self,
        ask: impl Fn(Connection) -> io::Result<Option<String>>,
    ) -> Result<Option<String>, ConfigurationsError> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = self.connections();
        loop {
            match self.round(&ask) {
                Ok(Some(problem)) => return Ok(Some(problem)),
                Ok(None) => {}
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                // One that was cut with the old listener has told nothing, and yet was counted.
                Err(_) => {
                    before = self.connections();
                    continue;
                }
            }
            let missing = self.missing(&before);
            if missing.is_empty() {
                return Ok(None);
            }
            if Instant::now() > deadline {
                return Err(ConfigurationsError::OutOfReach(missing));
            }
        }
    }

    /// As many connections as workers, all at once, so that no worker has two.
    fn round(
        &self,
        ask: impl Fn(Connection) -> io::Result<Option<String>>,
    ) -> io::Result<Option<String>> {
        let connect = |_| self.stack.gate().connect();
        let connections: io::Result<Vec<_>> = (0..self.number).map(connect).collect();
        for connection in connections? {
            if let Some(problem) = ask(connection)? {
                return Ok(Some(problem));
            }
        }
        Ok(None)
    }

    fn tells_apart(
        &self,
        mut connection: Connection,
        open: &str,
        shut: &str,
    ) -> io::Result<Option<String>> {
        let mut is_public = |path: &str| {
            let seen = self.traffic.send(&mut connection, &self.stack.get(path))?;
            Ok::<_, io::Error>((seen == Seen::Passed("public".to_owned()), seen))
        };
        // In this order: Envoy closes the connection where a refusal is a 400.
        if let (false, seen) = is_public(open)? {
            return Ok(Some(format!("{open} is not public in a worker: {seen:?}")));
        }
        Ok(is_public(shut)?
            .0
            .then(|| format!("{shut} is public in a worker")))
    }

    /// Those who have had no connection since.
    fn missing(&self, before: &[u64]) -> Vec<usize> {
        let now = self.connections();
        let had = |worker: &usize| now.get(*worker) > before.get(*worker);
        (0..self.number).filter(|worker| !had(worker)).collect()
    }

    /// How many connections each worker has had.
    fn connections(&self) -> Vec<u64> {
        let name = |worker| format!("listener.edge.worker_{worker}.downstream_cx_total");
        let count = |worker| self.stack.envoy().stat(&name(worker)).unwrap_or(0);
        (0..self.number).map(count).collect()
    }
}
