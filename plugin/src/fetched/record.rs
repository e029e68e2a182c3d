//! The entries in Envoy's shared data through which the workers of one `vm_id` agree on fetching a document: a small
//! record, which each reads all the time, and beside it two places for the document, of which one is the record's.

use std::time::Duration;

use tollgate_policy::fetching::{FetchState, Place, Ticket, Version};

use crate::host::{self, Error};

/// Others write a few times a fetch. Should so many come first, the fetch counts as lost.
const ATTEMPTS: usize = 8;

/// Where one document's record is.
pub struct Record(String);

/// Which writing of an entry was read; none: there is no entry.
pub type Entry = Option<u32>;

/// What was fetched, to be published.
pub struct Fetch<'f> {
    /// The right to.
    pub ticket: Ticket,
    /// The document.
    pub text: &'f [u8],
    /// [`Version::of`] it.
    pub version: Version,
    /// What the server calls it.
    pub etag: Option<&'f str>,
}

// === impl Record ===

impl Record {
    /// The record of this name.
    pub fn new(name: String) -> Self {
        Self(name)
    }

    /// What is written there, unless it is the entry that was `seen`: nothing where it is. What cannot be read counts as
    /// an empty record, and is overwritten by the next fetch.
    pub fn load_other_than(&self, seen: Entry) -> host::Result<Option<(FetchState, Entry)>> {
        match host::shared_data(&self.0) {
            Ok((_, entry)) if seen == Some(entry) => Ok(None),
            Ok((bytes, entry)) => {
                let state = FetchState::decode(&bytes).unwrap_or_default();
                Ok(Some((state, Some(entry))))
            }
            Err(Error::NotFound) => Ok(Some((FetchState::default(), None))),
            Err(error) => Err(error),
        }
    }

    /// Applies `change` to the record, if it wants to and nobody else comes first; returns what is written there now,
    /// and what `change` gave.
    pub fn update<T>(
        &self,
        mut change: impl FnMut(&mut FetchState) -> Option<T>,
    ) -> host::Result<(FetchState, Option<T>)> {
        for _ in 0..ATTEMPTS {
            let (mut state, entry) = self.load()?;
            let Some(made) = change(&mut state) else {
                break;
            };
            if host::swap_shared_data(&self.0, &state.encode(), entry)? {
                return Ok((state, Some(made)));
            }
        }
        self.load().map(|(state, _)| (state, None))
    }

    /// Ends a fetch with a document, if it is still this worker's turn; returns what is written there now.
    pub fn publish(&self, fetch: &Fetch<'_>, now: Duration) -> host::Result<FetchState> {
        for _ in 0..ATTEMPTS {
            let (state, entry) = self.load()?;
            let mut next = state.clone();
            if !next.succeed(fetch.ticket, fetch.version, fetch.etag, now) {
                return Ok(state);
            }
            if next.place() != state.place() {
                // Somebody who takes over from this worker changes the record before the place. So where the place is
                // looked at first, and the record is still the same, what they write there is not overwritten.
                let place = self.place(next.place());
                let before = written(&place)?;
                let (_, still) = self.load()?;
                if still != entry || !host::swap_shared_data(&place, fetch.text, before)? {
                    continue;
                }
            }
            if host::swap_shared_data(&self.0, &next.encode(), entry)? {
                return Ok(next);
            }
        }
        self.load().map(|(state, _)| state)
    }

    /// The document of this state; nothing where other bytes are in its place, or more than there can be.
    pub fn document(&self, state: &FetchState, most: usize) -> host::Result<Option<Vec<u8>>> {
        match host::shared_data(&self.place(state.place())) {
            Ok((text, _)) if text.len() > most => Ok(None),
            Ok((text, _)) => Ok((state.version() == Some(Version::of(&text))).then_some(text)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn load(&self) -> host::Result<(FetchState, Entry)> {
        self.load_other_than(None).map(Option::unwrap_or_default)
    }

    fn place(&self, place: Place) -> String {
        format!("{}.{}", self.0, place.as_str())
    }
}

fn written(place: &str) -> host::Result<Entry> {
    match host::shared_data(place) {
        Ok((_, entry)) => Ok(Some(entry)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
