//! Envoy's foreign function `verify_signature`, for RSA (`source/extensions/common/wasm/foreign.cc`).

use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::{AssociatedOid, DecodePublicKey};
use rsa::sha2::digest::Digest;
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::Verifier;

/// `VerifySignatureArguments`.
#[derive(Default)]
struct Arguments<'a> {
    hash: &'a [u8],
    public_key: Option<&'a [u8]>,
    signature: &'a [u8],
    text: &'a [u8],
    public_key_pem: Option<&'a [u8]>,
}

/// Answers a call; nothing is `BadArgument`.
pub(crate) fn answer(arguments: &[u8]) -> Option<Vec<u8>> {
    let arguments = read(arguments)?;
    let key = match (arguments.public_key, arguments.public_key_pem) {
        (Some(der), None) => RsaPublicKey::from_public_key_der(der).ok(),
        (None, Some(pem)) => str::from_utf8(pem)
            .ok()
            .and_then(|pem| RsaPublicKey::from_public_key_pem(pem).ok()),
        _ => return None,
    };
    let Some(key) = key else {
        return Some(failure("Failed to initialize digest verify."));
    };
    let holds = match arguments.hash.to_ascii_lowercase().as_slice() {
        b"sha256" => holds::<Sha256>(key, &arguments),
        b"sha384" => holds::<Sha384>(key, &arguments),
        b"sha512" => holds::<Sha512>(key, &arguments),
        other => {
            let name = String::from_utf8_lossy(other).into_owned();
            return Some(failure(&format!("{name} is not supported.")));
        }
    };
    Some(if holds {
        vec![0x08, 0x01]
    } else {
        failure("Failed to verify digest. Error code: 0")
    })
}

fn holds<D: Digest + AssociatedOid>(key: RsaPublicKey, arguments: &Arguments<'_>) -> bool {
    Signature::try_from(arguments.signature).is_ok_and(|signature| {
        VerifyingKey::<D>::new(key)
            .verify(arguments.text, &signature)
            .is_ok()
    })
}

/// `VerifySignatureResult`: `result` is left out, being false; `error` is field 2.
fn failure(error: &str) -> Vec<u8> {
    let mut message = vec![2 << 3 | 2, u8::try_from(error.len()).unwrap_or(0)];
    message.extend_from_slice(error.as_bytes());
    message
}

fn read(message: &[u8]) -> Option<Arguments<'_>> {
    let mut arguments = Arguments::default();
    let mut rest = message;
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        let size = usize::try_from(number(&mut rest)?).ok()?;
        let value = rest.split_off(..size)?;
        match tag {
            0x0a => arguments.hash = value,
            0x12 => arguments.public_key = Some(value),
            0x1a => arguments.signature = value,
            0x22 => arguments.text = value,
            0x2a => arguments.public_key_pem = Some(value),
            _ => return None,
        }
    }
    Some(arguments)
}

/// A varint.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens;

    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let mut message = Vec::new();
        for (field, value) in fields {
            message.push(field << 3 | 2);
            let size = value.len();
            message.extend([
                u8::try_from(size & 0x7f).unwrap() | 0x80,
                u8::try_from(size >> 7).unwrap(),
            ]);
            message.extend_from_slice(value);
        }
        message
    }

    #[test]
    fn a_signature_holds_for_its_key_and_text_only() {
        let (key, other) = (tokens::public_key(1), tokens::public_key(2));
        let signature = tokens::sign(1, b"text");
        let verify = |hash: &[u8], key: &[u8], text: &[u8]| {
            answer(&message(&[(1, hash), (2, key), (3, &signature), (4, text)])).unwrap()
        };
        assert_eq!(verify(b"sha256", &key, b"text"), [8, 1]);
        assert_ne!(verify(b"sha256", &key, b"texT"), [8, 1]);
        assert_ne!(verify(b"sha256", &other, b"text"), [8, 1]);
        assert_ne!(verify(b"sha512", &key, b"text"), [8, 1]);
        assert_ne!(verify(b"RS256", &key, b"text"), [8, 1]);
        assert_ne!(verify(b"sha256", b"garbage", b"text"), [8, 1]);
    }

    #[test]
    fn a_call_without_a_key_or_with_two_is_refused() {
        let key = tokens::public_key(1);
        assert_eq!(answer(&message(&[(1, b"sha256")])), None);
        assert_eq!(answer(&message(&[(2, &key), (5, b"pem")])), None);
        assert_eq!(answer(b"\xff"), None);
    }
}
