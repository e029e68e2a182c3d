//! A JWT in JWS compact serialization (RFC 7515 §3.1, RFC 7519 §7.2), taken apart but not yet believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::{memchr, memchr_iter, memrchr};
use serde_json::{Map, Value};

use super::Malformed;
use crate::json::{self, JsonError};

/// A token's three parts as they were sent.
#[derive(Clone, Copy)]
pub(super) struct Compact<'t> {
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
    /// What the signature covers: header, dot and payload as they were sent.
    pub signed: &'t [u8],
}

/// What a token's header says.
pub(super) struct Header {
    /// `alg`.
    pub algorithm: String,
    /// `kid`.
    pub key_id: Option<String>,
}

/// Header parameters that bring a key along, or that change how the token must be read (RFC 7515 §4.1, RFC 7797,
/// RFC 7516 §4.1), and why a token that has one is refused.
const REFUSED_PARAMETERS: [(&str, Malformed); 8] = [
    ("crit", Malformed::Critical),
    ("b64", Malformed::Unencoded),
    ("jwk", Malformed::OwnKey),
    ("jku", Malformed::OwnKey),
    ("x5c", Malformed::OwnKey),
    ("x5u", Malformed::OwnKey),
    ("zip", Malformed::Transformed),
    ("enc", Malformed::Transformed),
];

/// Media types of tokens that are sent with requests, after `application/` (RFC 7519 §5.1, RFC 9068 §2.1). Others, a
/// `logout+jwt` say, are signed by the same issuer with the same key and mean something else.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

// === impl Compact ===

impl<'t> Compact<'t> {
    /// Finds the parts, without looking into them.
    ///
    /// # Errors
    ///
    /// The text is something else.
    pub fn split(token: &'t [u8]) -> Result<Self, Malformed> {
        let Some((signed, signature)) = split_at_dot(token, memrchr(b'.', token)) else {
            return Err(not_compact(token));
        };
        match split_at_dot(signed, memchr(b'.', signed)) {
            Some((header, payload)) if memchr(b'.', payload).is_none() => Ok(Self {
                header,
                payload,
                signature,
                signed,
            }),
            _ => Err(not_compact(token)),
        }
    }

    /// The payload's members.
    ///
    /// # Errors
    ///
    /// It is no JSON object in base64url.
    pub fn claims(self) -> Result<Map<String, Value>, Malformed> {
        object(self.payload, Malformed::Claims)
    }

    /// The signature's bytes; none for an unsecured token.
    ///
    /// # Errors
    ///
    /// It is not base64url.
    pub fn signature(self) -> Result<Vec<u8>, Malformed> {
        base64url(self.signature)
    }

    /// The whole token's length in bytes.
    pub fn size(self) -> usize {
        self.signed.len() + 1 + self.signature.len()
    }
}

fn split_at_dot(text: &[u8], dot: Option<usize>) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(dot?)?;
    Some((before, rest.get(1..)?))
}

fn not_compact(token: &[u8]) -> Malformed {
    if token.starts_with(b"{") {
        Malformed::JsonSerialization
    } else if memchr_iter(b'.', token).take(5).count() == 4 {
        Malformed::Encrypted
    } else {
        Malformed::Parts
    }
}

// === impl Header ===

impl Header {
    /// Reads a token's header.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(token: Compact<'_>) -> Result<Self, Malformed> {
        let header = object(token.header, Malformed::Header)?;
        for (parameter, why) in REFUSED_PARAMETERS {
            if header.contains_key(parameter) {
                return Err(why);
            }
        }
        if !header.get("typ").is_none_or(is_for_requests) {
            return Err(Malformed::Type);
        }
        let Some(Value::String(algorithm)) = header.get("alg") else {
            return Err(Malformed::Algorithm);
        };
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(key_id)) => Some(key_id.clone()),
            Some(_) => return Err(Malformed::KeyId),
        };
        Ok(Self {
            algorithm: algorithm.clone(),
            key_id,
        })
    }
}

fn is_for_requests(r#type: &Value) -> bool {
    const PREFIX: &str = "application/";
    let Value::String(name) = r#type else {
        return false;
    };
    // Media types do not tell case (RFC 2045 §5.1).
    let short = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, short)) if prefix.eq_ignore_ascii_case(PREFIX) => short,
        _ => name,
    };
    TYPES.iter().any(|known| short.eq_ignore_ascii_case(known))
}

fn object(part: &[u8], not_an_object: Malformed) -> Result<Map<String, Value>, Malformed> {
    json::object(&base64url(part)?).map_err(|error| match error {
        JsonError::RepeatedMember => Malformed::RepeatedMember,
        JsonError::TrailingBytes => Malformed::TrailingBytes,
        JsonError::NotAnObject | JsonError::Syntax(_) => not_an_object,
    })
}

/// Strict base64url: no padding, no white space, no stray bits.
fn base64url(part: &[u8]) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| {
        if part.iter().any(u8::is_ascii_whitespace) {
            Malformed::WhiteSpace
        } else if part.contains(&b'=') {
            Malformed::Padding
        } else {
            Malformed::Base64Url
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: &str, payload: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(payload), encode("sig"))
    }

    /// Header, claims and signature.
    type Parts = (Header, Map<String, Value>, Vec<u8>);

    fn parse(token: &str) -> Result<Parts, Malformed> {
        let compact = Compact::split(token.as_bytes())?;
        let header = Header::read(compact)?;
        Ok((header, compact.claims()?, compact.signature()?))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(r#"{"alg":"RS256","kid":"1"}"#, r#"{"iss":"me"}"#);
        let (header, claims, signature) = parse(&token).unwrap();
        assert_eq!(header.algorithm, "RS256");
        assert_eq!(header.key_id.as_deref(), Some("1"));
        assert_eq!(claims["iss"], "me");
        assert_eq!(signature, b"sig");
        let signed = Compact::split(token.as_bytes()).unwrap().signed;
        assert_eq!(token.as_bytes(), [signed, b".c2ln"].concat());
    }

    #[test]
    fn each_attack_on_the_form_is_refused_for_its_own_reason() {
        use Malformed as M;
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        let header = |header: &str| token(header, "{}");
        let with = |parameter: &str| header(&format!(r#"{{"alg":"RS256",{parameter}}}"#));
        for (token, expected) in [
            (String::new(), M::Parts),
            ("..".to_owned(), M::Header),
            ("a.b".to_owned(), M::Parts),
            (format!("{good}.x"), M::Parts),
            (format!("{good}.x.y"), M::Encrypted),
            (format!("{good}.x.y.z"), M::Parts),
            (
                r#"{"payload":"","signatures":[]}"#.to_owned(),
                M::JsonSerialization,
            ),
            (format!("{good}="), M::Padding),
            (good.replacen('.', "=.", 1), M::Padding),
            (format!("{good} "), M::WhiteSpace),
            (good.replacen('.', "\n.", 1), M::WhiteSpace),
            (good.replacen('.', "\t.", 2), M::WhiteSpace),
            (format!("{good}+"), M::Base64Url),
            (format!("{good}\u{e9}"), M::Base64Url),
            // Stray bits: `sig` is `c2ln`, of four characters; one more byte is `eA`, never `eB`.
            (format!("{}eB", good.trim_end_matches("c2ln")), M::Base64Url),
            (header("{}"), M::Algorithm),
            (header(r#"{"alg":1}"#), M::Algorithm),
            (header(r#"{"alg":null}"#), M::Algorithm),
            (header(r#"{"alg":"RS256","alg":"none"}"#), M::RepeatedMember),
            (
                header(r#"{"alg":"RS256","\u0061lg":"none"}"#),
                M::RepeatedMember,
            ),
            (header(r#"{"alg":"RS256"} {}"#), M::TrailingBytes),
            (header("{\"alg\":\"RS256\"}\0"), M::TrailingBytes),
            (header("[]"), M::Header),
            (header("\u{feff}{}"), M::Header),
            (with(r#""kid":1"#), M::KeyId),
            (with(r#""kid":["a"]"#), M::KeyId),
            (with(r#""crit":["exp"]"#), M::Critical),
            (with(r#""crit":[],"b64":false"#), M::Critical),
            (with(r#""b64":false"#), M::Unencoded),
            (with(r#""b64":true"#), M::Unencoded),
            (with(r#""jwk":{"kty":"RSA"}"#), M::OwnKey),
            (with(r#""jku":"https://evil.example/keys""#), M::OwnKey),
            (with(r#""x5u":"https://evil.example/cert""#), M::OwnKey),
            (with(r#""x5c":["MII="]"#), M::OwnKey),
            (with(r#""zip":"DEF""#), M::Transformed),
            (with(r#""enc":"A128GCM""#), M::Transformed),
            (with(r#""typ":"logout+jwt""#), M::Type),
            (with(r#""typ":"dpop+jwt""#), M::Type),
            (with(r#""typ":"JOSE+JSON""#), M::Type),
            (with(r#""typ":"""#), M::Type),
            (with(r#""typ":null"#), M::Type),
            (token(r#"{"alg":"RS256"}"#, "[]"), M::Claims),
            (token(r#"{"alg":"RS256"}"#, ""), M::Claims),
            (
                token(r#"{"alg":"RS256"}"#, r#"{"sub":"a","sub":"b"}"#),
                M::RepeatedMember,
            ),
            (
                token(r#"{"alg":"RS256"}"#, r#"{"a":{"b":1,"b":2}}"#),
                M::RepeatedMember,
            ),
            (token(r#"{"alg":"RS256"}"#, "{}}"), M::TrailingBytes),
        ] {
            assert_eq!(parse(&token).map(|_| ()), Err(expected), "{token}");
        }
    }

    #[test]
    fn types_of_access_and_id_tokens() {
        for name in [
            "JWT",
            "jwt",
            "at+jwt",
            "AT+JWT",
            "application/jwt",
            "Application/at+JWT",
        ] {
            let token = token(&format!(r#"{{"alg":"RS256","typ":"{name}"}}"#), "{}");
            assert!(parse(&token).is_ok(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(token in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Compact::split(&token).and_then(Header::read);
        }

        #[test]
        fn any_parts_are_answered(header in ".{0,40}", payload in ".{0,40}") {
            let _ = parse(&token(&header, &payload));
        }
    }
}
