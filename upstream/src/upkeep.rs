//! What the service does by itself while it serves: it brings accounts' databases up to date, a few at a time, and
//! finishes what a service that died has left of an account. So it is ready at once, however many accounts there are,
//! and one that fails keeps nobody else out. Each PostgreSQL server is looked after on its own, because one may hang.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::accounts::lifecycle::finish_left;
use crate::accounts::schema::{self, Outcome};
use crate::database::{DatabaseError, Databases, ServerName, explain};

/// How often it is looked for something to do. Another service may be of another version, or die.
const INTERVAL: Duration = Duration::from_secs(60);

/// Databases that are migrated at once.
const AT_ONCE: usize = 4;

/// Never comes back.
pub(crate) async fn keep_up(databases: Databases) {
    let mut servers = JoinSet::new();
    for server in databases.servers.names() {
        servers.spawn(look_after(databases.clone(), server.cloned()));
    }
    servers.join_all().await;
}

async fn look_after(databases: Databases, server: Option<ServerName>) {
    let name = server.as_ref().map(ServerName::as_str);
    loop {
        if let Err(error) = finish_left(&databases, server.as_ref()).await {
            tracing::warn!(
                server = name,
                error = explain(&error),
                "deleted accounts are not looked after"
            );
        }
        if let Err(error) = migrate(&databases, server.as_ref()).await {
            tracing::warn!(
                server = name,
                error = explain(&error),
                "accounts are not brought up to date"
            );
        }
        sleep(INTERVAL).await;
    }
}

async fn migrate(databases: &Databases, server: Option<&ServerName>) -> Result<(), DatabaseError> {
    let (mut outdated, _) = schema::outdated(databases).await?;
    outdated.retain(|account| account.server() == server);
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
