//! What BoringSSL verifies for Envoy: RSASSA-PKCS1-v1_5, and ECDSA on P-256 and P-384 with signatures in DER. For
//! PSS and Ed25519 there is no way to ask.

use p256::pkcs8::DecodePublicKey;
use rsa::RsaPublicKey;
use rsa::pkcs1v15;
use rsa::pkcs8::AssociatedOid;
use rsa::sha2::digest::Digest;
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::Verifier;
use rsa::signature::hazmat::PrehashVerifier;

use super::message::Arguments;

/// A key that parses as SubjectPublicKeyInfo.
pub(super) enum Key {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

/// A hash function that BoringSSL does not have under this name.
pub(super) struct UnknownHash(pub String);

// === impl Key ===

impl Key {
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let rsa = RsaPublicKey::from_public_key_der(der).map(Self::Rsa);
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P256);
        let p384 = || p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P384);
        rsa.or_else(|_| p256()).or_else(|_| p384()).ok()
    }

    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let (_, document) = p256::pkcs8::Document::from_pem(str::from_utf8(pem).ok()?).ok()?;
        Self::from_der(document.as_bytes())
    }

    pub fn holds(&self, arguments: &Arguments<'_>) -> Result<bool, UnknownHash> {
        let name = arguments.hash.to_ascii_lowercase();
        Ok(match name.as_slice() {
            b"sha256" => self.holds_by::<Sha256>(arguments),
            b"sha384" => self.holds_by::<Sha384>(arguments),
            b"sha512" => self.holds_by::<Sha512>(arguments),
            // Envoy has them; no test may rely on them.
            b"sha1" | b"sha224" => false,
            other => {
                return Err(UnknownHash(String::from_utf8_lossy(other).into_owned()));
            }
        })
    }

    fn holds_by<D: Digest + AssociatedOid>(&self, arguments: &Arguments<'_>) -> bool {
        let (text, signature) = (arguments.text, arguments.signature);
        let hash = || D::digest(text);
        match self {
            Self::Rsa(key) => pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
                let key = pkcs1v15::VerifyingKey::<D>::new(key.clone());
                key.verify(text, &signature).is_ok()
            }),
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(&hash(), &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(&hash(), &signature).is_ok()),
        }
    }
}
