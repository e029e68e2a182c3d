//! What new accounts' databases are copied from: a database with the schema, and nobody in it.
//!
//! It has the schema's fingerprint in its name, so that services of two versions have one each. It is sealed last:
//! one that can be connected to is what a service left that died while making it.

use tokio_postgres::types::Type;

use super::lock::Lock;
use super::maintenance::Maintenance;
use super::migrations::{account_fingerprint, migrate_account};
use super::{DatabaseError, DatabaseName, Databases, MigrationError};

/// Its name, once it is there. `maintenance` is the server that it shall be on.
pub(crate) async fn ready(
    databases: &Databases,
    maintenance: &Maintenance,
) -> Result<DatabaseName, MigrationError> {
    let template = DatabaseName::template(&account_fingerprint());
    if is_sealed(maintenance, &template).await? {
        return Ok(template);
    }
    let lock = Lock::of_template(databases).await?;
    if !is_sealed(maintenance, &template).await? {
        make(maintenance, &template).await?;
        drop_others(maintenance, &template).await;
        tracing::info!(%template, "the template of new accounts' databases was made");
    }
    lock.commit().await?;
    Ok(template)
}

async fn is_sealed(
    maintenance: &Maintenance,
    template: &DatabaseName,
) -> Result<bool, DatabaseError> {
    let select =
        "select from pg_database where datname = $1 and datistemplate and not datallowconn";
    let row = maintenance
        .query_typed_opt(select, &[(&template.as_str(), Type::TEXT)])
        .await?;
    Ok(row.is_some())
}

async fn make(maintenance: &Maintenance, template: &DatabaseName) -> Result<(), MigrationError> {
    remove(maintenance, template).await?;
    maintenance.create_empty(template).await?;
    let session = maintenance.server().session(template).await;
    let mut session = session.map_err(DatabaseError::Connect)?;
    migrate_account(&mut session).await?;
    drop(session);
    let quoted = template.quoted();
    let seal = format!("alter database {quoted} with allow_connections false is_template true");
    maintenance.run(&seal).await?;
    // A proxy may still have our connection. Nothing is copied that somebody looks at.
    maintenance.disconnect(template).await?;
    Ok(())
}

/// Those of other versions. A service that needs one makes it again.
async fn drop_others(maintenance: &Maintenance, template: &DatabaseName) {
    let outcome = async {
        for name in maintenance.names().await? {
            if let Some(other) = DatabaseName::found_template(&name)
                && other != *template
            {
                remove(maintenance, &other).await?;
            }
        }
        Ok::<_, DatabaseError>(())
    };
    if let Err(error) = outcome.await {
        tracing::warn!(%error, "an old template could not be dropped");
    }
}

/// A template cannot be dropped before it is none.
async fn remove(maintenance: &Maintenance, template: &DatabaseName) -> Result<(), DatabaseError> {
    if maintenance.has(template).await? {
        let quoted = template.quoted();
        let unseal = format!("alter database {quoted} with is_template false");
        maintenance.run(&unseal).await?;
        maintenance.drop(template).await?;
    }
    Ok(())
}
