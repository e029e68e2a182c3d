//! What is done to the parts, and undone.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::dice::Dice;
use super::model::Part;
use crate::client::Origin;
use crate::envoy::ReloadError;
use crate::issuer::{Fault as IssuerFault, FaultKind, Issuer, IssuerError};
use crate::postgres::Postgres;
use crate::stack::Stack;
use crate::upstream::Upstream;

/// How long a part may take to come back on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What is done to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Both issuers listen no more.
    IssuerDown,
    /// Both issuers take questions and answer none.
    IssuerStalled,
    /// SIGKILL.
    PostgresKilled,
    /// SIGSTOP to all its processes.
    PostgresStalled,
    /// SIGKILL.
    UpstreamKilled,
    /// SIGSTOP.
    UpstreamStalled,
    /// Another configuration of the filter.
    Reconfigured,
    /// Another module, and so new virtual machines.
    ModuleReplaced,
}

/// What they are done to.
pub struct Parts<'a> {
    stack: &'a Stack,
    strict: &'a Issuer,
    upstream: &'a Upstream,
    postgres: &'a Postgres,
    /// A module with other bytes, which does the same.
    module: PathBuf,
}

/// A part could not be disturbed, or does not come back.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The system refuses, or a part does not come back.
    #[error("{fault}: {source}")]
    Io {
        /// What was done.
        fault: Fault,
        /// Why it did not work.
        source: io::Error,
    },
    /// Envoy refuses the configuration.
    #[error(transparent)]
    Reload(#[from] ReloadError),
    /// An issuer does not come back.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
}

// === impl Fault ===

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::IssuerDown,
        Self::IssuerStalled,
        Self::PostgresKilled,
        Self::PostgresStalled,
        Self::UpstreamKilled,
        Self::UpstreamStalled,
        Self::Reconfigured,
        Self::ModuleReplaced,
    ];

    /// What it is done to.
    pub fn part(self) -> Part {
        match self {
            Self::IssuerDown | Self::IssuerStalled => Part::Issuer,
            Self::PostgresKilled | Self::PostgresStalled => Part::Postgres,
            Self::UpstreamKilled | Self::UpstreamStalled => Part::Upstream,
            Self::Reconfigured | Self::ModuleReplaced => Part::Gate,
        }
    }

    /// What comes when: all of them in a random order, again and again; now and then two at once, of different parts.
    pub fn plan(dice: &mut Dice) -> impl Iterator<Item = Vec<Self>> {
        let mut left: Vec<Self> = Vec::new();
        let mut number = 0_u32;
        std::iter::from_fn(move || {
            let mut faults = Vec::new();
            number += 1;
            let wanted = if number.is_multiple_of(3) { 2 } else { 1 };
            for _ in 0..2 * Self::ALL.len() {
                if left.is_empty() {
                    left = Self::ALL.to_vec();
                }
                let fault = left.swap_remove(dice.below(left.len()));
                let other = |found: &Self| found.part() != fault.part();
                if faults.iter().all(other) {
                    faults.push(fault);
                } else {
                    left.push(fault);
                }
                if faults.len() == wanted {
                    break;
                }
            }
            Some(faults)
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IssuerDown => "issuers down",
            Self::IssuerStalled => "issuers stalled",
            Self::PostgresKilled => "PostgreSQL killed",
            Self::PostgresStalled => "PostgreSQL stalled",
            Self::UpstreamKilled => "upstream killed",
            Self::UpstreamStalled => "upstream stalled",
            Self::Reconfigured => "filter reconfigured",
            Self::ModuleReplaced => "module replaced",
        })
    }
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// Those of a stack with the real service; none with another.
    pub fn new(stack: &'a Stack, strict: &'a Issuer, module: PathBuf) -> Option<Self> {
        let (upstream, postgres) = stack.service()?;
        Some(Self {
            stack,
            strict,
            upstream,
            postgres,
            module,
        })
    }

    /// Envoy's resident memory, in bytes.
    pub fn envoy_memory(&self) -> u64 {
        self.stack.envoy().resident().unwrap_or_default()
    }

    /// Does it.
    pub fn begin(&self, fault: Fault) -> Result<(), FaultError> {
        let failed = |source| FaultError::Io { fault, source };
        match fault {
            Fault::IssuerDown => {
                self.stack.issuer().down();
                self.strict.down();
            }
            Fault::IssuerStalled => self.set_issuers(FaultKind::Hang),
            Fault::PostgresKilled => self.postgres.kill().map_err(failed)?,
            Fault::PostgresStalled => self.postgres.stall().map_err(failed)?,
            Fault::UpstreamKilled => self.upstream.kill().map_err(failed)?,
            Fault::UpstreamStalled => self.upstream.stall().map_err(failed)?,
            Fault::Reconfigured => self.stack.reload(|policy| {
                // Nothing that anybody sees, but Envoy makes a new context of it.
                if let Some(entries) = policy.pointer_mut("/token_cache/entries") {
                    *entries = json!(if *entries == 9999 { 10_000 } else { 9999 });
                }
            })?,
            Fault::ModuleReplaced => {
                let mut bytes = fs::read(&self.module).map_err(failed)?;
                // A custom section (WebAssembly 1.0 §5.5.3) of no meaning, with the name `x`.
                bytes.extend([0, 2, 1, b'x']);
                let replacement = self.replacement(bytes.len());
                fs::write(&replacement, bytes).map_err(failed)?;
                self.stack.reload_module(&replacement)?;
                fs::copy(&replacement, &self.module).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Undoes it; the part is there again when this comes back.
    pub fn end(&self, fault: Fault) -> Result<(), FaultError> {
        let failed = |source| FaultError::Io { fault, source };
        match fault {
            Fault::IssuerDown => {
                self.stack.issuer().up()?;
                self.strict.up()?;
            }
            Fault::IssuerStalled => self.set_issuers(FaultKind::None),
            Fault::PostgresKilled => {
                self.postgres.resume().map_err(failed)?;
                wait_until(|| self.postgres.lets_in()).map_err(failed)?;
            }
            Fault::PostgresStalled => self.postgres.go_on().map_err(failed)?,
            Fault::UpstreamKilled => {
                self.upstream.resume().map_err(failed)?;
                // It may be waiting for PostgreSQL; so whether it is there, not whether it is well.
                wait_until(|| self.is_listening()).map_err(failed)?;
            }
            Fault::UpstreamStalled => self.upstream.go_on().map_err(failed)?,
            Fault::Reconfigured | Fault::ModuleReplaced => {}
        }
        Ok(())
    }

    fn set_issuers(&self, kind: FaultKind) {
        for issuer in [self.stack.issuer(), self.strict] {
            issuer.fault(IssuerFault::of_keys(kind));
        }
    }

    /// Envoy has the module's file open by its name, so each has one of its own.
    fn replacement(&self, length: usize) -> PathBuf {
        self.module
            .with_file_name(format!("tollgate-{length}.wasm"))
    }

    fn is_listening(&self) -> bool {
        Origin::parse(self.upstream.url()).is_ok_and(|origin| origin.connect().is_ok())
    }
}

fn wait_until(condition: impl Fn() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_comes_in_turn_and_now_and_then_two_at_once() {
        let faults: Vec<_> = Fault::plan(&mut Dice::new(7)).take(30).collect();
        let all: BTreeSet<_> = faults.iter().take(8).flatten().collect();
        assert_eq!(all.len(), Fault::ALL.len(), "{faults:?}");
        for pair in faults.iter().filter(|faults| faults.len() > 1) {
            assert_ne!(pair[0].part(), pair[1].part());
        }
        assert_eq!(faults.iter().filter(|faults| faults.len() == 2).count(), 10);
        let again: Vec<_> = Fault::plan(&mut Dice::new(7)).take(30).collect();
        assert_eq!(again, faults, "by the same seed");
    }
}
