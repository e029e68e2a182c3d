//! How much a cap allows in each of its windows.

use std::collections::BTreeMap;

/// What a limit is counted in. Those of the clock are fixed and aligned to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Requests that are under way, each until its stream ends.
    Concurrent,
    /// Requests in a minute.
    Minute,
    /// Requests in an hour.
    Hour,
    /// Requests in a day.
    Day,
}

/// How much a cap allows. None: as much as you like; 0: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests at the same time.
    pub concurrent: Option<u32>,
    /// Requests in a minute.
    pub per_minute: Option<u32>,
    /// Requests in an hour.
    pub per_hour: Option<u32>,
    /// Requests in a day.
    pub per_day: Option<u32>,
}

/// What one account has instead, field by field. None: nothing of its own; `Some(None)`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// Instead of [`Limits::concurrent`].
    pub concurrent: Option<Option<u32>>,
    /// Instead of [`Limits::per_minute`].
    pub per_minute: Option<Option<u32>>,
    /// Instead of [`Limits::per_hour`].
    pub per_hour: Option<Option<u32>>,
    /// Instead of [`Limits::per_day`].
    pub per_day: Option<Option<u32>>,
}

/// What one account has instead of the configured limits, by the cap's name. Names of caps that there are not mean
/// nothing.
pub type Overrides = BTreeMap<String, Override>;

// === impl Window ===

impl Window {
    /// All of them; the one that is waited for longest comes first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Hour, Self::Minute, Self::Concurrent];

    /// The name of its field in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concurrent => "concurrent",
            Self::Minute => "per_minute",
            Self::Hour => "per_hour",
            Self::Day => "per_day",
        }
    }

    /// How long it is, in seconds; nothing for what does not end by the clock.
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Concurrent => None,
            Self::Minute => Some(60),
            Self::Hour => Some(3600),
            Self::Day => Some(86_400),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// The limit of a window, if it has one.
    pub const fn of(&self, window: Window) -> Option<u32> {
        match window {
            Window::Concurrent => self.concurrent,
            Window::Minute => self.per_minute,
            Window::Hour => self.per_hour,
            Window::Day => self.per_day,
        }
    }

    /// These, with what an account has instead.
    #[must_use = "the limits are returned"]
    pub fn with(&self, own: &Override) -> Self {
        Self {
            concurrent: own.concurrent.unwrap_or(self.concurrent),
            per_minute: own.per_minute.unwrap_or(self.per_minute),
            per_hour: own.per_hour.unwrap_or(self.per_hour),
            per_day: own.per_day.unwrap_or(self.per_day),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_own_field_by_field() {
        let limits = Limits {
            concurrent: Some(20),
            per_minute: Some(60),
            per_hour: None,
            per_day: Some(10_000),
        };
        let own = Override {
            per_minute: Some(Some(0)),
            per_hour: Some(Some(5)),
            per_day: Some(None),
            ..Override::default()
        };
        let expected = Limits {
            concurrent: Some(20),
            per_minute: Some(0),
            per_hour: Some(5),
            per_day: None,
        };
        assert_eq!(limits.with(&own), expected);
        assert_eq!(limits.with(&Override::default()), limits);
    }
}
