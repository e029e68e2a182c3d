//! A JWT in JWS compact serialization (RFC 7515 §3.1, RFC 7519 §7.2), taken apart but not yet believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::json;
use crate::refusal::Code;

/// The parts of a token whose form is right.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    /// `alg`.
    pub algorithm: String,
    /// `kid`.
    pub key_id: Option<String>,
    /// The payload's members.
    pub claims: Map<String, Value>,
    /// What the signature covers: header, dot and payload as they were sent.
    pub signed: &'a [u8],
    /// The signature's bytes; empty for an unsecured token.
    pub signature: Vec<u8>,
}

/// Header parameters that bring a key along, or that change how the token must be read (RFC 7515 §4.1, RFC 7797).
const REFUSED_PARAMETERS: [&str; 7] = ["crit", "b64", "jwk", "jku", "x5c", "x5u", "zip"];

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// [`Code::TokenMalformed`].
    pub fn parse(token: &'a [u8]) -> Result<Self, Code> {
        Self::take_apart(token).ok_or(Code::TokenMalformed)
    }

    fn take_apart(token: &'a [u8]) -> Option<Self> {
        let last_dot = token.iter().rposition(|byte| *byte == b'.')?;
        let signed = token.get(..last_dot)?;
        let signature = token.get(last_dot + 1..)?;
        let first_dot = signed.iter().position(|byte| *byte == b'.')?;
        let header = signed.get(..first_dot)?;
        // A dot in the payload would be a JWE (RFC 7516 §3.1); base64url refuses it.
        let payload = signed.get(first_dot + 1..)?;

        let header = json::object(&decode(header)?).ok()?;
        if REFUSED_PARAMETERS
            .iter()
            .any(|parameter| header.contains_key(*parameter))
        {
            return None;
        }
        let Value::String(algorithm) = header.get("alg")? else {
            return None;
        };
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(key_id)) => Some(key_id.clone()),
            Some(_) => return None,
        };
        Some(Self {
            algorithm: algorithm.clone(),
            key_id,
            claims: json::object(&decode(payload)?).ok()?,
            signed,
            signature: decode(signature)?,
        })
    }
}

/// Strict base64url: no padding, no white space, no stray bits.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: &str, payload: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(payload), encode("sig"))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(r#"{"alg":"RS256","kid":"1"}"#, r#"{"iss":"me"}"#);
        let jws = Jws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.algorithm, "RS256");
        assert_eq!(jws.key_id.as_deref(), Some("1"));
        assert_eq!(jws.claims["iss"], "me");
        assert_eq!(jws.signature, b"sig");
        assert!(token.as_bytes().starts_with(jws.signed));
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        let mut table = vec![
            String::new(),
            "..".to_owned(),
            "a.b".to_owned(),
            format!("{good}.x"),
            format!("{good}="),
            format!("{good} "),
            good.replace('.', " ."),
            good.replace('.', ".."),
            r#"{"payload":"","signatures":[]}"#.to_owned(),
            token("{}", "{}"),
            token(r#"{"alg":1}"#, "{}"),
            token(r#"{"alg":"RS256","alg":"none"}"#, "{}"),
            token(r#"{"alg":"RS256","kid":1}"#, "{}"),
            token(r#"{"alg":"RS256"}"#, "[]"),
            token(r#"{"alg":"RS256"}"#, r#"{"sub":"a","sub":"b"}"#),
            token(r#"{"alg":"RS256"} "x""#, "{}"),
        ];
        for parameter in REFUSED_PARAMETERS {
            let header = format!(r#"{{"alg":"RS256","{parameter}":["x"]}}"#);
            table.push(token(&header, "{}"));
        }
        for token in table {
            let found = Jws::parse(token.as_bytes()).map(|_| ());
            assert_eq!(found, Err(Code::TokenMalformed), "{token}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(token in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Jws::parse(&token);
        }

        #[test]
        fn any_parts_are_answered(header in ".{0,40}", payload in ".{0,40}") {
            let _ = Jws::parse(token(&header, &payload).as_bytes());
        }
    }
}
