//! Counters and gauges.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::status::{BAD_ARGUMENT, NOT_FOUND, OK, Status};

/// What a metric is, in the host's numbers (`MetricType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// What all virtual machines of an Envoy count together; a clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Statistics(Arc<Mutex<BTreeMap<String, i64>>>);

/// The metrics of one virtual machine. Defining a name again gives another id for the same value
/// (`Context::defineMetric`).
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    defined: Vec<(Kind, String)>,
}

// === impl Kind ===

impl Kind {
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            _ => None,
        }
    }
}

// === impl Statistics ===

impl Statistics {
    /// A counter's or a gauge's value; 0 where there is none.
    pub fn value(&self, name: &str) -> i64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    /// All that there are: defined by some virtual machine, with their values.
    pub fn all(&self) -> BTreeMap<String, i64> {
        self.0.lock().unwrap().clone()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut i64)) {
        change(self.0.lock().unwrap().entry(name.to_owned()).or_default());
    }
}

// === impl Metrics ===

impl Metrics {
    pub fn define(&mut self, kind: Kind, name: String, statistics: &Statistics) -> u32 {
        statistics.change(&name, |_| {});
        self.defined.push((kind, name));
        u32::try_from(self.defined.len()).unwrap()
    }

    /// Adds to a metric (`Context::incrementMetric`).
    pub fn add(&self, id: u32, by: i64, statistics: &Statistics) -> Status {
        match self.get(id) {
            None => NOT_FOUND,
            Some((Kind::Counter, _)) if by <= 0 => BAD_ARGUMENT,
            Some((_, name)) => {
                statistics.change(name, |value| *value += by);
                OK
            }
        }
    }

    /// Sets a gauge; a counter takes it as an increment (`Context::recordMetric`).
    pub fn record(&self, id: u32, new: i64, statistics: &Statistics) -> Status {
        match self.get(id) {
            None => NOT_FOUND,
            Some((Kind::Counter, name)) => {
                statistics.change(name, |value| *value += new);
                OK
            }
            Some((Kind::Gauge, name)) => {
                statistics.change(name, |value| *value = new);
                OK
            }
        }
    }

    fn get(&self, id: u32) -> Option<&(Kind, String)> {
        self.defined.get((id as usize).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_envoys() {
        let statistics = Statistics::default();
        let mut machines = [Metrics::default(), Metrics::default()];
        let [one, other] = &mut machines;
        let name = || "x".to_owned();
        assert_eq!(one.define(Kind::Counter, name(), &statistics), 1);
        assert_eq!(other.define(Kind::Counter, name(), &statistics), 1);
        let gauge = one.define(Kind::Gauge, "g".to_owned(), &statistics);
        assert_eq!(one.add(1, 2, &statistics), OK);
        assert_eq!(other.add(1, 3, &statistics), OK);
        assert_eq!(one.add(1, -1, &statistics), BAD_ARGUMENT);
        assert_eq!(one.add(9, 1, &statistics), NOT_FOUND);
        assert_eq!(statistics.value("x"), 5);
        assert_eq!(one.record(gauge, 7, &statistics), OK);
        assert_eq!(one.record(gauge, 4, &statistics), OK);
        assert_eq!(one.add(gauge, -1, &statistics), OK);
        assert_eq!(statistics.value("g"), 3);
    }
}
