//! The form of a [`FetchState`] in the workers' shared data: a hash of what follows it, six numbers, little-endian, two
//! bytes, and the entity tag.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Failure, FetchState, MAX_ETAG, Place, Version, first_bytes};

/// The size of all but the entity tag: a hash, six numbers, two bytes.
const FIXED: usize = 8 + 6 * 8 + 2;

impl FetchState {
    /// The record. Times are cut to nanoseconds since the Unix epoch in 64 bits, which last until the year 2554.
    pub fn encode(&self) -> Vec<u8> {
        let etag = self.etag.as_deref().unwrap_or_default();
        let mut record = Vec::with_capacity(FIXED + etag.len());
        // What follows is hashed at the end.
        record.extend_from_slice(&[0; 8]);
        for number in [
            self.version.map_or(0, |Version(version)| version),
            self.ticket,
            nanoseconds(self.fetched),
            nanoseconds(self.ended),
            nanoseconds(self.began),
            nanoseconds(self.looked_for_missing),
        ] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.push(Failure::number(self.failure));
        record.push(u8::from(self.place == Place::B));
        record.extend_from_slice(etag.as_bytes());
        if let Some((hash, rest)) = record.split_first_chunk_mut() {
            *hash = hash_of(rest).to_le_bytes();
        }
        record
    }

    /// Reads a record; nothing where the bytes are none.
    pub fn decode(record: &[u8]) -> Option<Self> {
        // A record is small; what is larger is somebody else's, and not worth a hash.
        if record.len() > FIXED + MAX_ETAG {
            return None;
        }
        let (hash, mut rest) = record.split_first_chunk()?;
        if u64::from_le_bytes(*hash) != hash_of(rest) {
            return None;
        }
        let mut number = || {
            let (number, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u64::from_le_bytes(*number))
        };
        let (version, ticket) = (number()?, number()?);
        let mut time = || number().map(Duration::from_nanos);
        let (fetched, ended, began, looked_for_missing) = (time()?, time()?, time()?, time()?);
        let ([failure, place], etag) = rest.split_first_chunk()?;
        let etag = str::from_utf8(etag).ok()?;
        Some(Self {
            version: (version != 0).then_some(Version(version)),
            place: if *place == 0 { Place::A } else { Place::B },
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            fetched,
            ended,
            began,
            looked_for_missing,
            ticket,
            failure: Failure::of_number(*failure),
        })
    }
}

fn hash_of(bytes: &[u8]) -> u64 {
    first_bytes(Sha256::digest(bytes).into())
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
            version: Option<std::num::NonZeroU64>,
            ticket: u64,
            failure in proptest::option::of(proptest::sample::select(Failure::ALL.as_slice())),
            place in proptest::sample::select(&[Place::A, Place::B][..]),
            etag in proptest::option::of("[!-~]{1,40}"),
            damage: proptest::sample::Index,
        ) {
            let [fetched, ended, began, looked_for_missing] = times.map(Duration::from_nanos);
            let version = version.map(|version| Version(version.get()));
            let state = FetchState {
                version, place, etag, fetched, ended, began, looked_for_missing, ticket, failure,
            };
            let mut record = state.encode();
            prop_assert_eq!(FetchState::decode(&record), Some(state));
            prop_assert_eq!(FetchState::decode(&record[..record.len() - 1]), None);
            let place = damage.index(record.len());
            record[place] ^= 1;
            prop_assert_eq!(FetchState::decode(&record), None);
        }

        #[test]
        fn any_bytes_are_answered(record: Vec<u8>) {
            let _ = FetchState::decode(&record);
        }
    }
}
