//! Envoy's foreign function `verify_signature` (`source/extensions/common/wasm/foreign.cc`): what it takes, what it
//! gives, and where it is not what it should be.

mod message;
mod verify;

use message::Arguments;
use verify::Key;

/// What a host has for `verify_signature`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifySignature {
    /// Envoy's.
    #[default]
    Works,
    /// Nothing: another host, or an Envoy that was built without it.
    Missing,
    /// Something that says yes to everything.
    Accepts,
    /// Something that says no to everything.
    Refuses,
}

/// Answers a call; nothing is `BadArgument`.
pub(crate) fn answer(arguments: &[u8]) -> Option<Vec<u8>> {
    let arguments = Arguments::read(arguments)?;
    let key = match (arguments.public_key, arguments.public_key_pem) {
        (Some(der), None) => Key::from_der(der),
        (None, Some(pem)) => Key::from_pem(pem),
        _ => return None,
    };
    let Some(key) = key else {
        return Some(message::failure("Failed to initialize digest verify."));
    };
    Some(match key.holds(&arguments) {
        Ok(true) => message::VERIFIED.to_vec(),
        Ok(false) => message::failure("Failed to verify digest. Error code: 0"),
        Err(verify::UnknownHash(name)) => message::failure(&format!("{name} is not supported.")),
    })
}

/// An answer to everything.
pub(crate) fn always(yes: bool) -> Vec<u8> {
    if yes {
        message::VERIFIED.to_vec()
    } else {
        message::failure("Failed to verify digest. Error code: 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Key as Signer, Token};

    fn call(key: &[u8], hash: &[u8], signature: &[u8], text: &[u8]) -> Vec<u8> {
        answer(&message::write(&[
            (1, hash),
            (2, key),
            (3, signature),
            (4, text),
        ]))
        .unwrap()
    }

    #[test]
    fn a_signature_holds_for_its_key_text_and_hash_only() {
        for (signer, algorithm, hash) in [
            (Signer::Rsa1, "RS256", &b"sha256"[..]),
            (Signer::Rsa1, "RS384", b"SHA384"),
            (Signer::Rsa1, "RS512", b"sha512"),
            (Signer::P256, "ES256", b"sha256"),
            (Signer::P384, "ES384", b"sha384"),
        ] {
            let key = signer.spki();
            let signature = signer.sign_for_envoy(algorithm, b"text");
            let verify = |hash, key, text| call(key, hash, &signature, text);
            assert_eq!(verify(hash, &key, b"text"), [8, 1], "{algorithm}");
            for wrong in [
                verify(hash, &key, b"texT"),
                verify(hash, &Signer::Rsa2.spki(), b"text"),
                verify(b"sha1", &key, b"text"),
                verify(algorithm.as_bytes(), &key, b"text"),
                verify(b"", &key, b"text"),
                verify(hash, b"garbage", b"text"),
                call(&key, hash, b"", b"text"),
            ] {
                assert_ne!(wrong, [8, 1], "{algorithm}");
            }
        }
    }

    #[test]
    fn what_envoy_cannot_do_never_holds() {
        for (signer, algorithm, hash) in [
            (Signer::Rsa1, "PS256", &b"sha256"[..]),
            (Signer::Ed25519, "EdDSA", b"sha512"),
            // As JWS has them; Envoy wants DER.
            (Signer::P256, "ES256", b"sha256"),
            (Signer::P384, "ES384", b"sha384"),
        ] {
            let signature = signer.sign(algorithm, b"text");
            let verified = call(&signer.spki(), hash, &signature, b"text");
            assert_ne!(verified, [8, 1], "{algorithm}");
        }
    }

    #[test]
    fn a_call_without_a_key_or_with_two_is_refused() {
        let key = Signer::Rsa1.spki();
        assert_eq!(answer(&message::write(&[(1, b"sha256")])), None);
        assert_eq!(answer(&message::write(&[(2, &key), (5, b"pem")])), None);
        assert_eq!(answer(b"\xff"), None);
    }

    #[test]
    fn tokens_differ_by_algorithm() {
        let token = Token::by("ES384");
        assert_eq!(token.signed().rsplit_once('.').unwrap().1.len(), 128);
    }
}
