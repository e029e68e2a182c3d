//! RSA keys, and signatures with them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{AssociatedOid, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::sha2::digest::{Digest, FixedOutputReset};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer, Verifier};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey, pkcs1v15, pss};
use serde_json::{Value, json};

use crate::random;

/// As Zitadel makes them.
const BITS: usize = 2048;

/// A key could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeyError(#[from] KeyProblem);

#[derive(Debug, thiserror::Error)]
enum KeyProblem {
    #[error(transparent)]
    Rsa(#[from] rsa::Error),
    #[error(transparent)]
    Private(#[from] rsa::pkcs1::Error),
    #[error(transparent)]
    Public(#[from] rsa::pkcs8::spki::Error),
}

/// A key that signs.
#[derive(Debug)]
pub(crate) struct RsaKey {
    kid: String,
    private: RsaPrivateKey,
    public: RsaPublicKey,
    private_pem: String,
    public_pem: String,
}

// === impl RsaKey ===

impl RsaKey {
    pub fn generate() -> Result<Self, KeyError> {
        Self::new().map_err(KeyError)
    }

    fn new() -> Result<Self, KeyProblem> {
        let private = RsaPrivateKey::new(&mut OsRng, BITS)?;
        let public = private.to_public_key();
        Ok(Self {
            kid: random::id(),
            private_pem: private.to_pkcs1_pem(LineEnding::LF)?.as_str().to_owned(),
            public_pem: public.to_public_key_pem(LineEnding::LF)?,
            public,
            private,
        })
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// PKCS #1, which is what Zitadel puts into its key files.
    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// The public key as RFC 7517 has it, with the members that Zitadel gives.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.jwk_without_algorithm(&self.kid);
        if let Some(members) = jwk.as_object_mut() {
            members.insert("alg".to_owned(), json!("RS256"));
        }
        jwk
    }

    /// The same under another id, for any algorithm.
    pub fn jwk_without_algorithm(&self, kid: &str) -> Value {
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": kid,
            "n": BASE64_URL_SAFE_NO_PAD.encode(self.public.n().to_bytes_be()),
            "e": BASE64_URL_SAFE_NO_PAD.encode(self.public.e().to_bytes_be()),
        })
    }

    pub fn rs256(&self, text: &[u8]) -> Vec<u8> {
        self.pkcs1v15::<Sha256>(text)
    }

    pub fn rs384(&self, text: &[u8]) -> Vec<u8> {
        self.pkcs1v15::<Sha384>(text)
    }

    pub fn rs512(&self, text: &[u8]) -> Vec<u8> {
        self.pkcs1v15::<Sha512>(text)
    }

    pub fn ps256(&self, text: &[u8]) -> Vec<u8> {
        self.pss::<Sha256>(text)
    }

    pub fn ps384(&self, text: &[u8]) -> Vec<u8> {
        self.pss::<Sha384>(text)
    }

    pub fn ps512(&self, text: &[u8]) -> Vec<u8> {
        self.pss::<Sha512>(text)
    }

    pub fn verifies_rs256(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = pkcs1v15::VerifyingKey::<Sha256>::new(self.public.clone());
        pkcs1v15::Signature::try_from(signature)
            .is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }

    /// What a verifier accepts that takes the public key for a shared secret: HMAC keyed with the public key's PEM.
    pub fn confused_hs256(&self, text: &[u8]) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(self.public_pem.as_bytes())
            .map(|hmac| hmac.chain_update(text).finalize().into_bytes().to_vec())
            // HMAC takes keys of any length.
            .unwrap_or_default()
    }

    fn pkcs1v15<D: Digest + AssociatedOid>(&self, text: &[u8]) -> Vec<u8> {
        let key = pkcs1v15::SigningKey::<D>::new(self.private.clone());
        key.sign(text).to_vec()
    }

    /// With a salt as long as the hash (RFC 7518 §3.5).
    fn pss<D: Digest + FixedOutputReset>(&self, text: &[u8]) -> Vec<u8> {
        let key = pss::SigningKey::<D>::new(self.private.clone());
        key.sign_with_rng(&mut OsRng, text).to_vec()
    }
}
