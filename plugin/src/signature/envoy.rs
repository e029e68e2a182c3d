//! Envoy's function `verify_signature` (`source/extensions/common/wasm/foreign.cc`), on BoringSSL.

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::PublicKey;
use tollgate_policy::signature;

use super::message::{self, Arguments};
use crate::host;

/// Whether it verifies signatures of this algorithm. It knows no padding for RSA but that of PKCS#1 v1.5, and gives up
/// on Ed25519.
pub(super) fn verifies(algorithm: Algorithm) -> bool {
    hash(algorithm).is_some()
}

/// Whether `signature` over `signed` is the key's.
///
/// # Errors
///
/// There is no such function, or it did not understand the call.
pub(super) fn verify(
    algorithm: Algorithm,
    key: &PublicKey,
    signed: &[u8],
    signature: &[u8],
) -> host::Result<bool> {
    // It takes whatever the key says it is, so what the token says it is must be the same.
    let (true, Some(hash), Some(spki)) = (key.fits(algorithm), hash(algorithm), key.spki()) else {
        return Ok(false);
    };
    let der;
    let signature = match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => {
            // What can be nobody's signature costs no call.
            let Some(converted) = signature::ecdsa_der(algorithm, signature) else {
                return Ok(false);
            };
            der = converted;
            der.as_slice()
        }
        _ => signature,
    };
    let arguments = Arguments {
        hash,
        public_key: spki,
        signature,
        text: signed,
    };
    host::call("verify_signature", &arguments.write()).map(|result| message::is_verified(&result))
}

/// The hash, by the name that Envoy gives it.
fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}
