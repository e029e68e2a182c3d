use super::*;
use crate::keys::KeySet;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

/// A signature by openssl (`openssl dgst -sha256 -sign`) as JWS has it, and as openssl wrote it.
const ES256: [&str; 2] = [
    "puDnvryXEXpHWR3IIFgLKWBslgJZaiHvmR8H3a6B_adjR72l97aqh6ED2zfynymQOVd53fHakH8MW3IsXcdHrg",
    concat!(
        "MEUCIQCm4Oe+vJcRekdZHcggWAspYGyWAllqIe+ZHwfdroH9pwIgY0e9pfe2qoehA9s38p8pkDlXed3x2pB/",
        "DFtyLF3HR64=",
    ),
];
const ES384: [&str; 2] = [
    concat!(
        "gTJ-4byktX54KNj_OTTSI77D5swtphBnR-wnBMV-9eGNboZrywt-1_L_YeA-eevga8V-ymWzG7dGfoQlz6r5",
        "Ok4F0mtR5Cq3VQ_elMZzl3emmKkNj-NTQXMl3EuxkypB",
    ),
    concat!(
        "MGUCMQCBMn7hvKS1fngo2P85NNIjvsPmzC2mEGdH7CcExX714Y1uhmvLC37X8v9h4D556+ACMGvFfsplsxu3",
        "Rn6EJc+q+TpOBdJrUeQqt1UP3pTGc5d3ppipDY/jU0FzJdxLsZMqQQ==",
    ),
];

#[test]
fn the_der_is_openssls() {
    for (algorithm, [jws, der]) in [(Algorithm::Es256, ES256), (Algorithm::Es384, ES384)] {
        let signature = URL_SAFE_NO_PAD.decode(jws).unwrap();
        let expected = STANDARD.decode(der).unwrap();
        assert_eq!(ecdsa_der(algorithm, &signature), Some(expected));
    }
}

#[test]
fn what_can_be_nobodys_signature_has_no_der() {
    let good = URL_SAFE_NO_PAD.decode(ES256[0]).unwrap();
    let zero = [0; 32];
    // The order of P-256 itself.
    let order = [
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0][..],
        &[0xff; 8],
        b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    ]
    .concat();
    for signature in [
        &[][..],
        &good[..63],
        &[&good[..], &[0]].concat(),
        &[&zero, &good[32..]].concat(),
        &[&good[..32], &zero].concat(),
        &[&order, &good[32..]].concat(),
        &[&good[..32], &order].concat(),
    ] {
        assert_eq!(ecdsa_der(Algorithm::Es256, signature), None);
    }
    assert_eq!(ecdsa_der(Algorithm::Es384, &good), None);
    assert_eq!(ecdsa_der(Algorithm::Rs256, &good), None);
}

/// Signatures by openssl over `signed by openssl`, with the keys that made them.
#[test]
fn openssls_signatures_are_right_and_one_bit_makes_them_wrong() {
    let p256 = json!({
        "kty": "EC", "crv": "P-256",
        "x": "4PGMV5DuTgbgG1rGNJWjNlhK4ZLKNnNdOfwCT4v5qqc",
        "y": "5p-0s1SH6KXXfah0mfa0aABf2uJERE89Su4e9wOGyu0",
    });
    let p384 = json!({
        "kty": "EC", "crv": "P-384",
        "x": "4fxtuDxvFX0o9xTojGb8Mh8JQeblyx27Cd6j5wgAinxHyXFORW5GqZWp2IaMgG-M",
        "y": "SzkiL9OViubXE3SEzgsvHtMfgst4bioXWB9QlMIGscoOeUpczAzu_BYnt9S8kfHu",
    });
    let keys = KeySet::parse(json!({"keys": [p256, p384]}).to_string().as_bytes()).unwrap();
    for (algorithm, [jws, _]) in [(Algorithm::Es256, ES256), (Algorithm::Es384, ES384)] {
        let key = keys.find(algorithm, None).unwrap().public();
        let verify = |signature: &[u8]| verify(algorithm, key, b"signed by openssl", signature);
        let mut signature = URL_SAFE_NO_PAD.decode(jws).unwrap();
        assert!(verify(&signature));
        signature[5] ^= 1;
        assert!(!verify(&signature));
    }
}
