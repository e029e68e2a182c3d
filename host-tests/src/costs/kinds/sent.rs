//! What is sent, and by which rules it is judged.

use serde_json::{Value, json};
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::{Request, Token, configuration};

/// A limit that nobody comes near.
const PLENTY: u32 = 1_000_000_000;

/// One issuer, an assertion, and a cap with all four limits.
pub(super) fn gate() -> Value {
    let limits = json!({
        "concurrent": PLENTY, "per_minute": PLENTY, "per_hour": PLENTY, "per_day": PLENTY,
    });
    configuration::limited(configuration::inline(), limits)
}

/// As clients send it and Envoy hands it on.
pub(super) fn request(method: &str, path: &str) -> Request {
    Request::new(method, path)
        .header("user-agent", "bench")
        .header("accept", "*/*")
}

/// What Envoy adds, behind what the client has sent.
pub(super) fn through_envoy(request: Request) -> Request {
    request
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-forwarded-proto", "https")
        .header("x-envoy-external-address", "203.0.113.7")
        .header("x-request-id", "f6a6d1c2-62a2-9a5e-8b0a-6d2c0f9a7c11")
}

/// For `acme`, with a credential.
pub(super) fn good(credential: &str) -> Request {
    through_envoy(
        request("GET", "/api/v1/agents")
            .account("acme")
            .bearer(credential),
    )
}

/// As long as those of a real issuer, 1.2 kB, and unlike those of other numbers.
pub(super) fn token(number: usize) -> Token {
    of_issuer(Token::good(), number)
}

/// The same, signed by another algorithm.
pub(super) fn token_by(algorithm: &str, number: usize) -> Token {
    of_issuer(Token::by(algorithm), number)
}

/// What Zitadel puts into a token besides what the rules ask for.
fn of_issuer(token: Token, number: usize) -> Token {
    token
        .header("typ", "JWT")
        .claim("sub", "300519873612345678")
        .claim("client_id", "301201283847162953@console")
        .claim("azp", "301201283847162953@console")
        .claim("jti", format!("V2_{:012}-at_{:012}", number + 1, number))
        .claim("nbf", 1_800_000_000)
        .claim("name", "Ada Lovelace")
        .claim("preferred_username", "ada.lovelace@acme.example.com")
        .claim("email", "ada.lovelace@acme.example.com")
        .claim("email_verified", true)
        .claim(
            "urn:zitadel:iam:user:resourceowner:id",
            "300519873612300000",
        )
        .claim("urn:zitadel:iam:user:resourceowner:name", "Acme")
        .claim(
            "urn:zitadel:iam:org:project:roles",
            json!({"agent-editor": {"300519873612300000": "acme.example.com"}}),
        )
        .claim("urn:example:accounts", json!(["acme"]))
}

/// A long-lived key of `acme`.
pub(super) fn key() -> String {
    ApiKey::write("sk_live_", "acme", &[7; ENTROPY])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_length_of_real_ones() {
        let length = token(7).signed().len();
        assert!((1150..1250).contains(&length), "{length}");
        assert_eq!(token(1007).signed().len(), length);
    }
}
