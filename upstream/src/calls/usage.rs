//! What an account has of calls at one moment.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::limits::{COLUMNS, CallLimits};

/// What is counted against the limits; 0 where there is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// The database's clock.
    pub(super) now: DateTime<Utc>,
    /// Calls that have not ended.
    pub(super) active: u64,
    /// Calls started in this minute.
    pub(super) this_minute: u64,
    /// Calls started today.
    pub(super) today: u64,
    /// Time talked today, in microseconds: of calls that began yesterday today's part, of active ones what there is.
    pub(super) talked_today: u64,
}

/// `$1`: how long a call can be, in seconds. The windows are bounded on both sides, so that a call that was started
/// while the clock was wrong counts in its own window only. A day of UTC always has 24 hours; one of the session's
/// time zone need not.
const SELECT: &str = "
with clock as materialized (select clock_timestamp() as now),
times as (
    select now, date_trunc('minute', now, 'UTC') as minute, date_trunc('day', now, 'UTC') as day,
           $1 * interval '1 second' as longest
    from clock
)
select now,
    case when concurrent_max is not null then (
        select count(*) from calls where ended_at is null and started_at > now - longest
    ) end as active,
    case when calls_per_minute is not null then (
        select count(*) from calls where started_at >= minute and started_at < minute + interval '1 minute'
    ) end as this_minute,
    case when daily_calls_max is not null then (
        select count(*) from calls where started_at >= day and started_at < day + interval '24 hours'
    ) end as today,
    case when daily_minutes_max is not null then (
        select (extract(epoch from sum(greatest(interval '0', ended - greatest(started_at, day)))) * 1000000)::bigint
        from (
            select started_at, least(ended_at, day + interval '24 hours') as ended
            from calls where ended_at > day and started_at < day + interval '24 hours'
            union all
            select started_at, least(now, started_at + longest)
            from calls where ended_at is null and started_at > day - longest
        ) as talked
    ) end as talked_today
";

// === impl Usage ===

impl Usage {
    /// The limits and what counts against them. Exact while the caller has the limits locked, and only in a
    /// transaction whose statements see what others committed before them.
    pub(super) async fn read(
        transaction: &Transaction<'_>,
        longest: Duration,
    ) -> Result<(CallLimits, Self), tokio_postgres::Error> {
        let select = format!("{SELECT}, {COLUMNS} from call_limits, times");
        let longest = longest.as_secs_f64();
        let row = transaction
            .query_typed_one(&select, &[(&longest, Type::FLOAT8)])
            .await?;
        Ok((CallLimits::try_from(&row)?, Self::try_from(&row)?))
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
            now: row.try_get("now")?,
            active: count("active")?,
            this_minute: count("this_minute")?,
            today: count("today")?,
            talked_today: count("talked_today")?,
        })
    }
}
