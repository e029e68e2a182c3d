//! Times as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ExplainError;

/// Reads RFC 3339, or seconds since the Unix epoch.
///
/// # Errors
///
/// It is neither.
pub fn parse(text: &str) -> Result<Duration, ExplainError> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    instant(text).ok_or_else(|| {
        ExplainError::new(format!(
            "{text:?} is no time; write RFC 3339, such as 2026-11-23T12:00:00Z, or seconds since 1970"
        ))
    })
}

/// RFC 3339, in UTC or with an offset, since the Unix epoch.
pub fn instant(text: &str) -> Option<Duration> {
    let (local, offset) = match text
        .char_indices()
        .rev()
        .find(|(_, c)| matches!(c, '+' | '-' | 'Z' | 'z'))
    {
        Some((place, 'Z' | 'z')) => (text.get(..place)?, 0_i64),
        Some((place, sign)) if place > 10 => {
            let (hours, minutes) = text.get(place + 1..)?.split_once(':')?;
            let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
            let fits = hours < 24 && minutes < 60;
            let minutes = fits.then_some(i64::from(hours) * 60 + i64::from(minutes))?;
            let offset = if sign == '-' { -minutes } else { minutes };
            (text.get(..place)?, offset * 60)
        }
        _ => return None,
    };
    let local = humantime::parse_rfc3339_weak(local).ok()?;
    let since = local.duration_since(UNIX_EPOCH).ok()?;
    if offset < 0 {
        since.checked_add(Duration::from_secs(offset.unsigned_abs()))
    } else {
        since.checked_sub(Duration::from_secs(offset.unsigned_abs()))
    }
}

/// The time by this machine's clock.
pub fn now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// RFC 3339, to the second; the number where no calendar has it.
pub fn written(time: Duration) -> String {
    let whole = Duration::from_secs(time.as_secs());
    match UNIX_EPOCH.checked_add(whole) {
        // The last year that four digits can write.
        Some(instant) if whole.as_secs() < 253_402_300_800 => {
            humantime::format_rfc3339_seconds(instant).to_string()
        }
        _ => format!("{} s since 1970", whole.as_secs()),
    }
}

/// A NumericDate (RFC 7519 §2) and how far it is from `now`: `2026-11-23T12:00:00Z, 3 min 12 s ago`.
pub fn beside(seconds: f64, now: Duration) -> String {
    let Ok(time) = Duration::try_from_secs_f64(seconds) else {
        return format!("{seconds}, which is no time");
    };
    let written = written(time);
    if time > now {
        format!("{written}, in {}", span(time.saturating_sub(now)))
    } else {
        format!("{written}, {} ago", span(now.saturating_sub(time)))
    }
}

/// A span in its two largest units: `3 min 12 s`.
pub fn span(span: Duration) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("y", 31_557_600),
        ("d", 86_400),
        ("h", 3600),
        ("min", 60),
        ("s", 1),
    ];
    let mut left = span.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in UNITS {
        let count = left.checked_div(seconds).unwrap_or_default();
        left -= count * seconds;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        return "less than 1 s".to_owned();
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        for text in [
            "2026-11-23T12:00:00Z",
            "2026-11-23T12:00:00.25Z",
            "2026-11-23T13:30:00+01:30",
            "2026-11-23T07:00:00.000-05:00",
            "1795435200",
        ] {
            assert_eq!(parse(text).unwrap().as_secs(), 1_795_435_200, "{text}");
        }
        for text in ["", "now", "2026-11-23", "12:00", "2026-11-23T12:00:00+x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            written(Duration::from_secs(1_795_435_200)),
            "2026-11-23T12:00:00Z"
        );
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, expected) in [
            (0, "less than 1 s"),
            (1, "1 s"),
            (192, "3 min 12 s"),
            (3600, "1 h"),
            (3601, "1 h"),
            (90_061, "1 d 1 h"),
            (31_557_600 * 2, "2 y"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        let now = Duration::from_secs(1_795_435_200);
        assert_eq!(
            beside(1_795_435_008.0, now),
            "2026-11-23T11:56:48Z, 3 min 12 s ago"
        );
        assert_eq!(
            beside(1_795_435_260.0, now),
            "2026-11-23T12:01:00Z, in 1 min"
        );
        assert_eq!(beside(-1.0, now), "-1, which is no time");
        assert!(beside(1e18, now).starts_with("1000000000000000000 s since 1970, in "));
    }
}
