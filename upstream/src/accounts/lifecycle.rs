//! Makes accounts and deletes them. Each is done in steps that a service may die between; the account's row says how
//! far it was, the account's lock whether somebody is still at it, and whoever has the lock next goes on from there.

mod creation;
mod deletion;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate_policy::account::AccountName;

pub(crate) use creation::Created;
pub(crate) use deletion::finish_left;

use crate::database::{Databases, ServerName};
use crate::identity::Administrator;
use crate::problem::Problem;

/// Accounts being made or deleted at once; each takes up to four connections outside the pools.
const AT_ONCE: usize = 2;

/// Makes accounts and deletes them.
#[derive(Clone)]
pub(crate) struct Lifecycle {
    databases: Databases,
    turns: Arc<Semaphore>,
}

// === impl Lifecycle ===

impl Lifecycle {
    pub(crate) fn new(databases: Databases) -> Self {
        Self {
            databases,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Makes the account `name`, as the administrator asked.
    ///
    /// # Errors
    ///
    /// 409 where it exists, or a database does that is not ours; what goes wrong with PostgreSQL.
    pub(crate) async fn create(
        &self,
        administrator: &Administrator,
        name: AccountName,
        server: Option<ServerName>,
    ) -> Result<Created, Problem> {
        let subject = administrator.account().subject().to_owned();
        let databases = self.databases.clone();
        self.to_the_end(async move {
            let created = creation::create(&databases, &name, server).await?;
            tracing::info!(account = name.as_str(), subject, "account created");
            Ok(created)
        })
        .await
    }

    /// Deletes the account `name` and all that it has, as the administrator asked; also one that is half made, or
    /// half deleted.
    ///
    /// # Errors
    ///
    /// 404 where there is none; what goes wrong with PostgreSQL.
    pub(crate) async fn delete(
        &self,
        administrator: &Administrator,
        name: AccountName,
    ) -> Result<(), Problem> {
        let subject = administrator.account().subject().to_owned();
        let databases = self.databases.clone();
        self.to_the_end(async move {
            deletion::delete(&databases, &name).await?;
            tracing::info!(account = name.as_str(), subject, "account deleted");
            Ok(())
        })
        .await
    }

    /// In a task of its own: a client that hangs up must not leave half an account.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let turns = Arc::clone(&self.turns);
        let task = tokio::spawn(async move {
            let _turn = turns.acquire().await;
            work.await
        });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "making or deleting an account was cut off");
            Err(Problem::internal())
        })
    }
}
