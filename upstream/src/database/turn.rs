//! Who may take many connections to the system database, and takes one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::DatabaseError;

/// How long one waits for those before it. No longer than the gate waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever looks a key up has it meanwhile, or reads the directory, or asks which accounts there are. Anybody may ask for
/// that, and each is answered: all who wait for the same turn take one of the connections that every request's account is
/// looked up with, and not all.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Semaphore>);

// === impl Turn ===

impl Turn {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Waits for it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Busy`] where there are too many.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        let permit = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(DatabaseError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_and_nobody_waits_for_ever() {
        let turn = Turn::new();
        let first = turn.take().await.unwrap();
        assert!(matches!(turn.take().await, Err(DatabaseError::Busy)));
        drop(first);
        assert!(turn.take().await.is_ok());
    }
}
