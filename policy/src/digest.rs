//! The name under which a credential is remembered.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::Sha256;

/// SHA-256 of a whole credential: nobody can make another one of the same digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Hashes a [`Digest`] by taking eight bytes of it. Only for credentials that were verified, so that nobody can fill a
/// map with digests that he has chosen.
#[derive(Default)]
pub(crate) struct FirstBytes(u64);

/// For a map whose keys are digests.
pub(crate) type ByFirstBytes = BuildHasherDefault<FirstBytes>;

impl Digest {
    /// The digest of a credential.
    pub fn of(credential: &[u8]) -> Self {
        Self(<Sha256 as sha2::Digest>::digest(credential).into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
