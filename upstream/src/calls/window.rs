//! Fixed windows of time, aligned to UTC.

use chrono::{DateTime, TimeDelta, Utc};

pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);
pub(super) const DAY: TimeDelta = TimeDelta::days(1);

/// From `start`, which is in it, to `end`, which is not. A day of UTC always has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

// === impl Window ===

impl Window {
    /// The window of that length, whole seconds, that `now` is in.
    pub(super) fn of(now: DateTime<Utc>, length: TimeDelta) -> Self {
        let into = now.timestamp().rem_euclid(length.num_seconds());
        let into =
            TimeDelta::seconds(into) + TimeDelta::nanoseconds(now.timestamp_subsec_nanos().into());
        let start = now - into;
        Self {
            start,
            end: start + length,
        }
    }

    /// Seconds until it ends, rounded up: 1 at least.
    pub(super) fn seconds_left(&self, now: DateTime<Utc>) -> u32 {
        // Whole seconds, because both ends are; so without its fraction, `now` gives what is to be rounded up to.
        u32::try_from(self.end.timestamp() - now.timestamp()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn windows_begin_and_end_with_the_clock() {
        let table = [
            (
                "2026-03-01T12:34:56.5Z",
                MINUTE,
                "2026-03-01T12:34:00Z",
                "2026-03-01T12:35:00Z",
                4,
            ),
            (
                "2026-03-01T12:34:00Z",
                MINUTE,
                "2026-03-01T12:34:00Z",
                "2026-03-01T12:35:00Z",
                60,
            ),
            (
                "2026-03-01T12:34:59.999999Z",
                MINUTE,
                "2026-03-01T12:34:00Z",
                "2026-03-01T12:35:00Z",
                1,
            ),
            (
                "2026-03-01T12:34:56.5Z",
                DAY,
                "2026-03-01T00:00:00Z",
                "2026-03-02T00:00:00Z",
                41_104,
            ),
            (
                "2028-02-29T23:59:59Z",
                DAY,
                "2028-02-29T00:00:00Z",
                "2028-03-01T00:00:00Z",
                1,
            ),
            // Where much of the world has an hour less.
            (
                "2026-03-29T02:30:00Z",
                DAY,
                "2026-03-29T00:00:00Z",
                "2026-03-30T00:00:00Z",
                77_400,
            ),
            (
                "1969-12-31T23:59:58.5Z",
                MINUTE,
                "1969-12-31T23:59:00Z",
                "1970-01-01T00:00:00Z",
                2,
            ),
        ];
        for (now, length, start, end, left) in table {
            let window = Window::of(at(now), length);
            let expected = Window {
                start: at(start),
                end: at(end),
            };
            assert_eq!(
                (window, window.seconds_left(at(now))),
                (expected, left),
                "{now}"
            );
        }
    }
}
