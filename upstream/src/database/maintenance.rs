//! Makes databases, and takes them away: what no transaction can have in it.

use std::ops::Deref;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::migrations::explain;
use super::timeouts::timeouts;
use super::{DatabaseError, DatabaseName, Parameters, Server, Session};

/// How often it is looked whether a connection that was told to end has ended, and how long until the next look.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A connection to a server for statements about its databases. It is in none of them.
pub(crate) struct Maintenance {
    server: Server,
    session: Session,
}

// === impl Maintenance ===

impl Maintenance {
    /// By way of `database`, one of that server's that is not to be made or taken away.
    pub(super) async fn by_way_of(
        server: &Server,
        database: &DatabaseName,
    ) -> Result<Self, DatabaseError> {
        let session = server.session(database).await;
        Ok(Self {
            server: server.clone(),
            session: session.map_err(DatabaseError::Connect)?,
        })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    pub(super) async fn run(&self, statement: &str) -> Result<(), DatabaseError> {
        Ok(self.session.batch_execute(statement).await?)
    }

    pub(crate) async fn has(&self, database: &DatabaseName) -> Result<bool, DatabaseError> {
        let select = "select from pg_database where datname = $1";
        let name: Parameters<'_> = &[(&database.as_str(), Type::TEXT)];
        Ok(self.query_typed_opt(select, name).await?.is_some())
    }

    /// The names of all databases.
    pub(super) async fn names(&self) -> Result<Vec<String>, DatabaseError> {
        let rows = self.query_typed("select datname::text from pg_database", &[]);
        let rows = rows.await?;
        let names = rows.iter().map(|row| Ok(row.try_get(0)?));
        names.collect()
    }

    /// With the timeouts from the first session on: a proxy keeps the one that migrates it for others.
    pub(super) async fn create_empty(&self, database: &DatabaseName) -> Result<(), DatabaseError> {
        self.run(&create_empty(database)).await?;
        self.run(&timeouts(database)).await
    }

    /// A copy of `template`.
    pub(crate) async fn create(
        &self,
        database: &DatabaseName,
        template: &DatabaseName,
    ) -> Result<(), DatabaseError> {
        let (quoted, template) = (database.quoted(), template.quoted());
        let create = format!("create database {quoted} template {template}");
        self.run(&create).await?;
        // A copy does not have its template's.
        self.run(&timeouts(database)).await
    }

    /// Drops the database, if it is there, under whoever is connected.
    pub(crate) async fn drop(&self, database: &DatabaseName) -> Result<(), DatabaseError> {
        let quoted = database.quoted();
        let drop = format!("drop database if exists {quoted} with (force)");
        self.run(&drop).await
    }

    /// Renames the database, so that nothing that has its name gets to it any more, and ends all that are connected.
    /// None where there is no such database.
    pub(crate) async fn set_aside(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<DatabaseName>, DatabaseError> {
        let unique = "select replace(gen_random_uuid()::text, '-', '')";
        let unique = self.query_typed_one(unique, &[]).await?;
        let aside = DatabaseName::deleted(unique.try_get(0)?);
        let quoted = database.quoted();
        let outcome = async {
            let close = format!("alter database {quoted} with allow_connections false");
            self.run(&close).await?;
            self.disconnect(database).await?;
            // This waits some seconds for those that were just told to end.
            let rename = format!("alter database {quoted} rename to {}", aside.quoted());
            self.run(&rename).await
        };
        match outcome.await {
            Ok(()) => Ok(Some(aside)),
            Err(DatabaseError::Query(error))
                if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Drops what [`Maintenance::set_aside`] has left where nobody came to drop it.
    pub(crate) async fn drop_set_aside(&self) -> Result<(), DatabaseError> {
        let names = self.names().await?;
        for database in names
            .iter()
            .filter_map(|name| DatabaseName::found_deleted(name))
        {
            match self.drop(&database).await {
                Ok(()) => tracing::info!(%database, "a deleted account's database was dropped"),
                Err(error) => {
                    let why = explain(&error);
                    tracing::warn!(%database, why, "a deleted account's database stays for now");
                }
            }
        }
        Ok(())
    }

    /// Ends the connections to the database that we may end: not those of other users, nor the server's own workers.
    pub(super) async fn disconnect(&self, database: &DatabaseName) -> Result<(), DatabaseError> {
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity \
                         where datname = $1 and pid <> pg_backend_pid() \
                         and backend_type = 'client backend' \
                         and pg_has_role(usesysid, 'member')";
        let name: Parameters<'_> = &[(&database.as_str(), Type::TEXT)];
        self.query_typed(terminate, name).await?;
        Ok(())
    }

    /// Ends what a service that died has left running: its statements about the database go on without it. The caller
    /// has the account's lock, so nobody else is at it. Comes back when they have ended.
    pub(crate) async fn end_orphans(&self, database: &DatabaseName) -> Result<(), DatabaseError> {
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity \
                         where pid <> pg_backend_pid() and state = 'active' \
                         and pg_has_role(usesysid, 'member') \
                         and (starts_with(query, 'create database ' || $1) \
                              or starts_with(query, 'alter database ' || $1) \
                              or starts_with(query, 'drop database if exists ' || $1))";
        let name: Parameters<'_> = &[(&database.quoted(), Type::TEXT)];
        for _ in 0..LOOKS {
            if self.query_typed(terminate, name).await?.is_empty() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err(DatabaseError::Busy)
    }
}

impl Deref for Maintenance {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.session
    }
}

/// `template0`, because `template1` cannot be copied while anybody looks at it, nor into UTF-8 from everything.
pub(super) fn create_empty(database: &DatabaseName) -> String {
    let quoted = database.quoted();
    format!("create database {quoted} template template0 encoding 'UTF8'")
}
