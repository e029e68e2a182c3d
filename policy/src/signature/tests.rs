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

/// A modulus of 2049 bits.
const MODULUS_2049: &str = concat!(
    "AYlFap8MvyYwhY7y2k2OHsOstB2JPt3nbGddVq7_040_AMAWxvTue7PQgH1BqGBtzYxCHLRZUzat_BIXVxjb",
    "X1QaAwwpyuJZij0vP_59cBifLX3dM4a9_CWUDt_eyuk87gB5NVXunZ-yaoMxeNDFz4F3N2dlwl8prXPlZlWm",
    "CU-QcMVsnj6tohxow29D-z7y2ZlXTF0k3AD6uPlFxo_JprFywGsBAUy_n5FiFREFfkOMmq7wuxUvuwy8JwdW",
    "BN2lTr72J-TbaDklc3yfRt9X--AnCe5uATa5f7JnEc9mD3DiDYavGkR2riozvEhfhpe83Bqv5W6cAthIhQxk",
    "OxkxKGU",
);

/// PS256 over `signed by a key of 2049 bits`, verified with openssl.
const PS256_2049: &str = concat!(
    "ANSskvWCEq-rbJd62PxoC0qX54d7w8Gp6f7xjLteFI54D7jtJKNM4b2CP6k_925JMUBi83meDn0_53SwhwM7",
    "PDVqcefZ4rSgzFYu8eqFBiZakylu0eet9GVBsZ0ft3fWgBadQFsV1EEue3-N22IfB-ywbs18X29KK2ofiEzp",
    "Aca7gzGHSJhLjS8ivlSLP7H65ecCxdhlkItbjLLpmXkijP4ABHCVQu4BfIup2MmBHNdLPpasdqBdUR8HadOH",
    "O-AZ-4GBEAsKZE_5oq9s5wkPCnXyEl-T_IfWt8y01xqfyfM7ThD7Is6WaNPTnCAoPM2Znq-kt5i3solJpW66",
    "TBSmptc",
);

/// The same with a bit set in the byte before the encoded message, which openssl refuses.
const PS256_2049_LONGER: &str = concat!(
    "AVKjoCUM6See_ijAZZQzxlw0tWGesTGbWwQqOLRyJ1lPsHPzwlxvijnVdxiI2e2NXxpW_7w5se2YG-uZMILx",
    "9yPm4mmSu6GNHmxP2ZU0HcqZQQPCiHxzJb095oDn0hDvSTsvVX11TU5iv2gCtF4Ob2WBcdaAoek-_k75qk6F",
    "a4D7uOA04llEoWf6tLwWsNlVeYX9HuWWduHJ5vEU2I8FywTlVrVuOaaNMrRRzIHZLWN_Qac-t3Zj5_7h4sf9",
    "uoUtacFSJEJcjoj3ZQsOGMabP2HxjnEmm2QGxKevBB_eVkQqx1x__Ofb2wpVM4_8gLp2a4T6JZnQVIh6Z-mw",
    "eUEMQ_k",
);

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

#[test]
fn a_key_with_one_bit_more_than_bytes_signs_messages_without_it() {
    let jwk = json!({"kty": "RSA", "n": MODULUS_2049, "e": "AQAB"});
    let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let key = keys.find(Algorithm::Ps256, None).unwrap().public();
    for (signature, right) in [(PS256_2049, true), (PS256_2049_LONGER, false)] {
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let found = verify(
            Algorithm::Ps256,
            key,
            b"signed by a key of 2049 bits",
            &signature,
        );
        assert_eq!(found, right);
    }
}
