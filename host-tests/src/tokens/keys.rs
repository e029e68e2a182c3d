//! The keys, always the same.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::{AssociatedOid, DecodePrivateKey};
use rsa::rand_core::OsRng;
use rsa::sha2::digest::{Digest, FixedOutputReset};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, pkcs1v15, pss};
use serde_json::{Value, json};

/// A key by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa1,
    Rsa2,
    P256,
    P384,
    Ed25519,
}

// === impl Key ===

impl Key {
    /// A signature as JWS has it. What is no algorithm of the key is taken for its first.
    pub fn sign(self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        match (self, algorithm) {
            (Self::Rsa1 | Self::Rsa2, "RS384") => self.pkcs1v15::<Sha384>(text),
            (Self::Rsa1 | Self::Rsa2, "RS512") => self.pkcs1v15::<Sha512>(text),
            (Self::Rsa1 | Self::Rsa2, "PS256") => self.pss::<Sha256>(text),
            (Self::Rsa1 | Self::Rsa2, "PS384") => self.pss::<Sha384>(text),
            (Self::Rsa1 | Self::Rsa2, "PS512") => self.pss::<Sha512>(text),
            (Self::Rsa1 | Self::Rsa2, _) => self.pkcs1v15::<Sha256>(text),
            (Self::P256, _) => {
                let signature: p256::ecdsa::Signature = p256().sign(text);
                signature.to_vec()
            }
            (Self::P384, _) => {
                let signature: p384::ecdsa::Signature = p384().sign(text);
                signature.to_vec()
            }
            (Self::Ed25519, _) => ed25519().sign(text).to_vec(),
        }
    }

    /// The public key as RFC 7517 has it, without `alg` where the key is good for several.
    pub fn jwk(self, id: &str) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa1 | Self::Rsa2 => {
                let key = self.rsa();
                let number = |number: &rsa::BigUint| encode(&number.to_bytes_be());
                json!({
                    "kty": "RSA", "use": "sig", "kid": id,
                    "n": number(key.n()), "e": number(key.e()),
                })
            }
            Self::P256 => {
                let point = p256().verifying_key().to_encoded_point(false);
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
                    "x": encode(point.x().unwrap()), "y": encode(point.y().unwrap()),
                })
            }
            Self::P384 => {
                let point = p384().verifying_key().to_encoded_point(false);
                json!({
                    "kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": id,
                    "x": encode(point.x().unwrap()), "y": encode(point.y().unwrap()),
                })
            }
            Self::Ed25519 => json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id,
                "x": encode(ed25519().verifying_key().as_bytes()),
            }),
        }
    }

    fn pkcs1v15<D: Digest + AssociatedOid>(self, text: &[u8]) -> Vec<u8> {
        let key = pkcs1v15::SigningKey::<D>::new(self.rsa().clone());
        key.sign(text).to_vec()
    }

    fn pss<D: Digest + FixedOutputReset>(self, text: &[u8]) -> Vec<u8> {
        let key = pss::SigningKey::<D>::new(self.rsa().clone());
        key.sign_with_rng(&mut OsRng, text).to_vec()
    }

    fn rsa(self) -> &'static RsaPrivateKey {
        static KEYS: [OnceLock<RsaPrivateKey>; 2] = [OnceLock::new(), OnceLock::new()];
        const PEM: [&str; 2] = [
            include_str!("../../keys/test-only-1.pem"),
            include_str!("../../keys/test-only-2.pem"),
        ];
        let number = usize::from(self != Self::Rsa1);
        let read = || {
            let pem = PEM[number];
            let begin = pem.find("-----BEGIN").unwrap();
            RsaPrivateKey::from_pkcs8_pem(&pem[begin..]).unwrap()
        };
        KEYS[number].get_or_init(read)
    }
}

#[cfg(test)]
impl Key {
    /// A signature as BoringSSL has it: DER on curves.
    pub fn sign_for_envoy(self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        let signature = self.sign(algorithm, text);
        match self {
            Self::P256 => {
                let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384 => {
                let signature = p384::ecdsa::Signature::from_slice(&signature).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            _ => signature,
        }
    }

    /// The public key as SubjectPublicKeyInfo.
    pub fn spki(self) -> Vec<u8> {
        use p256::pkcs8::EncodePublicKey;

        let document = match self {
            Self::Rsa1 | Self::Rsa2 => self.rsa().to_public_key().to_public_key_der(),
            Self::P256 => p256().verifying_key().to_public_key_der(),
            Self::P384 => p384().verifying_key().to_public_key_der(),
            Self::Ed25519 => {
                // RFC 8410 §4.
                let prefix = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
                return [prefix, ed25519().verifying_key().as_bytes().as_slice()].concat();
            }
        };
        document.unwrap().into_vec()
    }
}

fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[1; 32]).unwrap()
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[2; 48]).unwrap()
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[3; 32])
}
