//! How long a statement may take, and a transaction stand still: properties of each database, because a session's own
//! settings are lost, or another's, behind a proxy that lends sessions out by the transaction.

use super::DatabaseName;

/// The statements that give the timeouts to a database; sessions that begin after them have them. For the owner of the
/// database, in whatever database of the same server; not twice at the same time. Databases that were there already got
/// them from the migrations `timeouts`, with the same values.
///
/// A statement that takes longer is ended: its client has given up, and the next user of its connection waits. A
/// transaction that stands still has its locks taken away: its process hangs, and others wait for them.
pub(crate) fn timeouts(database: &DatabaseName) -> String {
    let database = database.quoted();
    format!(
        "alter database {database} set statement_timeout = '20s'; \
         alter database {database} set idle_in_transaction_session_timeout = '10s'"
    )
}
