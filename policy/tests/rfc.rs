//! Examples from the RFCs: what they sign, and with which keys. Those that use an algorithm that is not ours are
//! refused by its name alone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::{KeySet, KeySetError};
use tollgate_policy::signature;

/// RFC 7515 appendix A.1: HS256.
const HS256: &str = concat!(
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODA",
    "sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_w",
    "W1gFWFOEjXk",
);

/// RFC 7515 appendix A.2: RS256, and the modulus of its key.
const RS256: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF",
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu",
    "3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdi",
    "uB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x",
    "i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A",
    "XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
const RS256_MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz",
    "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6",
    "3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw",
    "Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW",
    "yuXpoQ",
);

/// RFC 7515 appendix A.3: ES256.
const ES256: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF",
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw",
    "5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);

/// RFC 7515 appendix A.4: ES512.
const ES512: &str = concat!(
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1",
    "bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqO",
    "gzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
);

/// RFC 7515 appendix A.5: no signature at all.
const NONE: &str = concat!(
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
);

/// RFC 7520 §4.1: RS256, and the modulus of its key and the next example's.
const COOKBOOK_RS256: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGE",
    "gZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB",
    "0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmc",
    "gd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5ME",
    "aHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4",
    "JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFx",
    "nt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZ",
    "Dnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
);
const COOKBOOK_MODULUS: &str = concat!(
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZ",
    "QHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oB",
    "HqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVb",
    "b9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd",
    "rNP5zw",
);

/// RFC 7520 §4.2: PS384.
const COOKBOOK_PS384: &str = concat!(
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGE",
    "gZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB",
    "0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmc",
    "gd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0k",
    "kOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbX",
    "UvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT",
    "3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKP",
    "bByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
);

/// RFC 7520 §4.3: ES512.
const COOKBOOK_ES512: &str = concat!(
    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGE",
    "gZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB",
    "0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmc",
    "gd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZG",
    "YNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-k",
    "vAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
);

/// RFC 7520 §4.4: HS256.
const COOKBOOK_HS256: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXT",
    "igJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXA",
    "gb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGt",
    "ub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPP",
    "qMDA7g1Md7p0",
);

/// RFC 8037 appendix A.4: EdDSA.
const EDDSA: &str = concat!(
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7",
    "-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
);

fn rsa(modulus: &str) -> Value {
    json!({"kty": "RSA", "n": modulus, "e": "AQAB"})
}

fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// What a token says it is signed with, what it signs, and its signature.
fn parts(token: &str) -> (String, &[u8], Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let header = decode(signed.split_once('.').unwrap().0);
    let header: Value = serde_json::from_slice(&header).unwrap();
    let algorithm = header["alg"].as_str().unwrap().to_owned();
    (algorithm, signed.as_bytes(), decode(signature))
}

fn set(key: &Value) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes())
}

#[test]
fn their_signatures_are_right_and_any_change_makes_them_wrong() {
    for (name, token, key) in [
        ("RS256", RS256, rsa(RS256_MODULUS)),
        ("ES256", ES256, p256()),
        ("RS256", COOKBOOK_RS256, rsa(COOKBOOK_MODULUS)),
        ("PS384", COOKBOOK_PS384, rsa(COOKBOOK_MODULUS)),
        ("EdDSA", EDDSA, ed25519()),
    ] {
        let (said, signed, signature) = parts(token);
        assert_eq!(said, name);
        let algorithm = Algorithm::parse(&said).unwrap();
        let keys = set(&key).unwrap();
        let key = keys.find(algorithm, None).unwrap().public();
        assert!(
            signature::verify(algorithm, key, signed, &signature),
            "{name}"
        );

        assert!(
            !signature::verify(algorithm, key, &signed[1..], &signature),
            "{name}"
        );
        for other in Algorithm::ALL
            .into_iter()
            .filter(|other| *other != algorithm)
        {
            assert!(
                !signature::verify(other, key, signed, &signature),
                "{name} as {other:?}"
            );
        }
        for position in 0..signature.len() {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            assert!(
                !signature::verify(algorithm, key, signed, &changed),
                "{name} {position}"
            );
        }
        for changed in [
            &signature[1..],
            &signature[..signature.len() - 1],
            &[&signature[..], &[0]].concat(),
            &[&[0], &signature[..]].concat(),
            &[],
        ] {
            assert!(
                !signature::verify(algorithm, key, signed, changed),
                "{name} {}",
                changed.len()
            );
        }
    }
}

#[test]
fn other_algorithms_are_none() {
    for (name, token) in [
        ("HS256", HS256),
        ("ES512", ES512),
        ("none", NONE),
        ("ES512", COOKBOOK_ES512),
        ("HS256", COOKBOOK_HS256),
    ] {
        let (said, ..) = parts(token);
        assert_eq!(said, name);
        assert_eq!(Algorithm::parse(&said), None);
    }
}

#[test]
fn keys_for_other_algorithms_are_refused() {
    let p521 = json!({
        "kty": "EC", "crv": "P-521",
        "x": concat!(
            "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4",
            "qUxcWceqwQGk",
        ),
        "y": concat!(
            "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9u",
            "bmf63e3kyMj2",
        ),
    });
    let symmetric = json!({
        "kty": "oct", "alg": "HS256",
        "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    });
    for (key, expected) in [(p521, "P-521"), (symmetric, "oct")] {
        let error = set(&key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// RFC 7517 appendix A.2 and RFC 8037 appendix A.1 print private keys.
#[test]
fn private_keys_are_refused() {
    let mut key = ed25519();
    key["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let error = set(&key).unwrap_err().to_string();
    assert!(error.contains("private"), "{error}");
}
