//! A look into the databases, past the service; and a hand in them, for what takes too long to come about by itself.

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tollgate_envoy::stack::Stack;

/// A connection to one database.
pub struct Database {
    runtime: Runtime,
    client: Client,
}

/// The database of the system itself.
pub const SYSTEM: &str = "kataven-admin";

impl Database {
    /// The database `name` of the stack's PostgreSQL.
    pub fn open(stack: &Stack, name: &str) -> Self {
        Self::at(&url(stack), name)
    }

    /// The database `name` of the PostgreSQL at `url`.
    pub fn at(url: &str, name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config: tokio_postgres::Config = url.parse().unwrap();
        let connected = runtime.block_on(config.dbname(name).connect(NoTls));
        let (client, connection) = connected.unwrap();
        runtime.spawn(connection);
        Self { runtime, client }
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }

    /// The rows of a query, each value as text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let messages = self.runtime.block_on(self.client.simple_query(sql));
        let rows = messages.unwrap().into_iter().filter_map(|message| {
            let SimpleQueryMessage::Row(row) = message else {
                return None;
            };
            let value = |column| row.get(column).unwrap_or_default().to_owned();
            Some((0..row.len()).map(value).collect())
        });
        rows.collect()
    }

    /// The one number of a query.
    pub fn number(&self, sql: &str) -> usize {
        self.rows(sql)[0][0].parse().unwrap()
    }
}

/// Where the stack's PostgreSQL is.
pub fn url(stack: &Stack) -> String {
    let variables = stack.environment().into_iter();
    let mut urls = variables.filter(|(name, _)| *name == "TOLLGATE_DATABASE_URL");
    urls.next().unwrap().1
}
