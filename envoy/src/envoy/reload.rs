//! Another configuration for the listener of an Envoy that runs.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Envoy;
use crate::config::{Config, ConfigError};

/// How long Envoy may take; it compiles the module again where that is another one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the listener is still the old one.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The listener is in no file.
    #[error("Envoy was started without a drain time, and so without a file for its listener")]
    Static,
    /// The file cannot be written.
    #[error("the listener's file could not be replaced: {0}")]
    File(#[from] io::Error),
    /// The reference configuration has changed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Envoy does not take it; what it has logged of that.
    #[error("Envoy refuses the listener; its log:\n{0}")]
    Refused(String),
    /// It was not taken in time.
    #[error("Envoy did not take the listener within {} s", PATIENCE.as_secs())]
    Late,
}

/// The file that Envoy reads its listener from.
#[derive(Debug)]
pub(super) struct ListenerFile {
    path: PathBuf,
    /// What Envoy has taken of it last: what it refuses stands in the file, too.
    taken: Mutex<String>,
}

/// What Envoy has counted of its listeners.
#[derive(Clone, Copy, Debug)]
struct Counts {
    taken: u64,
    refused: u64,
    /// One a worker and listener.
    begun: u64,
}

// === impl ListenerFile ===

impl ListenerFile {
    /// With the listener that Envoy is to start with.
    pub(super) fn write(path: PathBuf, text: String) -> io::Result<Self> {
        fs::write(&path, &text)?;
        Ok(Self {
            path,
            taken: Mutex::new(text),
        })
    }
}

// === impl Envoy ===

impl Envoy {
    /// Replaces the listener by that of another configuration, and comes back when every worker has it. Connections to
    /// the old one live on until they end, or until the drain time is over.
    ///
    /// # Errors
    ///
    /// [`ReloadError::Refused`] with Envoy's reason; the old one then stays.
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let file = self.listeners.as_ref().ok_or(ReloadError::Static)?;
        let config = config.with_access_log(&self.access_log)?;
        let (_, text) = config.with_listeners_in(&file.path)?;
        let mut taken = file.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if *taken == text {
            // Envoy would do nothing.
            return Ok(());
        }
        let (before, log) = (self.listener_counts(), self.log().len());
        // Envoy looks when a file is moved to the name.
        let whole = file.path.with_extension("new");
        fs::write(&whole, &text)?;
        fs::rename(&whole, &file.path)?;
        let workers = u64::try_from(self.workers).unwrap_or(u64::MAX);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let now = self.listener_counts();
            if now.refused > before.refused {
                return Err(ReloadError::Refused(self.log().split_off(log)));
            }
            if now.taken > before.taken && now.begun >= before.begun + workers {
                *taken = text;
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(ReloadError::Late)
    }

    fn listener_counts(&self) -> Counts {
        let count = |name| self.stat(&format!("listener_manager.{name}")).unwrap_or(0);
        Counts {
            taken: count("lds.update_success"),
            // The second: it is not even a listener.
            refused: count("lds.update_rejected") + count("lds.update_failure"),
            begun: count("listener_create_success"),
        }
    }
}
