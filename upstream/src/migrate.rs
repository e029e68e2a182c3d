//! `migrate`: brings the databases of all accounts up to date, several at a time.

mod progress;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::accounts::directory::Registered;
use crate::accounts::lifecycle::finish_left;
use crate::accounts::schema::{self, Outcome};
use crate::database::{DatabaseError, Databases, ServerName, account_version, explain};
use crate::error::Error;
use crate::options::MigrateOptions;
use crate::pool::Limits;
use crate::stop::Stop;
use progress::Progress;

/// How long a database may take to be connected to.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `migrate` came to. It shows itself as what whoever ran it must know.
#[derive(Debug, Default)]
pub struct Migrated {
    /// How many accounts there are.
    accounts: usize,
    /// How many were brought up to date now.
    done: usize,
    /// Why which are not.
    failed: BTreeMap<String, String>,
    /// How many were not come to.
    left: usize,
}

/// Brings the system database and those of all accounts up to date, those of suspended ones too. It may be interrupted
/// and run again, also by several at once and while services run: what is done is done. The first SIGINT or SIGTERM
/// lets what is running finish, the next ends it.
///
/// # Errors
///
/// What keeps it from going on. Accounts that fail are in what it comes to.
pub async fn migrate(options: MigrateOptions) -> Result<Migrated, Error> {
    let mut stop = Stop::new()?;
    let jobs = options.jobs.get();
    let limits = Limits {
        per_database: 1,
        total: jobs,
        idle_timeout: PATIENCE,
        acquire_timeout: PATIENCE,
    };
    let databases = Databases::with(&options.database, limits)?;
    databases.prepare().await?;
    for server in databases.servers.names() {
        if let Err(error) = finish_left(&databases, server).await {
            tracing::warn!(
                server = server.map(ServerName::as_str),
                error = explain(&error),
                "deleted accounts are not looked after"
            );
        }
    }

    let (outdated, accounts) = schema::outdated(&databases)
        .await
        .map_err(Error::Accounts)?;
    let progress = Progress::new(outdated.len());
    let mut migrated = Migrated {
        accounts,
        left: outdated.len(),
        ..Migrated::default()
    };
    let mut queue = outdated.into_iter();
    let mut running = JoinSet::new();
    let mut is_stopped = false;
    loop {
        let next = (!is_stopped && running.len() < jobs).then(|| queue.next());
        if let Some(account) = next.flatten() {
            running.spawn(one(databases.clone(), account));
            continue;
        }
        tokio::select! {
            one = running.join_next() => match one {
                Some(one) => migrated.add(one.map_err(io::Error::other)?, &progress)?,
                None => break,
            },
            () = stop.wait() => {
                if is_stopped {
                    break;
                }
                is_stopped = true;
                progress.say("stopping when those that are running are done; once more stops at once");
            }
        }
    }
    progress.finish();
    Ok(migrated)
}

type One = (Registered, Result<Outcome, DatabaseError>);

async fn one(databases: Databases, account: Registered) -> One {
    let outcome = schema::bring_up_to_date(&databases, &account).await;
    (account, outcome)
}

// === impl Migrated ===

impl Migrated {
    /// Whether every account is up to date.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.left == 0
    }

    /// 1 where an account is not.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_complete() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn add(&mut self, (account, outcome): One, progress: &Progress) -> Result<(), Error> {
        let name = account.name();
        let said = match outcome.map_err(Error::Accounts)? {
            Outcome::UpToDate => {
                self.done += 1;
                format!("{name}: up to date")
            }
            Outcome::Gone => format!("{name}: deleted meanwhile"),
            Outcome::Failed(error) => {
                let why = explain(&error);
                let said = format!("{name}: failed: {why}");
                self.failed.insert(name.to_owned(), why);
                said
            }
        };
        self.left = self.left.saturating_sub(1);
        progress.advance(&said);
        Ok(())
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accounts, done, version) = (self.accounts, self.done, account_version());
        let (failed, left) = (self.failed.len(), self.left);
        let current = accounts.saturating_sub(done + failed + left);
        writeln!(
            f,
            "schema version {version}: {accounts} accounts, {current} were up to date, {done} were brought up to date, \
             {failed} failed, {left} left"
        )?;
        for (name, why) in &self.failed {
            writeln!(f, "failed: {name}: {why}")?;
        }
        if left > 0 {
            writeln!(f, "run `migrate` again for what is left")?;
        } else if failed > 0 {
            writeln!(
                f,
                "repair these databases and run `migrate` again; until then their requests get 503"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_named_and_what_is_left_is_counted() {
        let mut migrated = Migrated {
            accounts: 10,
            done: 3,
            ..Migrated::default()
        };
        assert!(migrated.is_complete());
        assert!(
            migrated
                .to_string()
                .contains("10 accounts, 7 were up to date, 3 were brought")
        );
        migrated.failed.insert("acme".into(), "no room".into());
        assert!(!migrated.is_complete());
        assert!(
            migrated
                .to_string()
                .contains("\nfailed: acme: no room\nrepair")
        );
        migrated.left = 2;
        assert!(migrated.to_string().contains("1 failed, 2 left"));
        assert!(migrated.to_string().contains("4 were up to date"));
    }
}
