//! The names under which credentials are remembered.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::Sha256;
use siphasher::sip128::SipHasher24;

/// SHA-256 of a whole credential: nobody can make another one of the same digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// What makes the [`Fingerprint`]s of one worker: a secret that is made at random, and never shown.
#[derive(Clone)]
pub struct FingerprintKey(SipHasher24);

/// SipHash-2-4 with 128 bits of a whole credential, under a key that nobody knows: without the key it is as good as
/// random (Aumasson and Bernstein, SipHash: a fast short-input PRF, §4), and fingerprints are shown to nobody. So whoever
/// wants to pass for one of n remembered credentials must hit one of n in 2^128 by trying: at a million tries a second
/// against a hundred thousand, 10^20 years. SHA-256, which needs no secret, takes ten times as long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u128);

/// Hashes a [`Fingerprint`] by taking half of it, which nobody can choose.
#[derive(Default)]
pub(crate) struct FirstHalf(u64);

/// For a map whose keys are fingerprints.
pub(crate) type ByFirstHalf = BuildHasherDefault<FirstHalf>;

// === impl Digest ===

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

// === impl FingerprintKey ===

impl FingerprintKey {
    /// A key of random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&random))
    }

    /// The fingerprint of a credential.
    pub fn fingerprint(&self, credential: &[u8]) -> Fingerprint {
        Fingerprint(self.0.hash(credential).as_u128())
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

// === impl Fingerprint ===

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0);
    }
}

// === impl FirstHalf ===

impl Hasher for FirstHalf {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
