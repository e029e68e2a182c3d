//! How many signatures may be verified or made at the same time, away from the threads that serve requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::problem::Problem;

/// At the same time. A signature takes about a millisecond of a core.
const AT_ONCE: usize = 2;

/// How long one may wait for those before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs what computes for a while. All clones have their turns in common.
#[derive(Clone)]
pub(crate) struct Bound {
    turns: Arc<Semaphore>,
    patience: Duration,
}

/// It was not computed: there are too many, or it panicked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

// === impl Bound ===

impl Bound {
    pub(crate) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            patience: PATIENCE,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`Busy`] where it waited for too long, or it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let permit = timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Busy)?;
        let computed = spawn_blocking(move || {
            // Whoever asked may go away; it is computed all the same, and counts until it is done.
            let _permit = permit;
            compute()
        });
        computed.await.map_err(|_| Busy)
    }

    /// All turns are taken, for ever.
    #[cfg(test)]
    pub(crate) fn all_taken() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(0)),
            ..Self::new()
        }
    }
}

// === impl Busy ===

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        let detail = "too many tokens are being verified or made at the same time";
        Self::unavailable("verification_busy", detail, 1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn too_many_are_turned_away() {
        let bound = Bound {
            patience: Duration::from_millis(10),
            ..Bound::new()
        };
        let (end, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        for _ in 0..AT_ONCE {
            let wait = Arc::clone(&wait);
            let running = bound.run(move || drop(wait.lock().map(|wait| wait.recv())));
            // Whoever asked goes away. It goes on.
            assert_eq!(running.now_or_never(), None);
        }
        assert_eq!(bound.run(|| 1).await, Err(Busy));

        drop(end);
        let all = bound.turns.acquire_many(u32::try_from(AT_ONCE).unwrap());
        drop(all.await);
        assert_eq!(bound.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_takes_no_turn_with_it() {
        let bound = Bound::new();
        for _ in 0..=AT_ONCE {
            assert_eq!(bound.run(|| panic!("as it may")).await, Err::<(), _>(Busy));
        }
        assert_eq!(bound.run(|| 1).await, Ok(1));
    }
}
