//! Starts a call, if the account's limits have room for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, IsolationLevel, Transaction};
use uuid::Uuid;

use super::call::{COLUMNS, Call};
use super::limits::{CallLimits, Reached};
use super::number::PhoneNumber;
use super::usage::Usage;
use crate::database::DatabaseError;

/// Whoever waits longer than this gives its connection back. The lock is held for a few statements, so something is
/// wrong then, and the account's other requests need its connections.
const LOCK: &str = "set local lock_timeout = '5s'; select from call_limits for update";

/// A call that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewCall {
    pub(crate) agent: Uuid,
    pub(crate) from: PhoneNumber,
    pub(crate) to: PhoneNumber,
}

/// Why a call was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginateError {
    #[error("the account has no such agent")]
    NoAgent,
    #[error("{0}")]
    Limit(Reached),
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// Starts a call, in the account's own database. No call is longer than `longest`.
pub(crate) async fn originate(
    database: &mut Client,
    new: &NewCall,
    longest: Duration,
) -> Result<Call, OriginateError> {
    // Whatever the database's default is: after the lock, statements must see what was committed before it.
    let read_committed = database
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted);
    let transaction = read_committed.start().await.map_err(query)?;
    // Before the lock, so that nonsense never takes it.
    if !agent_exists(&transaction, new.agent).await.map_err(query)? {
        return Err(OriginateError::NoAgent);
    }
    // From here on until the transaction ends, nobody else counts this account's calls. Were there no row to lock,
    // there would be none to read either.
    transaction.batch_execute(LOCK).await.map_err(query)?;
    let (limits, now) = CallLimits::read_now(&transaction).await.map_err(query)?;
    let usage = Usage::read(&transaction, now, longest)
        .await
        .map_err(query)?;
    if let Some(reached) = limits.reached(&usage, now) {
        return Err(OriginateError::Limit(reached));
    }
    let call = store(&transaction, new, now).await.map_err(query)?;
    transaction.commit().await.map_err(query)?;
    Ok(call)
}

async fn agent_exists(
    transaction: &Transaction<'_>,
    id: Uuid,
) -> Result<bool, tokio_postgres::Error> {
    let select = "select from agents where id = $1";
    let row = transaction
        .query_typed_opt(select, &[(&id, Type::UUID)])
        .await?;
    Ok(row.is_some())
}

async fn store(
    transaction: &Transaction<'_>,
    new: &NewCall,
    now: DateTime<Utc>,
) -> Result<Call, tokio_postgres::Error> {
    let insert = format!(
        "insert into calls (agent_id, from_number, to_number, started_at) values ($1, $2, $3, $4) \
         returning {COLUMNS}"
    );
    let row = transaction
        .query_typed_one(
            &insert,
            &[
                (&new.agent, Type::UUID),
                (&new.from.as_str(), Type::TEXT),
                (&new.to.as_str(), Type::TEXT),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Call::try_from(&row)
}

fn query(error: tokio_postgres::Error) -> OriginateError {
    DatabaseError::from(error).into()
}
