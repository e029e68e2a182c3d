//! PostgreSQL: one database for the system, one for each account.

mod migrations;
mod name;
mod server;
mod whole;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

pub use migrations::MigrationError;
pub use name::DatabaseName;
pub use server::{ConnectError, Server, Session};

pub(crate) use migrations::{create_database, migrate_account};
pub(crate) use name::SYSTEM_DATABASE;
pub(crate) use whole::Whole;

use crate::accounts::directory::{self, Registered, Standing};
use crate::error::Error;
use crate::identity::Account;
use crate::options::Options;
use crate::pool::{AcquireFailure, Lease, Limits, Pools};
use crate::problem::Problem;
use crate::widget::caller::WidgetCaller;

/// Connections to the system database: they serve short look-ups only.
const SYSTEM_CONNECTIONS: usize = 4;

/// Parameters of a statement, with their types.
pub(crate) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Seconds after which a client may try again.
const RETRY_AFTER: u32 = 1;

/// The databases of accounts, each behind the proof that the gate let the request in.
#[derive(Clone)]
pub struct AccountDatabases(Pools<Server>);

/// All databases of the service.
#[derive(Clone)]
pub(crate) struct Databases {
    pub(crate) server: Server,
    system: Pools<Server>,
    accounts: AccountDatabases,
}

/// Why a database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No such account.
    #[error("there is no such account")]
    Unknown,
    /// The account may not be used for now.
    #[error("the account is suspended")]
    Suspended,
    /// All connections are in use.
    #[error("all connections are in use")]
    Busy,
    /// No connection could be opened.
    #[error("cannot connect: {0}")]
    Connect(ConnectError),
    /// A statement failed.
    #[error("a statement failed: {0}")]
    Query(#[from] tokio_postgres::Error),
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
}

// === impl Databases ===

impl Databases {
    pub(crate) fn new(server: Server, options: &Options) -> Self {
        let limits = Limits {
            per_database: options.max_connections_per_account.get(),
            total: options.max_connections.get(),
            idle_timeout: options.idle_timeout,
            acquire_timeout: options.acquire_timeout,
        };
        let system = Limits {
            per_database: SYSTEM_CONNECTIONS,
            total: SYSTEM_CONNECTIONS,
            ..limits
        };
        Self {
            system: Pools::new(server.clone(), system),
            accounts: AccountDatabases::new(server.clone(), limits),
            server,
        }
    }

    /// Makes the system database where it is missing, and brings it and all account databases up to date.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        migrations::prepare(self).await
    }

    pub(crate) async fn system(&self) -> Result<Lease<Server>, DatabaseError> {
        Ok(self.system.acquire(&DatabaseName::system()).await?)
    }

    /// A connection to the system database, for what it has of an account that exists and is not suspended.
    pub(crate) async fn system_of(
        &self,
        account: &Account,
    ) -> Result<Lease<Server>, DatabaseError> {
        self.check_standing(account).await?;
        self.system().await
    }

    /// A connection to the database of an account that exists and is not suspended.
    pub(crate) async fn account(&self, account: &Account) -> Result<Lease<Server>, DatabaseError> {
        self.check_standing(account).await?;
        self.accounts.connection(account).await
    }

    /// A connection to the database of the account whose widget calls. It was active when its key was looked up.
    pub(crate) async fn of_widget(
        &self,
        caller: &WidgetCaller,
    ) -> Result<Lease<Server>, DatabaseError> {
        Ok(self.accounts.0.acquire(&DatabaseName::from(caller)).await?)
    }

    async fn check_standing(&self, account: &Account) -> Result<(), DatabaseError> {
        match directory::standing(self, account.name()).await? {
            Standing::Active => Ok(()),
            Standing::Suspended => Err(DatabaseError::Suspended),
            Standing::Unknown => Err(DatabaseError::Unknown),
        }
    }

    /// A connection for migrations, which no request is behind.
    pub(crate) async fn registered(
        &self,
        account: &Registered,
    ) -> Result<Lease<Server>, DatabaseError> {
        let name = DatabaseName::from(account);
        Ok(self.accounts.0.acquire(&name).await?)
    }
}

// === impl DatabaseError ===

impl From<AcquireFailure<ConnectError>> for DatabaseError {
    fn from(failure: AcquireFailure<ConnectError>) -> Self {
        match failure {
            AcquireFailure::Timeout => Self::Busy,
            AcquireFailure::Connect(ConnectError::Missing) => Self::Unknown,
            AcquireFailure::Connect(error) => Self::Connect(error),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unknown => {
                Self::bad_request("account_unknown", "there is no such account")
            }
            DatabaseError::Suspended => {
                Self::forbidden("account_suspended", "the account is suspended")
            }
            DatabaseError::Busy => Self::unavailable(
                "database_busy",
                "all connections to the database are in use",
                RETRY_AFTER,
            ),
            DatabaseError::Connect(error) => {
                tracing::error!(%error, "no connection to PostgreSQL");
                unavailable()
            }
            DatabaseError::Query(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                tracing::warn!("a lock was waited for in vain");
                Self::unavailable(
                    "database_busy",
                    "other requests have what this one needs",
                    RETRY_AFTER,
                )
            }
            DatabaseError::Query(error) if is_passing(&error) => {
                tracing::warn!(%error, "PostgreSQL went away in the middle of a statement");
                unavailable()
            }
            DatabaseError::Query(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a statement failed"
                );
                Self::internal()
            }
        }
    }
}

impl From<tokio_postgres::Error> for Problem {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

fn unavailable() -> Problem {
    Problem::unavailable(
        "database_unavailable",
        "the database cannot be reached",
        RETRY_AFTER,
    )
}

/// True where the same statement may well succeed on another connection, or later.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    // 08: connection exception, 53: insufficient resources, 57: operator intervention (statement timeout too).
    let passing = |code: &SqlState| {
        ["08", "53", "57"]
            .iter()
            .any(|class| code.code().starts_with(class))
    };
    error.is_closed() || error.code().is_none_or(passing)
}
