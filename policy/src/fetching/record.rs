//! The form of a [`FetchState`] in the workers' shared data: seven numbers, little-endian, then the key set.

use std::time::Duration;

use super::{Failure, FetchState, version_of};

impl FetchState {
    /// The record. Times are cut to nanoseconds since the Unix epoch in 64 bits, which last until the year 2554.
    pub fn encode(&self) -> Vec<u8> {
        let size = u64::try_from(self.set.len()).unwrap_or(u64::MAX);
        let mut record = Vec::with_capacity(self.set.len() + 57);
        for number in [
            size,
            self.version,
            self.ticket,
            nanoseconds(self.fetched),
            nanoseconds(self.ended),
            nanoseconds(self.began),
            nanoseconds(self.looked_for_unknown),
        ] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.push(Failure::number(self.failure));
        record.extend_from_slice(&self.set);
        record
    }

    /// Reads a record; nothing where the bytes are none.
    pub fn decode(mut record: &[u8]) -> Option<Self> {
        let mut number = || {
            let (number, rest) = record.split_first_chunk()?;
            record = rest;
            Some(u64::from_le_bytes(*number))
        };
        let size = number()?;
        let (version, ticket) = (number()?, number()?);
        let mut time = || number().map(Duration::from_nanos);
        let (fetched, ended, began, looked_for_unknown) = (time()?, time()?, time()?, time()?);
        let (failure, set) = record.split_first()?;
        let whole = u64::try_from(set.len()) == Ok(size);
        let intact = match version {
            0 => set.is_empty(),
            version => version == version_of(set),
        };
        (whole && intact).then(|| Self {
            version,
            fetched,
            ended,
            began,
            looked_for_unknown,
            ticket,
            failure: Failure::of_number(*failure),
            set: set.to_vec(),
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            times: [u64; 4],
            ticket: u64,
            failure in proptest::option::of(proptest::sample::select(Failure::ALL.as_slice())),
            set: Vec<u8>,
        ) {
            let [fetched, ended, began, looked_for_unknown] = times.map(Duration::from_nanos);
            let version = if set.is_empty() { 0 } else { version_of(&set) };
            let state = FetchState {
                version, fetched, ended, began, looked_for_unknown, ticket, failure, set,
            };
            let record = state.encode();
            prop_assert_eq!(FetchState::decode(&record), Some(state));
            prop_assert_eq!(FetchState::decode(&record[..record.len() - 1]), None);
            if version != 0 {
                let mut damaged = record;
                *damaged.last_mut().unwrap() ^= 1;
                prop_assert_eq!(FetchState::decode(&damaged), None);
            }
        }

        #[test]
        fn any_bytes_are_answered(record: Vec<u8>) {
            let _ = FetchState::decode(&record);
        }
    }
}
