//! Does the host verify signatures? Asked with answers that are known: those of RFC 7515.
//!
//! Some hosts have no such function, and one could have another with the same name. A yes to all questions would let
//! everybody in, and a no would lock everybody out; either way the module then verifies by itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::KeySet;

use super::envoy;

/// RFC 7515 appendix A.2.
const RS256: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF",
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu",
    "3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdi",
    "uB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x",
    "i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A",
    "XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);

/// RFC 7515 appendix A.3.
const ES256: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF",
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw",
    "5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);

/// The keys of both.
const KEYS: &str = concat!(
    r#"{"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoT"#,
    r#"bji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_Yp"#,
    r#"RPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQ"#,
    r#"OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"#,
    r#"WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},{"kty":"EC","crv""#,
    r#":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_t"#,
    r#"ue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
);

/// Whether it says yes and no where it should, for each kind of key.
pub(super) fn host_works() -> bool {
    let Ok(keys) = KeySet::parse(KEYS.as_bytes()) else {
        return false;
    };
    [(Algorithm::Rs256, RS256), (Algorithm::Es256, ES256)]
        .into_iter()
        .all(|(algorithm, token)| answers_rightly(&keys, algorithm, token) == Some(true))
}

fn answers_rightly(keys: &KeySet, algorithm: Algorithm, token: &str) -> Option<bool> {
    let key = keys.find(algorithm, None)?.public();
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let verify = |signed: &str| envoy::verify(algorithm, key, signed.as_bytes(), &signature).ok();
    let right = verify(signed)?;
    let wrong = verify(signed.get(1..)?)?;
    Some(right && !wrong)
}
