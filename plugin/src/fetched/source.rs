//! What there is to fetch.

use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::fetching::{Failure, Pace};
use tollgate_policy::uri::Uri;

use crate::counters::FetchCounters;

/// A document that is fetched: where it is, how it is read, and what is said about it.
pub trait Source {
    /// What it is read into.
    type Value;

    /// The largest answer that is read, in bytes.
    const MAX_BYTES: usize;

    /// Reading it takes less than so many times its size.
    const TIMES: usize;

    /// Whether the server is told what is known already (`If-None-Match`), and believed that nothing has changed.
    const IS_CONDITIONAL: bool;

    /// Whether each new version is worth a line in the log.
    const TELLS_CHANGES: bool;

    /// Who is asked, in the log.
    const SERVER: &'static str;

    /// What is counted in a document, in the log.
    const COUNTED: &'static str;

    /// The document's name in the log.
    fn name(&self) -> String;

    /// The name of its record in shared data. It has the version of the record's form, because the host keeps it when
    /// the module changes; and where the document comes from, because several configurations can share a `vm_id`.
    fn record(&self) -> String;

    /// How often it is fetched.
    fn pace(&self) -> Pace;

    /// The cluster that reaches the server.
    fn cluster(&self) -> &str;

    /// How long one request may take.
    fn timeout(&self) -> Duration;

    /// What is asked for first.
    fn uri(&self) -> &Uri;

    /// What the server is shown in `Authorization`; none: nothing.
    fn authorization(&self) -> Option<&str>;

    /// Where an answer leads, if it is not the document itself; `step` answers came before it.
    fn leads_to(&self, step: u8, answer: &[u8]) -> Result<Option<Uri>, Failed>;

    /// Reads the document; `previous` is the one before, which may share something with it.
    fn parse(&self, text: &[u8], previous: Option<&Self::Value>) -> Result<Self::Value, Failed>;

    /// How much is in it, for the statistics.
    fn count(value: &Self::Value) -> usize;

    /// What there is until the first fetch has succeeded.
    fn fallback(&self) -> Option<Arc<Self::Value>>;

    /// What is counted about it.
    fn counters(&self) -> &FetchCounters;
}

/// Why there is no document: the kind, and a sentence for the log.
pub struct Failed {
    /// For the statistics.
    pub kind: Failure,
    /// For the log.
    pub sentence: String,
}

// === impl Failed ===

impl Failed {
    /// A failure of this kind.
    pub fn new(kind: Failure, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }
}
