use super::*;
use crate::testing::{RSA_1024_N, RSA_N, RSA_SPKI, jwk};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

/// Keys made for these tests; the DER is openssl's (`openssl pkey -pubout -outform DER`), in base64.
const P256: [&str; 3] = [
    "4PGMV5DuTgbgG1rGNJWjNlhK4ZLKNnNdOfwCT4v5qqc",
    "5p-0s1SH6KXXfah0mfa0aABf2uJERE89Su4e9wOGyu0",
    concat!(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4PGMV5DuTgbgG1rGNJWjNlhK4ZLKNnNdOfwCT4v5qqfmn7Sz",
        "VIfopdd9qHSZ9rRoAF/a4kRETz1K7h73A4bK7Q==",
    ),
];
const P384: [&str; 3] = [
    "4fxtuDxvFX0o9xTojGb8Mh8JQeblyx27Cd6j5wgAinxHyXFORW5GqZWp2IaMgG-M",
    "SzkiL9OViubXE3SEzgsvHtMfgst4bioXWB9QlMIGscoOeUpczAzu_BYnt9S8kfHu",
    concat!(
        "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE4fxtuDxvFX0o9xTojGb8Mh8JQeblyx27Cd6j5wgAinxHyXFORW5G",
        "qZWp2IaMgG+MSzkiL9OViubXE3SEzgsvHtMfgst4bioXWB9QlMIGscoOeUpczAzu/BYnt9S8kfHu",
    ),
];
/// RFC 8037 appendix A.2.
const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": P256[0], "y": P256[1]})
}

fn p384() -> Value {
    json!({"kty": "EC", "crv": "P-384", "x": P384[0], "y": P384[1]})
}

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519})
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

fn set(keys: &Value) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// The algorithms that a set of this one key may be used with.
fn allowed(jwk: Value) -> Vec<Algorithm> {
    let keys = set(&json!([jwk])).unwrap();
    let mut all = Algorithm::ALL.to_vec();
    all.retain(|algorithm| keys.find(*algorithm, None).is_some());
    all
}

#[test]
fn a_key_is_found_by_its_id() {
    let keys = set(&json!([jwk("1"), jwk("2")])).unwrap();
    assert!(keys.find(Algorithm::Rs256, Some("2")).is_some());
    assert!(keys.find(Algorithm::Rs256, Some("3")).is_none());
}

#[test]
fn without_an_id_only_a_single_key_will_do() {
    let one = set(&json!([jwk("1")])).unwrap();
    assert!(one.find(Algorithm::Rs256, None).is_some());
    let two = set(&json!([jwk("1"), jwk("2")])).unwrap();
    assert!(two.find(Algorithm::Rs256, None).is_none());
    let other_types = set(&json!([jwk("1"), p256(), p384(), ed25519()])).unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        assert!(other_types.find(algorithm, None).is_some());
    }
}

#[test]
fn of_keys_with_one_id_the_one_for_the_algorithm_is_found() {
    let same = |jwk| with(jwk, "kid", "same");
    let keys = set(&json!([same(p256()), same(p384()), same(ed25519())])).unwrap();
    let ed25519 = keys.find(Algorithm::EdDsa, Some("same")).unwrap();
    assert!(matches!(ed25519.public().material, Material::Ed25519(_)));
}

#[test]
fn a_key_is_for_the_algorithms_of_its_type() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let mut rsa = jwk("1");
    rsa.as_object_mut().unwrap().remove("alg");
    let all_of_rsa = [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
    assert_eq!(allowed(rsa.clone()), all_of_rsa);
    assert_eq!(allowed(p256()), [Es256]);
    assert_eq!(allowed(p384()), [Es384]);
    assert_eq!(allowed(ed25519()), [EdDsa]);
    for algorithm in all_of_rsa {
        let only = with(rsa.clone(), "alg", algorithm.as_str());
        assert_eq!(allowed(only), [algorithm]);
    }
}

#[test]
fn the_der_is_what_openssl_writes() {
    for (jwk, expected) in [(jwk("1"), RSA_SPKI), (p256(), P256[2]), (p384(), P384[2])] {
        let keys = set(&json!([jwk])).unwrap();
        let expected = STANDARD.decode(expected).unwrap();
        assert_eq!(keys.0[0].public().spki(), Some(&expected[..]));
    }
    let keys = set(&json!([ed25519()])).unwrap();
    assert_eq!(keys.0[0].public().spki(), None);
}

#[test]
fn leading_zeros_of_an_rsa_number_change_nothing() {
    let zeros = with(jwk("1"), "e", "AAEAAQ");
    assert_eq!(
        set(&json!([zeros])).unwrap().0,
        set(&json!([jwk("1")])).unwrap().0
    );
}

#[test]
fn unusable_keys_do_not_spoil_the_others() {
    let keys = json!([1, {}, {"kty": "EC", "crv": "P-256"}, {"kty": "oct", "k": "AA"}, jwk("1")]);
    let keys = set(&keys).unwrap();
    assert_eq!(keys.len(), 1);
    assert!(keys.find(Algorithm::Rs256, Some("1")).is_some());
}

#[test]
fn a_key_must_be_for_verifying_and_sound() {
    let short = "4PGMV5DuTgbgG1rGNJWjNlhK4ZLKNnNdOfwCT4v5qg";
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    // p + 1, which is the point 1 again.
    let unreduced = "7v_______________________________________38";
    let table = [
        (
            with(jwk("1"), "kty", "oct"),
            "`kty` \"oct\" is not supported",
        ),
        (with(jwk("1"), "kty", 1), "`kty` is missing or not a string"),
        (with(jwk("1"), "use", "enc"), "does not allow"),
        (
            with(jwk("1"), "key_ops", json!(["encrypt"])),
            "does not allow",
        ),
        (with(jwk("1"), "key_ops", "verify"), "does not allow"),
        (
            with(jwk("1"), "alg", "HS256"),
            "`alg` \"HS256\" is not supported",
        ),
        (with(jwk("1"), "alg", "RSA-OAEP"), "`alg` \"RSA-OAEP\""),
        (with(jwk("1"), "alg", Value::Null), "`alg`"),
        (
            with(jwk("1"), "alg", "ES256"),
            "`alg` ES256 is not for a key of its type",
        ),
        (with(p256(), "alg", "ES384"), "`alg` ES384 is not for"),
        (with(p256(), "alg", "RS256"), "`alg` RS256 is not for"),
        (with(p384(), "alg", "EdDSA"), "`alg` EdDSA is not for"),
        (with(ed25519(), "alg", "ES256"), "`alg` ES256 is not for"),
        (with(jwk("1"), "kid", 1), "`kid`"),
        (with(jwk("1"), "n", RSA_1024_N), "2048"),
        (with(jwk("1"), "n", "_".repeat(1368)), "8192"),
        (
            with(jwk("1"), "n", format!("{RSA_N}=")),
            "`n` is not base64url",
        ),
        (with(jwk("1"), "n", format!("{}g", &RSA_N[..341])), "even"),
        (with(jwk("1"), "e", ""), "exponent"),
        (with(jwk("1"), "e", "AQ"), "exponent"),
        (with(jwk("1"), "e", "Ag"), "exponent"),
        (with(jwk("1"), "e", "AQAAAAE"), "exponent"),
        (with(jwk("1"), "d", "AA"), "`d` is part of the private key"),
        (with(jwk("1"), "p", "AA"), "`p` is part of the private key"),
        (
            with(p256(), "d", Value::Null),
            "`d` is part of the private key",
        ),
        (with(ed25519(), "d", "AA"), "`d` is part of the private key"),
        (
            with(p256(), "crv", "P-521"),
            "`crv` \"P-521\" is not supported",
        ),
        (with(p256(), "crv", "secp256k1"), "`crv` \"secp256k1\""),
        (
            with(p256(), "crv", "P-384"),
            "P-384 key is not usable: `x` or `y` is not as long",
        ),
        (with(p256(), "x", short), "not as long"),
        (with(p256(), "x", format!("AA{}", P256[0])), "base64url"),
        (with(p256(), "y", P384[0]), "not as long"),
        (with(p256(), "y", P256[0]), "not on the curve"),
        (
            with(with(p256(), "x", zeros), "y", zeros),
            "not on the curve",
        ),
        (with(p384(), "y", P384[0]), "not on the curve"),
        (with(ed25519(), "crv", "Ed448"), "`crv` \"Ed448\""),
        (with(ed25519(), "crv", "X25519"), "`crv` \"X25519\""),
        (with(ed25519(), "x", short), "32 bytes"),
        (with(ed25519(), "x", zeros), "small order"),
        (with(ed25519(), "x", unreduced), "small order"),
    ];
    for (jwk, expected) in table {
        let error = set(&json!([jwk])).expect_err(expected).to_string();
        assert!(error.contains(expected), "{jwk}: {error}");
    }
}

#[test]
fn an_edwards_point_has_one_encoding_and_a_large_order() {
    let read = |bytes: [u8; 32]| {
        let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        set(&json!([with(ed25519(), "x", x)]))
    };
    let number = |low: u8, sign: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f | sign;
        bytes
    };
    // What is not less than p = 2^255 - 19, with either sign: no number, some points.
    for low in 0xed..=0xff {
        for sign in [0, 0x80] {
            assert!(read(number(low, sign)).is_err(), "{low:x} {sign:x}");
        }
    }
    // The eight points of small order (RFC 7748 §7 names the torsion), those that are not among the above.
    let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let order_8 = |flip: u8| {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(order_8.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        bytes[31] ^= flip;
        bytes
    };
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one, number(0xec, 0), order_8(0), order_8(0x80)] {
        let error = read(weak).unwrap_err().to_string();
        assert!(error.contains("small order"), "{error}");
    }
}

#[test]
fn a_key_that_stays_is_the_very_one() {
    let first = set(&json!([jwk("1"), p256()])).unwrap();
    let old = Arc::clone(first.find(Algorithm::Rs256, Some("1")).unwrap());
    assert!(first.contains(&old));

    let apart = set(&json!([jwk("1")])).unwrap();
    assert!(!apart.contains(&old));

    let next = set(&json!([p384(), jwk("1")])).unwrap().sharing(&first);
    assert!(next.contains(&old));
    assert!(Arc::ptr_eq(
        &old,
        next.find(Algorithm::Rs256, Some("1")).unwrap()
    ));
}

#[test]
fn a_key_that_changes_in_any_way_is_another() {
    let first = set(&json!([jwk("1")])).unwrap();
    let old = Arc::clone(first.find(Algorithm::Rs256, Some("1")).unwrap());
    for changed in [
        jwk("2"),
        with(jwk("1"), "alg", "RS384"),
        with(jwk("1"), "e", "Aw"),
    ] {
        let next = set(&json!([changed])).unwrap().sharing(&first);
        assert!(!next.contains(&old), "{changed}");
    }
}

#[test]
fn a_key_whose_text_is_no_good_does_not_spoil_the_others() {
    let good = jwk("1");
    for bad in [
        r#"{"kty":"RSA","kty":"EC"}"#,
        r#"{"kty":"RSA","x":1e999}"#,
        r#"{"kty":"\ud800"}"#,
        "7",
        "null",
        "[]",
    ] {
        let text = format!(r#"{{"keys":[{bad},{good}],"next":1e999}}"#);
        let keys = KeySet::parse(text.as_bytes()).expect(bad);
        assert_eq!(keys.len(), 1, "{bad}");
    }
}

#[test]
fn what_a_key_says_of_itself_is_shown_in_part() {
    let long = with(jwk("1"), "kty", "x".repeat(100_000));
    let error = set(&json!([long])).unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
    let no_list = json!({"keys": "x".repeat(100_000)}).to_string();
    let error = KeySet::parse(no_list.as_bytes()).unwrap_err().to_string();
    assert!(error.len() < 300, "{error}");
}

#[test]
fn what_is_no_key_set_is_refused() {
    let large = vec![b' '; MAX_BYTES + 1];
    assert_eq!(
        KeySet::parse(&large).err(),
        Some(KeySetError::TooLarge(MAX_BYTES + 1))
    );
    let many = |number| json!({"keys": vec![ed25519(); number]}).to_string();
    assert!(KeySet::parse(many(MAX_KEYS).as_bytes()).is_ok());
    assert_eq!(
        KeySet::parse(many(MAX_KEYS + 1).as_bytes()).err(),
        Some(KeySetError::TooMany(MAX_KEYS + 1))
    );
    for text in ["", "<html>", r#"{"keys":[]"#, r#"{"keys":[]} {}"#] {
        let error = KeySet::parse(text.as_bytes()).expect_err(text);
        assert!(matches!(error, KeySetError::NotJson(_)), "{text}: {error}");
    }
    for text in [
        "[]",
        "[[{}]]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        let error = KeySet::parse(text.as_bytes()).expect_err(text);
        assert!(
            matches!(error, KeySetError::NotAKeySet(_)),
            "{text}: {error}"
        );
    }
    let empty = KeySet::parse(br#"{"keys":[]}"#).expect_err("empty");
    assert!(matches!(empty, KeySetError::NoUsableKey { found: 0, .. }));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = KeySet::parse(&text);
    }

    #[test]
    fn any_members_are_answered(
        kty in "RSA|EC|OKP|oct",
        crv in "P-256|P-384|Ed25519|x",
        one in "[A-Za-z0-9_=-]{0,66}",
        other in "[A-Za-z0-9_=-]{0,66}",
    ) {
        let _ = set(&json!([{"kty": kty, "crv": crv, "n": one, "e": other, "x": one, "y": other}]));
    }
}
