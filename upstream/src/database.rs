//! PostgreSQL: one database for the system, one for each account.

mod error;
mod lock;
mod maintenance;
mod migrations;
mod name;
mod server;
mod servers;
pub(crate) mod template;
mod timeouts;
mod turn;
mod whole;

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};
use tollgate_policy::account::AccountName;

pub use error::DatabaseError;
pub use migrations::MigrationError;
pub use name::DatabaseName;
pub use server::{ConnectError, Server, Session};

pub(crate) use lock::Lock;
pub(crate) use maintenance::Maintenance;
pub(crate) use migrations::{account_version, explain};
pub(crate) use name::SYSTEM_DATABASE;
pub(crate) use servers::{ServerName, Servers};
pub(crate) use turn::Turn;
pub(crate) use whole::Whole;

use crate::accounts::directory::{self, Registered};
use crate::error::Error;
use crate::identity::Account;
use crate::options::{DatabaseOptions, Options};
use crate::pool::{Lease, Limits, Pools};
use crate::widget::caller::WidgetCaller;

/// Connections to the system database: they serve short look-ups only.
const SYSTEM_CONNECTIONS: usize = 4;

/// Parameters of a statement, with their types.
pub(crate) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// The databases of accounts, each behind the proof that the gate let the request in.
#[derive(Clone)]
pub struct AccountDatabases(Pools<Server>);

/// All databases of the service.
#[derive(Clone)]
pub(crate) struct Databases {
    /// The first one, which has the system database.
    pub(crate) server: Server,
    system: Pools<Server>,
    pub(crate) servers: Arc<Servers>,
}

// === impl AccountDatabases ===

impl AccountDatabases {
    /// The accounts' databases on `server`; nothing is connected before it is asked for.
    pub fn new(server: Server, limits: Limits) -> Self {
        Self(Pools::new(server, limits))
    }

    /// A connection to the account's own database. Whether the account is in the accounts table is not asked.
    pub async fn connection(&self, account: &Account) -> Result<Lease<Server>, DatabaseError> {
        Ok(self.0.acquire(&DatabaseName::from(account)).await?)
    }

    async fn registered(&self, account: &Registered) -> Result<Lease<Server>, DatabaseError> {
        Ok(self.0.acquire(&DatabaseName::from(account)).await?)
    }

    fn forget(&self, account: &Registered) {
        self.0.forget(&DatabaseName::from(account));
    }
}

// === impl Databases ===

impl Databases {
    /// Nothing is connected before it is asked for.
    ///
    /// # Errors
    ///
    /// A URL in the options is no good.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let total = options.max_connections.get();
        let per_database = options.max_connections_per_account.get();
        let limits = Limits {
            // One account that has as many as it may, and keeps them, leaves something for the others.
            per_database: per_database.min(total.saturating_sub(1)).max(1),
            total,
            idle_timeout: options.idle_timeout,
            acquire_timeout: options.acquire_timeout,
        };
        Self::with(&options.database, limits)
    }

    /// With these limits for the accounts of each server.
    pub(crate) fn with(options: &DatabaseOptions, limits: Limits) -> Result<Self, Error> {
        let server = Server::new("--database-url", &options.database_url)?;
        let system = Limits {
            per_database: SYSTEM_CONNECTIONS,
            total: SYSTEM_CONNECTIONS,
            ..limits
        };
        let servers = Servers::new(server.clone(), &options.database_servers, limits)?;
        Ok(Self {
            system: Pools::new(server.clone(), system),
            servers: Arc::new(servers),
            server,
        })
    }

    /// Makes the system database where it is missing, and brings it up to date.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        let mut session = self.system_session().await?;
        migrations::migrate_system(&mut session)
            .await
            .map_err(|error| Error::migration(&DatabaseName::system(), error))
    }

    /// A connection to the system database, which is made where it is missing.
    async fn system_session(&self) -> Result<Session, Error> {
        let system = DatabaseName::system();
        // Looked for before it is connected to: a proxy remembers for a while that there was no such database. Who may
        // not look is told by the system database itself.
        let maintenance = Maintenance::by_way_of(&self.server, &DatabaseName::maintenance()).await;
        if let Ok(maintenance) = maintenance
            && matches!(maintenance.has(&system).await, Ok(false))
            && let Err(error) = maintenance.create_empty(&system).await
        {
            // Another instance may have made it in the meantime; connecting tells.
            tracing::debug!(%error, "the system database was not made");
        }
        let session = self.server.session(&system).await;
        session.map_err(Error::DatabaseUnreachable)
    }

    /// A connection for making databases of accounts on that server, or taking them away; none is the first.
    pub(crate) async fn maintenance(
        &self,
        server: Option<&ServerName>,
    ) -> Result<Maintenance, DatabaseError> {
        let server = &self.servers.host(server)?.server;
        Maintenance::by_way_of(server, &DatabaseName::maintenance()).await
    }

    /// Brings the account's database up to date, through the pool and so within its bounds.
    pub(crate) async fn migrate(&self, account: &Registered) -> Result<(), MigrationError> {
        let mut lease = self.registered(account).await?;
        let outcome = migrations::migrate_account(&mut lease).await;
        // Who migrates a thousand databases does not keep connections to them.
        lease.discard();
        outcome
    }

    pub(crate) async fn system(&self) -> Result<Lease<Server>, DatabaseError> {
        Ok(self.system.acquire(&DatabaseName::system()).await?)
    }

    /// A connection to the system database, for what it has of an account that exists and is not suspended.
    pub(crate) async fn system_of(
        &self,
        account: &Account,
    ) -> Result<Lease<Server>, DatabaseError> {
        self.check_standing(account.name()).await?;
        self.system().await
    }

    /// A connection to the database of an account that exists and is not suspended.
    pub(crate) async fn account(&self, account: &Account) -> Result<Lease<Server>, DatabaseError> {
        let server = self.check_standing(account.name()).await?;
        let host = self.servers.host(server.as_ref())?;
        host.accounts.connection(account).await
    }

    /// A connection to the database of the account whose widget calls. How the account stands was read with the key.
    pub(crate) async fn of_widget(
        &self,
        caller: &WidgetCaller,
    ) -> Result<Lease<Server>, DatabaseError> {
        let server = caller.standing().clone().server()?;
        let host = self.servers.host(server.as_ref())?;
        Ok(host.accounts.0.acquire(&DatabaseName::from(caller)).await?)
    }

    /// The server that has the account's database; none is the first.
    async fn check_standing(
        &self,
        account: &AccountName,
    ) -> Result<Option<ServerName>, DatabaseError> {
        directory::standing(self, account).await?.server()
    }

    /// A connection for migrations, which no request is behind.
    pub(crate) async fn registered(
        &self,
        account: &Registered,
    ) -> Result<Lease<Server>, DatabaseError> {
        self.servers.of(account)?.accounts.registered(account).await
    }

    /// Closes the idle connections to an account's database, and those in use when they come back.
    pub(crate) fn forget(&self, account: &Registered) {
        if let Ok(host) = self.servers.of(account) {
            host.accounts.forget(account);
        }
    }
}
