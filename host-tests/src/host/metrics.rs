//! Counters.

/// The metrics of one virtual machine. Defining a name again gives another id for the same count
/// (`Context::defineMetric`).
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    names: Vec<String>,
    counts: Vec<(usize, i64)>,
}

// === impl Metrics ===

impl Metrics {
    pub fn define(&mut self, name: String) -> u32 {
        self.names.push(name);
        u32::try_from(self.names.len()).unwrap()
    }

    /// Adds to a metric; false where there is none with this id.
    pub fn add(&mut self, id: u32, by: i64) -> bool {
        let Some(index) = (id as usize).checked_sub(1) else {
            return false;
        };
        let known = index < self.names.len();
        if known {
            self.counts.push((index, by));
        }
        known
    }

    pub fn value(&self, name: &str) -> i64 {
        self.counts
            .iter()
            .filter(|(index, _)| self.names[*index] == name)
            .map(|(_, by)| by)
            .sum()
    }
}
