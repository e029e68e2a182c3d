//! What an account may have of calls, and when that refuses one more.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};
use utoipa::ToSchema;

use super::usage::Usage;
use super::window::{DAY, MINUTE, Window};
use crate::database::Whole;
use crate::problem::{Cap, Problem};

/// The name that the limits have in a refusal, beside the gate's own caps.
const CAP: &str = "call_limits";

const COLUMNS: &str = "concurrent_max, calls_per_minute, daily_calls_max, daily_minutes_max";

const MICROSECONDS_IN_A_MINUTE: u64 = 60 * 1_000_000;

/// The limits of one account: `null` lifts one, 0 blocks. All four must be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    examples(json!({"concurrent_max": 5, "calls_per_minute": 30, "daily_calls_max": null, "daily_minutes_max": null})),
)]
pub(crate) struct CallLimits {
    /// Calls at the same time.
    #[serde(deserialize_with = "said")]
    #[schema(required, format = "uint32")]
    pub(super) concurrent_max: Option<u32>,
    /// Calls started in a minute of the clock (UTC).
    #[serde(deserialize_with = "said")]
    #[schema(required, format = "uint32")]
    pub(super) calls_per_minute: Option<u32>,
    /// Calls started in a day (UTC).
    #[serde(deserialize_with = "said")]
    #[schema(required, format = "uint32")]
    pub(super) daily_calls_max: Option<u32>,
    /// Minutes talked in a day (UTC).
    #[serde(deserialize_with = "said")]
    #[schema(required, format = "uint32")]
    pub(super) daily_minutes_max: Option<u32>,
}

/// A limit that has no room for one more call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    window: &'static str,
    limit: u32,
    /// Seconds until there may be room; of a window, until it ends.
    wait: u32,
    detail: &'static str,
}

// === impl CallLimits ===

impl CallLimits {
    pub(crate) async fn read(database: &Client) -> Result<Self, tokio_postgres::Error> {
        let select = format!("select {COLUMNS} from call_limits");
        let row = database.query_typed_one(&select, &[]).await?;
        Self::try_from(&row)
    }

    /// Waits for calls that are being started: whatever starts after this is held against the new limits.
    pub(crate) async fn write(self, database: &Client) -> Result<Self, tokio_postgres::Error> {
        let update = format!(
            "update call_limits set ({COLUMNS}) = row ($1, $2, $3, $4) returning {COLUMNS}"
        );
        let row = database
            .query_typed_one(
                &update,
                &[
                    (&self.concurrent_max.map(i64::from), Type::INT8),
                    (&self.calls_per_minute.map(i64::from), Type::INT8),
                    (&self.daily_calls_max.map(i64::from), Type::INT8),
                    (&self.daily_minutes_max.map(i64::from), Type::INT8),
                ],
            )
            .await?;
        Self::try_from(&row)
    }

    /// The limits, and the database's clock.
    pub(super) async fn read_now(
        transaction: &Transaction<'_>,
    ) -> Result<(Self, DateTime<Utc>), tokio_postgres::Error> {
        let select = format!("select clock_timestamp() as now, {COLUMNS} from call_limits");
        let row = transaction.query_typed_one(&select, &[]).await?;
        Ok((Self::try_from(&row)?, row.try_get("now")?))
    }

    /// Why there is no room for one more call at `now`: of the limits that are reached, the one that stays so for the
    /// longest.
    pub(super) fn reached(&self, usage: &Usage, now: DateTime<Utc>) -> Option<Reached> {
        let minute = Window::of(now, MINUTE).seconds_left(now);
        let day = Window::of(now, DAY).seconds_left(now);
        let reached = [
            Reached::by(
                "concurrent_max",
                self.concurrent_max,
                usage.active,
                // Nobody knows when a call ends.
                1,
                "the account has as many active calls as it may have",
            ),
            Reached::by(
                "calls_per_minute",
                self.calls_per_minute,
                usage.this_minute,
                minute,
                "the account has started as many calls in this minute as it may",
            ),
            Reached::by(
                "daily_calls_max",
                self.daily_calls_max,
                usage.today,
                day,
                "the account has started as many calls today as it may",
            ),
            Reached::by(
                "daily_minutes_max",
                self.daily_minutes_max,
                // A minute that is not over is not used up.
                usage.talked_today / MICROSECONDS_IN_A_MINUTE,
                day,
                "the account has talked as many minutes today as it may",
            ),
        ];
        // The last of those that wait equally long: a day's, when a minute ends with it.
        let reached = reached.into_iter().flatten();
        reached.max_by_key(|reached| reached.wait)
    }
}

impl TryFrom<&Row> for CallLimits {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let limit = |column| {
            let whole: Option<Whole> = row.try_get(column)?;
            Ok::<_, tokio_postgres::Error>(whole.map(|Whole(limit)| limit))
        };
        Ok(Self {
            concurrent_max: limit("concurrent_max")?,
            calls_per_minute: limit("calls_per_minute")?,
            daily_calls_max: limit("daily_calls_max")?,
            daily_minutes_max: limit("daily_minutes_max")?,
        })
    }
}

// === impl Reached ===

impl Reached {
    fn by(
        window: &'static str,
        limit: Option<u32>,
        used: u64,
        wait: u32,
        detail: &'static str,
    ) -> Option<Self> {
        let limit = limit?;
        (used >= u64::from(limit)).then_some(Self {
            window,
            limit,
            wait,
            detail,
        })
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl From<Reached> for Problem {
    fn from(reached: Reached) -> Self {
        let cap = Cap {
            cap: CAP,
            window: reached.window,
            limit: reached.limit,
        };
        Self::cap_exceeded(cap, reached.detail, reached.wait)
    }
}

/// An `Option` that was left out would be none. Here none has to be written: `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-01T12:34:56.5Z";
    const LEFT_OF_THE_DAY: u32 = 41_104;
    const LAST_OF_THE_DAY: &str = "2026-03-01T23:59:59Z";

    fn all(limit: Option<u32>) -> CallLimits {
        CallLimits {
            concurrent_max: limit,
            calls_per_minute: limit,
            daily_calls_max: limit,
            daily_minutes_max: limit,
        }
    }

    /// Active, in this minute, today, talked.
    fn usage([active, this_minute, today, talked_today]: [u64; 4]) -> Usage {
        Usage {
            active,
            this_minute,
            today,
            talked_today,
        }
    }

    /// Window, limit and wait of a refusal.
    fn refused(limits: CallLimits, used: [u64; 4], now: &str) -> Option<(&'static str, u32, u32)> {
        let reached = limits.reached(&usage(used), now.parse().unwrap())?;
        Some((reached.window, reached.limit, reached.wait))
    }

    #[test]
    fn each_limit_is_reached_exactly() {
        let (four, five) = (4 * MICROSECONDS_IN_A_MINUTE, 5 * MICROSECONDS_IN_A_MINUTE);
        let table = [
            ("concurrent_max", [4, 9, 9, five], [5, 0, 0, 0], 1),
            ("calls_per_minute", [9, 4, 9, five], [0, 5, 0, 0], 4),
            (
                "daily_calls_max",
                [9, 9, 4, five],
                [0, 0, 5, 0],
                LEFT_OF_THE_DAY,
            ),
            (
                "daily_minutes_max",
                [9, 9, 9, four],
                [0, 0, 0, five],
                LEFT_OF_THE_DAY,
            ),
            (
                "daily_minutes_max",
                [9, 9, 9, five - 1],
                [0, 0, 0, five + 1],
                LEFT_OF_THE_DAY,
            ),
        ];
        for (limit, room, full, wait) in table {
            let mut limits = serde_json::to_value(all(None)).unwrap();
            limits[limit] = 5.into();
            let limits: CallLimits = serde_json::from_value(limits).unwrap();
            assert_eq!(refused(limits, room, NOW), None, "{limit}");
            assert_eq!(refused(limits, full, NOW), Some((limit, 5, wait)));
        }
    }

    #[test]
    fn null_lifts_and_nothing_blocks() {
        assert_eq!(refused(all(None), [u64::MAX; 4], NOW), None);
        let blocked = refused(all(Some(0)), [0; 4], NOW);
        assert_eq!(blocked, Some(("daily_minutes_max", 0, LEFT_OF_THE_DAY)));
        assert_eq!(refused(all(Some(u32::MAX)), [9; 4], NOW), None);
    }

    #[test]
    fn the_longest_wait_is_told() {
        let table = [
            ([1, 0, 0, 0], NOW, ("concurrent_max", 1, 1)),
            ([1, 1, 0, 0], NOW, ("calls_per_minute", 1, 4)),
            ([1, 1, 1, 0], NOW, ("daily_calls_max", 1, LEFT_OF_THE_DAY)),
            // When all end at once, the day's.
            ([1, 1, 1, 0], LAST_OF_THE_DAY, ("daily_calls_max", 1, 1)),
        ];
        for (used, now, expected) in table {
            assert_eq!(refused(all(Some(1)), used, now), Some(expected), "{used:?}");
        }
    }

    #[test]
    fn all_four_must_be_said() {
        let whole = r#"{"concurrent_max": 5, "calls_per_minute": null, "daily_calls_max": 0, "daily_minutes_max": 4294967295}"#;
        let parsed: CallLimits = serde_json::from_str(whole).unwrap();
        let expected = CallLimits {
            concurrent_max: Some(5),
            calls_per_minute: None,
            daily_calls_max: Some(0),
            daily_minutes_max: Some(u32::MAX),
        };
        assert_eq!(parsed, expected);
        let bad = [
            whole.replace("\"concurrent_max\": 5, ", ""),
            whole.replace("5,", "-1,"),
            whole.replace("5,", "1.5,"),
            whole.replace("5,", "\"5\","),
            whole.replace("5,", "4294967296,"),
            whole.replace('{', "{\"more\": 1, "),
        ];
        for json in bad {
            assert!(serde_json::from_str::<CallLimits>(&json).is_err(), "{json}");
        }
    }
}
