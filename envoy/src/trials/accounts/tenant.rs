//! A client of one account, who knows what must be in it.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_policy::assertion::HEADER;

use crate::client::{Connection, Origin, Request, Response};
use crate::random;
use crate::upstream::assertion;

const AGENTS: &str = "/api/v1/agents";

/// What a client shows.
#[derive(Clone)]
pub enum Credential {
    /// The gate's key, to sign the gate's assertions with: past the gate.
    Key(String),
    /// A token: through the gate.
    Token(String),
}

/// Writes agents whose names say whose they are, and reads them again.
pub struct Tenant {
    account: String,
    origin: Origin,
    credential: Credential,
    /// The next agent's number.
    next: usize,
    /// The paths of agents whose creation was acknowledged, and their names.
    written: Vec<(String, String)>,
    /// Names of agents that may have been created: nobody said so.
    unknown: Vec<String>,
}

/// How a request was answered, and after how long.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Since the request was sent.
    pub took: Duration,
}

/// What must never be.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// A request had no answer.
    #[error("a request of {account} was not answered: {source}")]
    Io {
        /// Whose request.
        account: String,
        /// Why.
        source: io::Error,
    },
    /// Something else was read than what this account has.
    #[error("{account} {found}")]
    Wrong {
        /// Who read it.
        account: String,
        /// What.
        found: String,
    },
}

// === impl Tenant ===

impl Tenant {
    /// A client who has written nothing yet.
    pub fn new(account: &str, origin: Origin, credential: Credential) -> Self {
        Self {
            account: account.to_owned(),
            origin,
            credential,
            next: 0,
            written: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The same client, who goes another way.
    #[must_use]
    pub fn by(self, origin: Origin, credential: Credential) -> Self {
        Self {
            origin,
            credential,
            ..self
        }
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// A connection for its requests.
    pub fn connect(&self) -> Result<Connection, TenantError> {
        self.origin.connect().map_err(|source| TenantError::Io {
            account: self.account.clone(),
            source,
        })
    }

    /// The path of an agent of its own, if it has one.
    pub fn any(&self) -> Option<&str> {
        let position = random::below(self.written.len())?;
        self.written.get(position).map(|(path, _)| path.as_str())
    }

    /// Creates an agent.
    pub fn write(&mut self, connection: &mut Connection) -> Result<Answer, TenantError> {
        let name = format!("{}/{}/{}", self.account, random::hex(4), self.next);
        self.next += 1;
        let request = self.request("POST", AGENTS).json(&json!({"name": name}));
        let sent = self.send(connection, &request);
        match sent {
            Ok((answer, response)) if answer.status == 201 => {
                let agent = response.json();
                self.must(text(&agent, "name") == name.as_str(), || {
                    format!("wrote {name} and was told {agent}")
                })?;
                let id = text(&agent, "id");
                self.written.push((format!("{AGENTS}/{id}"), name));
                Ok(answer)
            }
            other => {
                self.unknown.push(name);
                other.map(|(answer, _)| answer)
            }
        }
    }

    /// Reads an agent of its own, and checks that it is; all of them, where it has none.
    pub fn read(&mut self, connection: &mut Connection) -> Result<Answer, TenantError> {
        let chosen = random::below(self.written.len());
        let Some((path, name)) = chosen.and_then(|chosen| self.written.get(chosen)) else {
            return self.list(connection);
        };
        let (answer, response) = self.send(connection, &self.request("GET", path))?;
        self.must(answer.status != 404, || format!("has lost {path} {name}"))?;
        if answer.status == 200 {
            let agent = response.json();
            self.must(text(&agent, "name") == name.as_str(), || {
                format!("asked for {name} and read {agent}")
            })?;
        }
        Ok(answer)
    }

    /// Asks for an agent of somebody else, whose id it has heard of: there must be none.
    pub fn pry(&self, connection: &mut Connection, path: &str) -> Result<Answer, TenantError> {
        let (answer, response) = self.send(connection, &self.request("GET", path))?;
        self.must(answer.status != 200, || {
            format!("has read another's agent: {}", response.text())
        })?;
        Ok(answer)
    }

    /// Reads all its agents. If there is an answer, every acknowledged one must be there once, every other that it tried
    /// to create once at the most, and nothing else.
    pub fn list(&self, connection: &mut Connection) -> Result<Answer, TenantError> {
        let (answer, response) = self.send(connection, &self.request("GET", AGENTS))?;
        if answer.status == 200 {
            let mut found: BTreeMap<String, usize> = BTreeMap::new();
            let agents = response.json();
            for agent in agents.as_array().into_iter().flatten() {
                let name = text(agent, "name");
                *found.entry(name.to_owned()).or_default() += 1;
            }
            for (path, name) in &self.written {
                let times = found.remove(name).unwrap_or_default();
                self.must(times == 1, || {
                    format!("created {name} ({path}), and has it {times} times")
                })?;
            }
            for name in &self.unknown {
                let times = found.remove(name).unwrap_or_default();
                self.must(times <= 1, || format!("has {name} {times} times"))?;
            }
            self.must(found.is_empty(), || {
                format!("has what it never wrote: {found:?}")
            })?;
        }
        Ok(answer)
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = self.origin.request(method, path).account(&self.account);
        match &self.credential {
            Credential::Token(token) => request.bearer(token),
            Credential::Key(key) => {
                // One that cannot be made is refused by whoever reads it.
                let assertion = assertion(key, &self.account, false);
                request.header(HEADER, assertion.unwrap_or_default())
            }
        }
    }

    fn send(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> Result<(Answer, Response), TenantError> {
        let begun = Instant::now();
        let response = connection.send(request).map_err(|source| TenantError::Io {
            account: self.account.clone(),
            source,
        })?;
        let answer = Answer {
            status: response.status,
            took: begun.elapsed(),
        };
        Ok((answer, response))
    }

    fn must(&self, right: bool, found: impl FnOnce() -> String) -> Result<(), TenantError> {
        if right {
            return Ok(());
        }
        Err(TenantError::Wrong {
            account: self.account.clone(),
            found: found(),
        })
    }
}

/// A member of a JSON object, empty where there is none.
fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

// === impl Answer ===

impl Answer {
    /// Whether the request did what was asked.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
