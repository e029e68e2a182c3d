//! What the gate's rules need to verify a token here: the clock, the keys, and their signatures.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::signature;
use tollgate_policy::token::{NewerKeys, Unverifiable, Verifier};

/// Verifies by a key set, where there is one.
pub(super) struct Verifying<'a>(pub(super) Option<&'a Arc<KeySet>>);

impl Verifier for Verifying<'_> {
    fn now(&self) -> Option<Duration> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok()
    }

    fn keys(&self, _issuer: usize) -> Option<Arc<KeySet>> {
        self.0.cloned()
    }

    /// Whoever asks here looks for newer keys himself.
    fn newer_keys(&self, _issuer: usize) -> NewerKeys {
        NewerKeys::None
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        Ok(signature::verify(algorithm, key, signed, signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::testing::{TOKEN, key_set};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn verifies(signed: &str, signature: &[u8]) -> bool {
        let keys = KeySet::parse(&key_set("a")).unwrap();
        let key = keys.find(Algorithm::Rs256, Some("a")).unwrap();
        let verifying = Verifying(None);
        let found = verifying.verify(Algorithm::Rs256, key.public(), signed.as_bytes(), signature);
        found.unwrap()
    }

    #[test]
    fn openssls_signature_is_right_and_one_bit_makes_it_wrong() {
        let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(verifies(signed, &signature));
        assert!(!verifies(&signed[1..], &signature));
        signature[100] ^= 1;
        assert!(!verifies(signed, &signature));
        assert!(!verifies(signed, b""));
    }
}
