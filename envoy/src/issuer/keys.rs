//! RSA keys, and signatures with them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs1v15::{self, Signature};
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer, Verifier};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
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
pub(super) struct SigningKey {
    kid: String,
    signer: pkcs1v15::SigningKey<Sha256>,
    public: RsaPublicKey,
    private_pem: String,
    public_pem: String,
}

// === impl SigningKey ===

impl SigningKey {
    pub(super) fn generate() -> Result<Self, KeyError> {
        Self::new().map_err(KeyError)
    }

    fn new() -> Result<Self, KeyProblem> {
        let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS)?;
        let public = private.to_public_key();
        Ok(Self {
            kid: random::id(),
            private_pem: private.to_pkcs1_pem(LineEnding::LF)?.as_str().to_owned(),
            public_pem: public.to_public_key_pem(LineEnding::LF)?,
            public,
            signer: pkcs1v15::SigningKey::new(private),
        })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// PKCS #1, which is what Zitadel puts into its key files.
    pub(super) fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// The public key as RFC 7517 has it, with the members that Zitadel gives.
    pub(super) fn jwk(&self) -> Value {
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": "RS256",
            "n": BASE64_URL_SAFE_NO_PAD.encode(self.public.n().to_bytes_be()),
            "e": BASE64_URL_SAFE_NO_PAD.encode(self.public.e().to_bytes_be()),
        })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(super) fn rs256(&self, text: &[u8]) -> Vec<u8> {
        self.signer.sign(text).to_vec()
    }

    pub(super) fn verifies_rs256(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = pkcs1v15::VerifyingKey::<Sha256>::new(self.public.clone());
        Signature::try_from(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }

    /// What a verifier accepts that takes the public key for a shared secret: HMAC keyed with the public key's PEM.
    pub(super) fn confused_hs256(&self, text: &[u8]) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(self.public_pem.as_bytes())
            .map(|hmac| hmac.chain_update(text).finalize().into_bytes().to_vec())
            // HMAC takes keys of any length.
            .unwrap_or_default()
    }
}
