//! `tollgate demo`: the whole gate on this machine, until Ctrl-C or for one command.

mod execute;
mod page;

use std::io::{self, Write};
use std::time::Duration;

pub use page::{Bearer, Call, Example, GROUPS, Group, Page};

use crate::process::{ProcessError, Tool, interrupt};
use crate::progress::Progress;
use crate::stack::{Stack, StackError};

/// Starts Envoy with the filter, an OIDC issuer, PostgreSQL and the upstream, and prints requests to try
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Runs this shell command against the gate, instead of waiting for Ctrl-C; its status is ours
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// The port of Envoy's listener
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    port: u16,
    /// Envoy's worker threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
}

/// How often the demo looks whether all its parts are there.
const LOOK: Duration = Duration::from_millis(500);

/// Why the demo ends early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something does not start.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A part ended that should run.
    #[error(transparent)]
    Ended(ProcessError),
    /// The command, the page or the signals.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

// === impl Demo ===

impl Demo {
    /// Runs it; the result is the status to exit with.
    pub fn run(self, tool: &Tool) -> Result<u8, DemoError> {
        interrupt::watch().map_err(system("signals cannot be watched"))?;
        let started = Stack::builder(tool.clone())
            .progress(Progress::new())
            .workers(self.workers.into())
            .port(self.port)
            .status_page()
            .start();
        let mut stack = match started {
            Ok(stack) => stack,
            // Whatever failed then, failed because of that.
            Err(_) if interrupt::received().is_some() => return Ok(interrupted()),
            Err(error) => return Err(error.into()),
        };
        if let Some(command) = &self.exec {
            let status = execute::execute(tool, command, stack.environment())
                .map_err(system("the command could not be started"))?;
            return Ok(status.unwrap_or_else(interrupted));
        }
        let page = Page::new(&stack).to_string();
        io::stdout()
            .write_all(page.as_bytes())
            .map_err(system("the page cannot be printed"))?;
        while !interrupt::wait_for(LOOK) {
            if let Some(ended) = stack.ended() {
                return Err(DemoError::Ended(ended));
            }
        }
        eprintln!("\nstopping …");
        Ok(0)
    }
}

fn interrupted() -> u8 {
    let signal = interrupt::received().and_then(|signal| u8::try_from(signal).ok());
    128 + signal.unwrap_or_default()
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::System { what, source }
}
