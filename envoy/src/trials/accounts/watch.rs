//! Counts the upstream's connections, as PostgreSQL sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::AccountsError;
use crate::stack::Stack;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(10);

const COUNT: &str = "select count(*) from pg_stat_activity \
                     where application_name = 'tollgate-upstream' and datname <> 'kataven-admin'";

/// Looks all the time, until it is dropped.
pub struct Watch {
    most: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Watch ===

impl Watch {
    /// Begins to look at the stack's PostgreSQL.
    pub fn start(stack: &Stack) -> Result<Self, AccountsError> {
        let url = stack.service().map(|(_, postgres)| postgres.url());
        let failed = |why: String| AccountsError::Watch(why);
        let url = url.ok_or_else(|| failed("there is none".to_owned()))?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = runtime.block_on(connect(&url));
        let client = client.map_err(|error| failed(error.to_string()))?;
        let (most, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (most, stop) = (Arc::clone(&most), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(count) = runtime.block_on(look(&client)) else {
                        return;
                    };
                    most.fetch_max(count, Ordering::Relaxed);
                }
            }
        });
        Ok(Self {
            most,
            stop,
            thread: Some(thread),
        })
    }

    /// The most connections to account databases that there were at a time, since the beginning or since
    /// [`Self::forget`]; more than there can be if nobody looks any more.
    pub fn most(&self) -> usize {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return usize::MAX;
        }
        self.most.load(Ordering::Relaxed)
    }

    /// Forgets what there was.
    pub fn forget(&self) {
        self.most.store(0, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn look(client: &Client) -> Option<usize> {
    tokio::time::sleep(EVERY).await;
    let messages = client.simple_query(COUNT).await.ok()?;
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    })
}
