//! One call.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) const COLUMNS: &str = "id, agent_id, from_number, to_number, started_at, ended_at";

/// What a call's `status` says.
#[derive(ToSchema)]
#[schema(as = CallStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "described only")]
enum Status {
    Active,
    Ended,
}

/// A call that was started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Call {
    session_id: Uuid,
    #[schema(value_type = Status)]
    status: &'static str,
    agent_id: Uuid,
    from_number: String,
    to_number: String,
    started_at: DateTime<Utc>,
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
}

// === impl Call ===

impl Call {
    /// Ends the call, unless it has ended: then its end stays what it was. None where there is no such call.
    ///
    /// What nobody ended in time has ended when it was `longest`.
    pub(crate) async fn end(
        database: &Client,
        id: Uuid,
        longest: Duration,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        // `greatest`: should the clock have been set back, the call has still not ended before it began.
        let update = format!(
            "update calls set ended_at = coalesce(ended_at, greatest(started_at, \
             least(clock_timestamp(), started_at + $2 * interval '1 second'))) \
             where id = $1 returning {COLUMNS}"
        );
        let longest = longest.as_secs_f64();
        let row = database
            .query_typed_opt(&update, &[(&id, Type::UUID), (&longest, Type::FLOAT8)])
            .await?;
        row.as_ref().map(Self::try_from).transpose()
    }

    /// Undoes a call that nobody has been told of.
    pub(crate) async fn take_back(&self, database: &Client) -> Result<(), tokio_postgres::Error> {
        let delete = "delete from calls where id = $1";
        let id = self.session_id;
        database.execute_typed(delete, &[(&id, Type::UUID)]).await?;
        tracing::debug!(%id, "a call that nobody waited for was taken back");
        Ok(())
    }
}

impl TryFrom<&Row> for Call {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let ended_at: Option<_> = row.try_get("ended_at")?;
        Ok(Self {
            session_id: row.try_get("id")?,
            status: if ended_at.is_none() {
                "active"
            } else {
                "ended"
            },
            agent_id: row.try_get("agent_id")?,
            from_number: row.try_get("from_number")?,
            to_number: row.try_get("to_number")?,
            started_at: row.try_get("started_at")?,
            ended_at,
        })
    }
}
