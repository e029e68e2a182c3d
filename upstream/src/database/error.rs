//! Why a database did not do what was asked, and what the client is told of it.

use tokio_postgres::error::SqlState;

use super::ConnectError;
use crate::pool::AcquireFailure;
use crate::problem::Problem;

/// Seconds after which a client may try again.
const RETRY_AFTER: u32 = 1;

/// Why a database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No such account.
    #[error("there is no such account")]
    Unknown,
    /// The account may not be used for now.
    #[error("the account is suspended")]
    Suspended,
    /// The account is on a server that this service was not told of.
    #[error("the account is on the server `{0}`, and no --database-server has that name")]
    ServerUnknown(String),
    /// The account's database has an older schema than this program needs.
    #[error("the account's database is not up to date")]
    Outdated,
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
            DatabaseError::ServerUnknown(_) => {
                tracing::error!(%error, "an account cannot be served");
                unavailable()
            }
            DatabaseError::Outdated => Self::unavailable(
                "account_outdated",
                "the account's database is being brought up to date",
                RETRY_AFTER,
            ),
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
