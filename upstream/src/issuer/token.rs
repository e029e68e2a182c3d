//! An ID token: what it says of itself, and what it must say to be believed (RFC 7519, RFC 8725).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Unverified;

/// The longest token, in bytes.
const LONGEST: usize = 8192;

/// Seconds that the issuer's clock may be off.
const CLOCK_SKEW: u64 = 60;

/// What a token must say.
pub(super) struct Expected {
    pub(super) issuer: String,
    /// Any of these.
    pub(super) audiences: Vec<String>,
}

/// What an unverified token says of its signature, as far as it can be true.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
}

/// The claims of a verified token.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    #[serde(flatten)]
    pub(super) other: Map<String, Value>,
}

/// Reads the header; refuses what no key could make good.
pub(super) fn header(token: &str) -> Result<Header, Unverified> {
    if token.len() > LONGEST {
        return Err(Unverified::Token("the token is too large"));
    }
    let header =
        decode_header(token).map_err(|_| Unverified::Token("the token is not a signed JWT"))?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
        return Err(Unverified::Token("the token's algorithm is not accepted"));
    }
    // What is critical must be understood, and nothing here is (RFC 7515 §4.1.11).
    if header.crit.is_some() {
        return Err(Unverified::Token("the token has critical extensions"));
    }
    Ok(Header {
        kid: header.kid,
        algorithm: header.alg,
    })
}

// === impl Expected ===

impl Expected {
    /// Verifies the signature, and the claims `iss`, `aud`, `exp` and `nbf`.
    pub(super) fn verify(
        &self,
        token: &str,
        header: &Header,
        key: &DecodingKey,
    ) -> Result<Claims, Unverified> {
        let mut validation = Validation::new(header.algorithm);
        validation.leeway = CLOCK_SKEW;
        validation.validate_nbf = true;
        validation.set_audience(&self.audiences);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        let token = decode::<Claims>(token, key, &validation);
        let claims = token
            .map_err(|error| Unverified::Token(why(&error)))?
            .claims;
        if claims.iss != self.issuer {
            return Err(Unverified::Token("the token's issuer is not accepted"));
        }
        Ok(claims)
    }
}

/// Nothing of the token is repeated.
fn why(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is for another audience",
        _ => "the token is not a well-formed JWT with the claims it needs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    use jsonwebtoken::{EncodingKey, encode};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    /// A key that signs, and its public half.
    fn pair() -> (EncodingKey, DecodingKey) {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let public = DecodingKey::from_ec_der(pair.public_key().as_ref());
        (EncodingKey::from_ec_der(document.as_ref()), public)
    }

    fn now() -> u64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        elapsed.as_secs()
    }

    /// A good token's claims with `changes`; null removes a claim.
    fn claims(changes: &Value) -> Value {
        let mut claims = json!({
            "iss": "https://id", "aud": ["api", "web"], "sub": "user-1", "exp": now() + 600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        claims
    }

    /// Verifies what was signed with `signer` by `key`; the subject, or why not.
    fn verify(
        signer: &EncodingKey,
        key: &DecodingKey,
        changes: &Value,
    ) -> Result<String, Unverified> {
        let expected = Expected {
            issuer: "https://id".to_owned(),
            audiences: vec!["api".to_owned()],
        };
        let signed = jsonwebtoken::Header::new(Algorithm::ES256);
        let token = encode(&signed, &claims(changes), signer).unwrap();
        let header = header(&token)?;
        Ok(expected.verify(&token, &header, key)?.sub)
    }

    #[test]
    fn a_good_token_is_its_subjects() {
        let (signer, key) = pair();
        let good = [
            json!({}),
            json!({"aud": "api"}),
            json!({"exp": now() - 30}),
            json!({"nbf": now() + 30}),
        ];
        for changes in good {
            let found = verify(&signer, &key, &changes);
            assert_eq!(found, Ok("user-1".to_owned()), "{changes}");
        }
    }

    #[test]
    fn each_claim_is_checked() {
        let (signer, key) = pair();
        let bad = [
            json!({"iss": null}),
            json!({"iss": "https://id/"}),
            json!({"iss": ["https://id"]}),
            json!({"aud": null}),
            json!({"aud": []}),
            json!({"aud": "apis"}),
            json!({"sub": null}),
            json!({"exp": null}),
            json!({"exp": "later"}),
            json!({"exp": now() - 120}),
            json!({"nbf": now() + 120}),
        ];
        for changes in bad {
            let found = verify(&signer, &key, &changes);
            assert!(matches!(found, Err(Unverified::Token(_))), "{changes}");
        }
    }

    #[test]
    fn another_key_did_not_sign_it() {
        let found = verify(&pair().0, &pair().1, &json!({}));
        assert_eq!(
            found,
            Err(Unverified::Token("the token's signature is wrong"))
        );
    }

    #[test]
    fn no_key_makes_these_good() {
        let table = [
            ("e30.e30.AA", "no algorithm"),
            ("eyJhbGciOiJub25lIn0.e30.", "none"),
            ("eyJhbGciOiJIUzI1NiJ9.e30.AA", "HS256"),
            ("eyJhbGciOiJSUzUxMiJ9.e30.AA", "RS512"),
            ("eyJhbGciOiJSUzI1NiIsImNyaXQiOlsieCJdfQ.e30.AA", "crit"),
            ("e30.e30", "two parts"),
            ("a.b.c", "not base64url"),
            ("", "nothing"),
        ];
        for (token, what) in table {
            assert!(header(token).is_err(), "{what}");
        }
        assert!(header(&"a".repeat(LONGEST + 1)).is_err());
    }
}
