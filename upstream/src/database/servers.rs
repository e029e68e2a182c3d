//! The PostgreSQL servers that account databases are on: the first, which has the system database too, and others that
//! have names.
//!
//! Each has pools and bounds of its own, so that nobody waits for a server that is down but those whose data it has.

use std::collections::BTreeMap;
use std::fmt;

use super::{AccountDatabases, DatabaseError, Server};
use crate::accounts::directory::Registered;
use crate::error::Error;
use crate::options::NamedUrl;
use crate::pool::Limits;
use crate::problem::Problem;

/// The name of a server that is not the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerName(String);

/// All servers.
pub(crate) struct Servers {
    first: Host,
    named: BTreeMap<ServerName, Host>,
}

/// One server, and the account databases on it.
pub(crate) struct Host {
    pub(super) server: Server,
    pub(super) accounts: AccountDatabases,
}

// === impl ServerName ===

impl ServerName {
    /// A name that may be given to a server; the table's check has the same rule.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        (begins && text.len() <= 63 && text.bytes().all(rest)).then(|| Self(text.to_owned()))
    }

    /// For what a row of the accounts table has.
    pub(crate) fn of_row(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Servers ===

impl Servers {
    /// Nothing is connected before it is asked for.
    ///
    /// # Errors
    ///
    /// A named server's text is not `NAME=URL`, its URL is no good, or two have the same name.
    pub(super) fn new(first: Server, named: &[NamedUrl], limits: Limits) -> Result<Self, Error> {
        let host = |server: Server| Host {
            accounts: AccountDatabases::new(server.clone(), limits),
            server,
        };
        let mut servers = Self {
            first: host(first),
            named: BTreeMap::new(),
        };
        for (position, named) in named.iter().enumerate() {
            let (name, url) = named.parts().ok_or(Error::DatabaseServer(position + 1))?;
            let server = Server::new(&format!("--database-server {name}"), &url)?;
            if servers.named.insert(name.clone(), host(server)).is_some() {
                return Err(Error::DatabaseServerTwice(name.to_string()));
            }
        }
        Ok(servers)
    }

    /// The server of an account; none means the first.
    pub(super) fn host(&self, name: Option<&ServerName>) -> Result<&Host, DatabaseError> {
        match name {
            None => Ok(&self.first),
            Some(name) => {
                let host = self.named.get(name);
                host.ok_or_else(|| DatabaseError::ServerUnknown(name.to_string()))
            }
        }
    }

    /// The name of each; none is the first's.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<&ServerName>> {
        std::iter::once(None).chain(self.named.keys().map(Some))
    }

    pub(super) fn of(&self, account: &Registered) -> Result<&Host, DatabaseError> {
        self.host(account.server())
    }

    /// The server that an administrator names for a new account.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<Option<ServerName>, Problem> {
        let Some(name) = name else {
            return Ok(None);
        };
        let known = self.named.keys().find(|known| known.as_str() == name);
        known.cloned().map(Some).ok_or_else(|| {
            let names: Vec<_> = self.named.keys().map(ServerName::as_str).collect();
            let known = match names.as_slice() {
                [] => {
                    "there is none but the first, which is meant by leaving `server` out".to_owned()
                }
                names => format!(
                    "write one of {}, or leave `server` out for the first",
                    names.join(", ")
                ),
            };
            Problem::bad_request(
                "server_unknown",
                format!("there is no such server; {known}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::DatabaseUrl;
    use std::time::Duration;

    fn servers(named: &[&str]) -> Result<Servers, Error> {
        let url = DatabaseUrl::from("postgres://u:secret@127.0.0.1:1".to_owned());
        let named: Vec<_> = named.iter().map(|text| text.parse().unwrap()).collect();
        let limits = Limits {
            per_database: 1,
            total: 1,
            idle_timeout: Duration::from_secs(1),
            acquire_timeout: Duration::from_secs(1),
        };
        Servers::new(Server::new("--database-url", &url)?, &named, limits)
    }

    #[tokio::test]
    async fn a_new_account_is_on_a_server_that_there_is() {
        let servers = servers(&["eu=postgres://u@h", "us-2=postgres://u@h"]).unwrap();
        let chosen = |name| {
            servers
                .choose(name)
                .map(|name| name.map(|name| name.to_string()))
        };
        assert_eq!(chosen(None).unwrap(), None);
        assert_eq!(chosen(Some("eu")).unwrap().as_deref(), Some("eu"));
        for unknown in ["", "us", "EU", "eu "] {
            let problem = format!("{:?}", chosen(Some(unknown)).unwrap_err());
            assert!(problem.contains("one of eu, us-2"), "{problem}");
        }
    }

    #[tokio::test]
    async fn what_is_no_named_server_is_told_without_its_secret() {
        for (named, expected) in [
            (["a=postgres://u@h", "postgres://u:secret@h"], "2."),
            (["a=postgres://u@h", "=postgres://u:secret@h"], "2."),
            (["A=postgres://u:secret@h", "b=postgres://u@h"], "1."),
            (["a=secret", "b=postgres://u@h"], "--database-server a"),
            (
                [
                    "a=postgres://u:secret@h?sslmode=require",
                    "b=postgres://u@h",
                ],
                "--database-server a",
            ),
            (["a=postgres://u:secret@h", "a=postgres://u@h"], "twice"),
        ] {
            let error = servers(&named).err().unwrap();
            let shown = format!("{error} {error:?} {:?}", named.map(str::parse::<NamedUrl>));
            assert!(
                shown.contains(expected) && !shown.contains("secret"),
                "{shown}"
            );
        }
    }

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "eu-west_1", &longest] {
            assert!(ServerName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a.b", "é", &format!("{longest}a")] {
            assert!(ServerName::parse(bad).is_none(), "{bad}");
        }
    }
}
