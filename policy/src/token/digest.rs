//! The name under which a token is remembered.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::Sha256;

/// SHA-256 of a whole token: nobody can make another token of the same digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

/// Hashes a [`Digest`] by taking eight bytes of it. Only tokens that were verified are kept by their digest, so that
/// nobody can fill a map with digests that he has chosen.
#[derive(Default)]
pub(super) struct FirstBytes(u64);

/// For a map whose keys are digests.
pub(super) type ByFirstBytes = BuildHasherDefault<FirstBytes>;

impl Digest {
    pub(super) fn of(token: &[u8]) -> Self {
        Self(<Sha256 as sha2::Digest>::digest(token).into())
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
