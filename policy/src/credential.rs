//! Who says so? The credential in `Authorization` (step 5).

use memchr::memchr;

use crate::refusal::Code;
use crate::request::Field;

/// The token of the one `Authorization: Bearer` header (RFC 6750 §2.1).
///
/// Envoy joins repeated `Authorization` headers with a comma before a filter sees them, so a second credential
/// shows as a comma, which no bearer token contains.
///
/// # Errors
///
/// [`Code::TokenMissing`] or [`Code::TokenDuplicate`].
pub fn bearer(authorization: Field<'_>) -> Result<&[u8], Code> {
    let value = match authorization {
        Field::Missing => return Err(Code::TokenMissing),
        Field::One(value) => value,
        Field::Many => return Err(Code::TokenDuplicate),
    };
    if memchr(b',', value).is_some() {
        let bearers = value.split(|byte| *byte == b',').filter_map(token).count();
        return Err(if bearers == 0 {
            // One credential of another scheme, with parameters.
            Code::TokenMissing
        } else {
            Code::TokenDuplicate
        });
    }
    match token(value) {
        None | Some([]) => Err(Code::TokenMissing),
        Some(token) => Ok(token),
    }
}

/// The token behind the scheme, whose case does not matter (RFC 9110 §11.1).
fn token(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.trim_ascii().split_at_checked(6)?;
    match token {
        [] => Some(token),
        [b' ', ..] => Some(token.trim_ascii_start()),
        _ => None,
    }
    .filter(|_| scheme.eq_ignore_ascii_case(b"bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token() {
        for (value, expected) in [
            ("Bearer abc", Ok("abc")),
            ("bearer abc", Ok("abc")),
            ("BEARER  abc ", Ok("abc")),
            ("Bearer", Err(Code::TokenMissing)),
            ("Bearer ", Err(Code::TokenMissing)),
            ("Bearerabc", Err(Code::TokenMissing)),
            ("", Err(Code::TokenMissing)),
            ("abc", Err(Code::TokenMissing)),
            ("Basic YTpi", Err(Code::TokenMissing)),
            ("Digest a=b, c=d", Err(Code::TokenMissing)),
            ("Bearer a,Bearer b", Err(Code::TokenDuplicate)),
            ("Bearer a, Basic b", Err(Code::TokenDuplicate)),
            ("Basic a,Bearer b", Err(Code::TokenDuplicate)),
            ("Bearer a,", Err(Code::TokenDuplicate)),
        ] {
            let expected = expected.map(str::as_bytes);
            assert_eq!(bearer(Field::One(value.as_bytes())), expected, "{value:?}");
        }
        assert_eq!(bearer(Field::Missing), Err(Code::TokenMissing));
        assert_eq!(bearer(Field::Many), Err(Code::TokenDuplicate));
    }
}
