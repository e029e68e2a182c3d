//! What an account has of calls at one moment.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::window::{DAY, MINUTE, Window};

/// What is counted against the limits; 0 where there is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Calls that have not ended.
    pub(super) active: u64,
    /// Calls started in this minute.
    pub(super) this_minute: u64,
    /// Calls started today.
    pub(super) today: u64,
    /// Time talked today, in microseconds: of calls that began yesterday today's part, of active ones what there is.
    pub(super) talked_today: u64,
}

/// `$1`: now; `$2` to `$3`: this minute; `$4` to `$5`: today; `$6`: the seconds that a call can have. What has no
/// limit is not counted. The windows are bounded on both sides, so that a call that was started while the clock was
/// wrong counts in its own window only.
///
/// The times are parameters, and not taken from the clock here, so that PostgreSQL knows when it plans how few of all
/// calls are meant.
const SELECT: &str = "
select
    case when concurrent_max is not null then (
        select count(*) from calls where ended_at is null and started_at > $1 - $6 * interval '1 second'
    ) end as active,
    case when calls_per_minute is not null then (
        select count(*) from calls where started_at >= $2 and started_at < $3
    ) end as this_minute,
    case when daily_calls_max is not null then (
        select count(*) from calls where started_at >= $4 and started_at < $5
    ) end as today,
    case when daily_minutes_max is not null then (
        select (extract(epoch from sum(greatest(interval '0', ended - greatest(started_at, $4)))) * 1000000)::bigint
        from (
            select started_at, least(ended_at, $5) as ended
            from calls where ended_at > $4 and started_at < $5
            union all
            select started_at, least($1, started_at + $6 * interval '1 second')
            from calls where ended_at is null and started_at > $4 - $6 * interval '1 second'
        ) as talked
    ) end as talked_today
from call_limits
";

// === impl Usage ===

impl Usage {
    /// What there is at `now`, which is a time after the caller has locked the limits: in a transaction whose
    /// statements see what others committed before them, nobody's call is missing then.
    pub(super) async fn read(
        transaction: &Transaction<'_>,
        now: DateTime<Utc>,
        longest: Duration,
    ) -> Result<Self, tokio_postgres::Error> {
        let (minute, day) = (Window::of(now, MINUTE), Window::of(now, DAY));
        let row = transaction
            .query_typed_one(
                SELECT,
                &[
                    (&now, Type::TIMESTAMPTZ),
                    (&minute.start, Type::TIMESTAMPTZ),
                    (&minute.end, Type::TIMESTAMPTZ),
                    (&day.start, Type::TIMESTAMPTZ),
                    (&day.end, Type::TIMESTAMPTZ),
                    (&longest.as_secs_f64(), Type::FLOAT8),
                ],
            )
            .await?;
        Self::try_from(&row)
    }
}

impl TryFrom<&Row> for Usage {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let count = |column| {
            let count: Option<i64> = row.try_get(column)?;
            let count = count.unwrap_or_default();
            // A count is never negative, nor is a sum of what is not.
            Ok::<_, tokio_postgres::Error>(u64::try_from(count).unwrap_or(u64::MAX))
        };
        Ok(Self {
            active: count("active")?,
            this_minute: count("this_minute")?,
            today: count("today")?,
            talked_today: count("talked_today")?,
        })
    }
}
