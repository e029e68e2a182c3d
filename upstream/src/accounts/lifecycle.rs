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

/// Makes accounts and deletes them. Requests are not cut off, so no client leaves half an account by hanging up.
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
        let subject = administrator.account().subject();
        let _turn = self.turns.acquire().await;
        let created = creation::create(&self.databases, &name, server).await?;
        tracing::info!(account = name.as_str(), subject, "account created");
        Ok(created)
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
        let subject = administrator.account().subject();
        let _turn = self.turns.acquire().await;
        deletion::delete(&self.databases, &name).await?;
        tracing::info!(account = name.as_str(), subject, "account deleted");
        Ok(())
    }
}
