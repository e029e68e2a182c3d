//! How many signatures may be verified at the same time, away from the threads that serve requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// At the same time. A signature takes about a millisecond of a core.
const AT_ONCE: usize = 2;

/// How long one may wait for those before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs what computes for a while.
pub(super) struct Bound {
    turns: Arc<Semaphore>,
    patience: Duration,
}

// === impl Bound ===

impl Bound {
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            patience: PATIENCE,
        }
    }

    /// Runs it; none where there are too many, or it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await;
        let permit = permit.ok()?.ok()?;
        let computed = spawn_blocking(move || {
            // Whoever asked may go away; it is computed all the same, and counts until it is done.
            let _permit = permit;
            compute()
        });
        computed.await.ok()
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
        assert_eq!(bound.run(|| 1).await, None);

        drop(end);
        let all = bound.turns.acquire_many(u32::try_from(AT_ONCE).unwrap());
        drop(all.await);
        assert_eq!(bound.run(|| 1).await, Some(1));
    }

    #[tokio::test]
    async fn a_panic_takes_no_turn_with_it() {
        let bound = Bound::new();
        for _ in 0..=AT_ONCE {
            assert_eq!(bound.run(|| panic!("as it may")).await, None::<()>);
        }
        assert_eq!(bound.run(|| 1).await, Some(1));
    }
}
