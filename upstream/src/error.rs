//! Why the service cannot start or stops.

use std::io;
use std::net::SocketAddr;

use tollgate_policy::assertion::WeakKey;

use crate::database::{ConnectError, DatabaseError, DatabaseName, MigrationError, explain};

/// Why the service cannot start or stops: one sentence, which says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no assertion key.
    #[error(
        "the environment variable {0} is not set; put the gate's assertion key into it, at least 32 bytes of text"
    )]
    KeyMissing(String),
    /// The assertion key can be guessed.
    #[error("the assertion key in the environment variable {variable} is too short: {why}")]
    KeyWeak {
        /// Where the key is.
        variable: String,
        /// How short.
        why: WeakKey,
    },
    /// There is no secret of another kind.
    #[error(
        "the environment variable {variable} is not set; put {what} into it, at least 32 bytes of random text"
    )]
    SecretMissing {
        /// Where it should be.
        variable: String,
        /// What it is for.
        what: &'static str,
    },
    /// A secret can be guessed.
    #[error(
        "the environment variable {variable} is too short for {what}: it has {bytes} bytes and needs at least 32, of random text"
    )]
    SecretWeak {
        /// Where it is.
        variable: String,
        /// What it is for.
        what: &'static str,
        /// How many bytes it has.
        bytes: usize,
    },
    /// The gate's credential cannot be sent.
    #[error(
        "the environment variable {0} has characters that no header can carry; write visible ASCII, at least 32 characters, without a line break"
    )]
    SecretNoHeader(String),
    /// The issuer of the widget's tokens has no name.
    #[error("--widget-issuer is not an http or https URL: {0}")]
    WidgetIssuer(String),
    /// A database URL is not one.
    #[error("{option} is not a PostgreSQL URL ({why}); write postgres://USER:PASSWORD@HOST:PORT")]
    DatabaseUrl {
        /// The option that has it.
        option: String,
        /// What is wrong.
        why: tokio_postgres::Error,
    },
    /// A database URL asks for TLS.
    #[error(
        "{0} says sslmode=require, and TLS to PostgreSQL is not built in; reach PostgreSQL over a private network or a TLS proxy and write sslmode=disable"
    )]
    DatabaseTls(String),
    /// A named server is not one. Which text it was is not said, because there may be a password in it.
    #[error(
        "{0}. --database-server is not NAME=URL; write a name of lower-case letters, digits, `-` and `_`, and postgres://USER:PASSWORD@HOST:PORT"
    )]
    DatabaseServer(usize),
    /// Two named servers have the same name.
    #[error("--database-server has `{0}` twice; give each server a name of its own")]
    DatabaseServerTwice(String),
    /// The server does not answer, or does not let us in.
    #[error(
        "cannot use the PostgreSQL server of --database-url ({0}); check that it runs, and the host, port, user and password"
    )]
    DatabaseUnreachable(ConnectError),
    /// A database cannot be brought up to date.
    #[error(
        "cannot bring the database `{database}` up to date ({}); nothing is served until this is repaired",
        explain(.why.as_ref())
    )]
    Migration {
        /// Which one.
        database: String,
        /// Why.
        why: Box<MigrationError>,
    },
    /// `migrate` cannot go on: it needs the list of accounts, and to write down what it has done.
    #[error(
        "the system database failed ({}); run `migrate` again, it goes on with what is left",
        explain(.0)
    )]
    Accounts(DatabaseError),
    /// The issuer's URL is not one.
    #[error("--issuer is not an http or https URL: {0}")]
    Issuer(String),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address} ({why}); stop what listens there or choose another {option}"
    )]
    Listen {
        /// The option that names it.
        option: &'static str,
        /// Which address.
        address: SocketAddr,
        /// Why.
        why: io::Error,
    },
    /// The server itself failed.
    #[error("the server stopped: {0}")]
    Serve(#[from] io::Error),
}

// === impl Error ===

impl Error {
    pub(crate) fn migration(database: &DatabaseName, why: MigrationError) -> Self {
        match why {
            MigrationError::Database(DatabaseError::Connect(error)) => {
                Self::DatabaseUnreachable(error)
            }
            why => Self::Migration {
                database: database.to_string(),
                why: Box::new(why),
            },
        }
    }
}
