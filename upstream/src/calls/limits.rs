//! What an account may have of calls, and when that refuses one more.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use tollgate_policy::refusal::{CapRefusal, Code, Refusal};

use super::usage::Usage;
use crate::database::Whole;

/// The name that the limits have in a refusal, beside the gate's own caps.
const CAP: &str = "call_limits";

pub(super) const COLUMNS: &str =
    "concurrent_max, calls_per_minute, daily_calls_max, daily_minutes_max";

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The limits of one account: none lifts one, 0 blocks. All four must be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallLimits {
    /// Calls at the same time.
    #[serde(deserialize_with = "said")]
    pub(super) concurrent_max: Option<u32>,
    /// Calls started in a minute of the clock (UTC).
    #[serde(deserialize_with = "said")]
    pub(super) calls_per_minute: Option<u32>,
    /// Calls started in a day (UTC).
    #[serde(deserialize_with = "said")]
    pub(super) daily_calls_max: Option<u32>,
    /// Minutes talked in a day (UTC).
    #[serde(deserialize_with = "said")]
    pub(super) daily_minutes_max: Option<u32>,
}

/// One limit, and what there is of what it limits.
struct Limit {
    window: &'static str,
    most: Option<u32>,
    used: u64,
    /// How much one of the limit's number is.
    unit: u64,
    /// How long to wait until there is room again, in seconds; of a window, until it ends.
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

    /// Why there is no room for one more call: of the limits that are reached, the one that stays so the longest.
    pub(super) fn refusal(&self, usage: &Usage) -> Option<Refusal> {
        let day = seconds_left(usage.now, DAY);
        let limits = [
            Limit {
                window: "concurrent_max",
                most: self.concurrent_max,
                used: usage.active,
                unit: 1,
                // Nobody knows when a call ends.
                wait: 1,
                detail: "the account has as many active calls as it may have",
            },
            Limit {
                window: "calls_per_minute",
                most: self.calls_per_minute,
                used: usage.this_minute,
                unit: 1,
                wait: seconds_left(usage.now, MINUTE),
                detail: "the account has started as many calls in this minute as it may",
            },
            Limit {
                window: "daily_calls_max",
                most: self.daily_calls_max,
                used: usage.today,
                unit: 1,
                wait: day,
                detail: "the account has started as many calls today as it may",
            },
            Limit {
                window: "daily_minutes_max",
                most: self.daily_minutes_max,
                used: usage.talked_today,
                unit: 60 * 1_000_000,
                wait: day,
                detail: "the account has talked as many minutes today as it may",
            },
        ];
        // The last of those that wait equally long: a day's, when a minute ends with it.
        let longest = limits.iter().filter(|limit| limit.is_reached());
        longest.max_by_key(|limit| limit.wait)?.refusal()
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

// === impl Limit ===

impl Limit {
    fn is_reached(&self) -> bool {
        self.most
            .is_some_and(|most| self.used >= u64::from(most) * self.unit)
    }

    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal {
            detail: self.detail,
            retry_after: Some(self.wait),
            cap: Some(CapRefusal {
                cap: CAP.to_owned(),
                window: self.window,
                limit: self.most?,
            }),
            ..Code::CapExceeded.into()
        })
    }
}

/// Seconds until the window of that length ends, rounded up: 1 at least.
fn seconds_left(now: DateTime<Utc>, window: i64) -> u32 {
    let left = window - now.timestamp().rem_euclid(window);
    u32::try_from(left).unwrap_or(u32::MAX)
}

/// An `Option` that was left out would be none. Here none has to be written: `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01 12:34:56.5 UTC.
    const NOW: i64 = 1_772_368_496_500;

    /// One second before midnight.
    const BEFORE_MIDNIGHT: i64 = 1_772_409_599_000;

    const MINUTES: u64 = 60 * 1_000_000;

    fn at(milliseconds: i64) -> Usage {
        Usage {
            now: DateTime::from_timestamp_millis(milliseconds).unwrap(),
            ..Usage::default()
        }
    }

    fn limits(json: &str) -> CallLimits {
        serde_json::from_str(json).unwrap()
    }

    fn all(limit: Option<u32>) -> CallLimits {
        CallLimits {
            concurrent_max: limit,
            calls_per_minute: limit,
            daily_calls_max: limit,
            daily_minutes_max: limit,
        }
    }

    /// Window, limit and wait of a refusal.
    fn brief(limits: CallLimits, usage: Usage) -> Option<(&'static str, u32, u32)> {
        let refusal = limits.refusal(&usage)?;
        let cap = refusal.cap?;
        assert_eq!((refusal.code, cap.cap.as_str()), (Code::CapExceeded, CAP));
        Some((cap.window, cap.limit, refusal.retry_after?))
    }

    #[test]
    fn each_limit_is_reached_exactly() {
        let some = Some(5);
        let none = CallLimits::default();
        let usage = at(NOW);
        let table = [
            (
                CallLimits {
                    concurrent_max: some,
                    ..none
                },
                Usage { active: 4, ..usage },
                Usage { active: 5, ..usage },
                ("concurrent_max", 5, 1),
            ),
            (
                CallLimits {
                    calls_per_minute: some,
                    ..none
                },
                Usage {
                    this_minute: 4,
                    ..usage
                },
                Usage {
                    this_minute: 5,
                    ..usage
                },
                ("calls_per_minute", 5, 4),
            ),
            (
                CallLimits {
                    daily_calls_max: some,
                    ..none
                },
                Usage { today: 4, ..usage },
                Usage { today: 5, ..usage },
                ("daily_calls_max", 5, 41_104),
            ),
            (
                CallLimits {
                    daily_minutes_max: some,
                    ..none
                },
                Usage {
                    talked_today: 5 * MINUTES - 1,
                    ..usage
                },
                Usage {
                    talked_today: 5 * MINUTES,
                    ..usage
                },
                ("daily_minutes_max", 5, 41_104),
            ),
        ];
        for (limits, room, full, expected) in table {
            assert_eq!(brief(limits, room), None, "{expected:?}");
            assert_eq!(brief(limits, full), Some(expected));
        }
    }

    #[test]
    fn null_lifts_and_nothing_blocks() {
        let much = Usage {
            active: 9,
            this_minute: 9,
            today: 9,
            talked_today: u64::MAX,
            ..at(NOW)
        };
        assert_eq!(brief(all(None), much), None);
        assert_eq!(
            brief(all(Some(0)), at(NOW)),
            Some(("daily_minutes_max", 0, 41_104))
        );
        assert_eq!(brief(all(Some(u32::MAX)), at(NOW)), None);
    }

    #[test]
    fn the_longest_wait_is_told() {
        let usage = Usage {
            active: 1,
            this_minute: 1,
            ..at(NOW)
        };
        assert_eq!(brief(all(Some(1)), usage), Some(("calls_per_minute", 1, 4)));
        let usage = Usage { today: 1, ..usage };
        assert_eq!(
            brief(all(Some(1)), usage),
            Some(("daily_calls_max", 1, 41_104))
        );
        // When all end at once, the day's.
        let usage = Usage {
            now: at(BEFORE_MIDNIGHT).now,
            ..usage
        };
        assert_eq!(brief(all(Some(1)), usage), Some(("daily_calls_max", 1, 1)));
    }

    #[test]
    fn a_window_has_a_second_left_at_least() {
        for (milliseconds, left) in [(0, 60), (1, 60), (59_000, 1), (59_999, 1), (60_000, 60)] {
            assert_eq!(
                seconds_left(at(milliseconds).now, MINUTE),
                left,
                "{milliseconds}"
            );
        }
    }

    #[test]
    fn all_four_must_be_said() {
        let whole = r#"{"concurrent_max": 5, "calls_per_minute": null, "daily_calls_max": 0, "daily_minutes_max": 4294967295}"#;
        let parsed = limits(whole);
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
