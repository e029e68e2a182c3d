//! What the service does by itself while it serves: it brings accounts' databases up to date, a few at a time, and
//! finishes what a service that died has left of an account. So it is ready at once, however many accounts there are,
//! and one that fails keeps nobody else out.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::accounts::lifecycle::finish_left;
use crate::accounts::schema::{self, Outcome};
use crate::database::{DatabaseError, Databases, explain};

/// How often it is looked for something to do. Another service may be of another version, or die.
const INTERVAL: Duration = Duration::from_secs(60);

/// Databases that are migrated at once.
const AT_ONCE: usize = 4;

/// Never comes back.
pub(crate) async fn keep_up(databases: Databases) {
    loop {
        if let Err(error) = finish_left(&databases).await {
            tracing::warn!(
                error = explain(&error),
                "deleted accounts are not looked after"
            );
        }
        if let Err(error) = migrate(&databases).await {
            tracing::warn!(
                error = explain(&error),
                "accounts are not brought up to date"
            );
        }
        sleep(INTERVAL).await;
    }
}

async fn migrate(databases: &Databases) -> Result<(), DatabaseError> {
    let (outdated, _) = schema::outdated(databases).await?;
    if outdated.is_empty() {
        return Ok(());
    }
    let mut done = 0;
    for batch in outdated.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for account in batch.iter().cloned() {
            let databases = databases.clone();
            tasks.spawn(async move {
                let outcome = schema::bring_up_to_date(&databases, &account).await;
                (account, outcome)
            });
        }
        for (account, outcome) in tasks.join_all().await {
            match outcome? {
                Outcome::UpToDate => done += 1,
                Outcome::Gone => {}
                Outcome::Failed(error) => tracing::error!(
                    account = account.name(),
                    error = explain(&error),
                    "the account's database cannot be brought up to date; its requests get 503 until it is"
                ),
            }
        }
    }
    let left = outdated.len() - done;
    tracing::info!(done, left, "databases were brought up to date");
    Ok(())
}
