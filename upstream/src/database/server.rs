//! The PostgreSQL server, and connecting to one of its databases.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::DatabaseName;
use crate::error::Error;
use crate::options::DatabaseUrl;
use crate::pool::{Connect, Connection, Permit};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer that vanished without a word is given up after about this long.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all of a connection outside the pools may take: a server that hangs takes connections, and says nothing.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the databases are, and as whom.
#[derive(Clone)]
pub struct Server(Arc<Config>);

/// An open connection to one database.
pub struct Session(Client);

/// Why a database cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server has no such database.
    #[error("there is no such database")]
    Missing,
    /// The server put us into another database than the one asked for; a proxy in between may do that.
    #[error("asked for another database than `{0}`, which the server gave")]
    Mixed(String),
    /// The server takes connections, and says nothing.
    #[error("no answer within {} s", SESSION_TIMEOUT.as_secs())]
    Silent,
    /// Anything else.
    #[error("{}", describe(.0))]
    Failed(tokio_postgres::Error),
}

// === impl Server ===

impl Server {
    /// The server that a URL names, which `option` has given. The database in the URL, if any, is ignored.
    ///
    /// # Errors
    ///
    /// The URL is not PostgreSQL's, or asks for TLS, which is not built in.
    pub fn new(option: &str, url: &DatabaseUrl) -> Result<Self, Error> {
        let option = || option.to_owned();
        let config: Result<Config, _> = url.reveal().parse();
        let mut config = config.map_err(|why| Error::DatabaseUrl {
            option: option(),
            why,
        })?;
        // Never silently less than what was asked for.
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Error::DatabaseTls(option()));
        }
        config
            .application_name("tollgate-upstream")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(PEER_TIMEOUT)
            .keepalives_idle(PEER_TIMEOUT)
            .keepalives_interval(PEER_TIMEOUT / 5);
        Ok(Self(Arc::new(config)))
    }

    /// A connection outside every pool: for what is done once, or holds a lock for the session.
    pub(crate) async fn session(&self, database: &DatabaseName) -> Result<Session, ConnectError> {
        timeout(SESSION_TIMEOUT, self.open(database, ()))
            .await
            .unwrap_or(Err(ConnectError::Silent))
    }

    /// The one place that connects: TLS would replace `NoTls` here.
    async fn open<P>(&self, database: &DatabaseName, permit: P) -> Result<Session, ConnectError>
    where
        P: Send + 'static,
    {
        let mut config = Config::clone(&self.0);
        config.dbname(database.as_str());
        let (client, driver) = config.connect(NoTls).await.map_err(ConnectError::from)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
            // Now the connection is closed, and not earlier.
            drop(permit);
        });
        check(&client, database).await?;
        Ok(Session(client))
    }
}

impl Connect for Server {
    type Connection = Session;
    type Error = ConnectError;

    async fn connect(
        &self,
        database: &DatabaseName,
        permit: Permit,
    ) -> Result<Session, ConnectError> {
        self.open(database, permit).await
    }
}

/// The last line of defence: whatever is between us and PostgreSQL, an account gets its own database or none. It holds
/// for as long as the connection does, also behind a proxy that lends sessions out: it has them by database.
async fn check(client: &Client, expected: &DatabaseName) -> Result<(), ConnectError> {
    let messages = client.simple_query("select current_database()").await?;
    let found = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    match found {
        Some(found) if found == expected.as_str() => Ok(()),
        other => Err(ConnectError::Mixed(other.unwrap_or_default().to_owned())),
    }
}

// === impl Session ===

impl Connection for Session {
    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}

// === impl ConnectError ===

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::INVALID_CATALOG_NAME) => Self::Missing,
            _ => Self::Failed(error),
        }
    }
}

/// The error with its cause: on its own it says no more than "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_refused_and_not_forgotten() {
        let url = DatabaseUrl::from("postgres://u:secret@localhost/?sslmode=require".to_owned());
        let refused = Server::new("--database-url", &url);
        assert!(matches!(refused, Err(Error::DatabaseTls(_))));
    }

    #[test]
    fn a_url_is_never_repeated() {
        for url in [
            "postgres://u:secret@localhost:port",
            "secret",
            "postgres://u:secret@h/?sslmode=verify-full",
        ] {
            let error = Server::new("--database-url", &DatabaseUrl::from(url.to_owned())).err();
            let shown = error.map(|error| format!("{error} {error:?}")).unwrap();
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
