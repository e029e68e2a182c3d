//! What is said of a document: in the log, and in the statistics.

use std::mem;
use std::time::Duration;

use tollgate_policy::fetching::{Failure, Version};

use super::{Fetched, Source};
use crate::host::{self, Level};
use crate::news;

impl<V> Fetched<V> {
    /// Counts a fetch that succeeded, and says what has changed by it.
    pub(super) fn tell<S: Source<Value = V>>(
        &self,
        (version, failure): (Option<Version>, Option<Failure>),
        source: &S,
    ) {
        source.counters().fetched.increment();
        let is_first = version.is_none() && self.state.version().is_some();
        let is_new = S::TELLS_CHANGES && version != self.state.version();
        if is_first || is_new || failure != self.state.failure() {
            let counted = S::COUNTED;
            let number = self
                .document
                .as_ref()
                .map_or(0, |(_, value)| S::count(value));
            log(Level::Info, source, &format!("fetched, {number} {counted}"));
        }
    }

    /// Says when it has become too old to be used. That it can be used again is said by what was fetched.
    pub(super) fn tell_age<S: Source<Value = V>>(&mut self, source: &S, now: Duration) {
        let is_usable = self.state.is_usable(&source.pace(), now);
        // What was lost is no older than before; it is fetched again.
        let Some(age) = self.state.age(now) else {
            return;
        };
        if mem::replace(&mut self.seen.usable, is_usable) == is_usable {
            return;
        }
        let state: &[u8] = if is_usable { b"usable" } else { b"too old" };
        if news::is_news(&source.record(), state) && !is_usable {
            let age = age.as_secs();
            let what = format!("too old: last seen {age} s ago, and used no more");
            log(Level::Error, source, &what);
        }
    }

    /// For the statistics.
    pub(super) fn show<S: Source<Value = V>>(&self, source: &S, now: Duration) {
        let value = self.value(source, now);
        let number = value.map_or(0, |value| S::count(&value));
        let counters = source.counters();
        counters.record_size(number);
        if let Some(age) = self.state.age(now) {
            counters.age.record(age.as_secs());
        }
    }
}

pub(super) fn log(level: Level, source: &impl Source, what: &str) {
    host::log(level, &format!("tollgate: {}: {what}", source.name()));
}
