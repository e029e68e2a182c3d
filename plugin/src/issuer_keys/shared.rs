//! The record in Envoy's shared data through which the workers of one `vm_id` agree on fetching.

use tollgate_policy::fetching::FetchState;

use crate::host::{self, Error};

/// Where one issuer's record is. The name carries the version of the record's form, because the host keeps it when
/// the module changes; and where the keys come from, because several configurations can share a `vm_id`.
pub struct SharedState(String);

/// A version of an entry in shared data; none: there is no entry.
pub type Version = Option<u32>;

impl SharedState {
    /// The record for keys with this fingerprint.
    pub fn new(fingerprint: &str) -> Self {
        Self(format!("tollgate.keys.v1.{fingerprint}"))
    }

    /// What is written there, unless it is the entry that was `seen`: nothing where it is. What cannot be read counts as
    /// an empty record, and is overwritten by the next fetch.
    pub fn load_other_than(&self, seen: Version) -> host::Result<Option<(FetchState, Version)>> {
        match host::shared_data(&self.0) {
            Ok((_, version)) if seen == Some(version) => Ok(None),
            Ok((bytes, version)) => {
                let state = FetchState::decode(&bytes).unwrap_or_default();
                Ok(Some((state, Some(version))))
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
        /// Others write a few times a fetch. Should so many come first, the fetch counts as lost.
        const ATTEMPTS: usize = 8;
        for _ in 0..ATTEMPTS {
            let (mut state, version) = self.load()?;
            let Some(made) = change(&mut state) else {
                break;
            };
            if host::swap_shared_data(&self.0, &state.encode(), version)? {
                return Ok((state, Some(made)));
            }
        }
        self.load().map(|(state, _)| (state, None))
    }

    fn load(&self) -> host::Result<(FetchState, Version)> {
        self.load_other_than(None).map(Option::unwrap_or_default)
    }
}
