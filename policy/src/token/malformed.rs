//! Every way in which a token can be none.

use crate::refusal::{Code, Refusal};

/// Why a text is no token that this gate reads. RFC numbers say where the form is laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The JSON serialization of a JWS (RFC 7515 §7.2), which a JWT may not have (RFC 7519 §1).
    JsonSerialization,
    /// White space in it (RFC 7515 §2).
    WhiteSpace,
    /// `=` in it (RFC 7515 §2).
    Padding,
    /// Five parts: encrypted (RFC 7516 §7.1).
    Encrypted,
    /// Not three parts (RFC 7515 §7.1).
    Parts,
    /// A part is not base64url (RFC 7515 §2).
    Base64Url,
    /// The header is no JSON object (RFC 7515 §4).
    Header,
    /// The payload is no JSON object (RFC 7519 §7.2).
    Claims,
    /// A member twice (RFC 7515 §4, RFC 7519 §4).
    RepeatedMember,
    /// Something behind the JSON object.
    TrailingBytes,
    /// `alg` is missing or no text (RFC 7515 §4.1.1).
    Algorithm,
    /// `kid` is no text (RFC 7515 §4.1.4).
    KeyId,
    /// `typ` names something else (RFC 8725 §3.11).
    Type,
    /// `crit`: an extension that must be understood (RFC 7515 §4.1.11).
    Critical,
    /// `b64`: the payload is signed as it is (RFC 7797).
    Unencoded,
    /// `jwk`, `jku`, `x5c` or `x5u`: the token brings its key along (RFC 7515 §4.1).
    OwnKey,
    /// `zip` or `enc`: it must be decompressed or decrypted (RFC 7516 §4.1).
    Transformed,
    /// `aud` is neither a text nor a list of them (RFC 7519 §4.1.3).
    Audience,
    /// `azp` is no text (OpenID Connect Core §2).
    Party,
    /// `exp` is missing (RFC 7519 §4.1.4).
    NoExpiry,
    /// `exp`, `nbf` or `iat` is not a number of seconds (RFC 7519 §2).
    Time,
    /// `sub` is missing, empty or no text (OpenID Connect Core §2).
    Subject,
}

impl Malformed {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::JsonSerialization,
        Self::WhiteSpace,
        Self::Padding,
        Self::Encrypted,
        Self::Parts,
        Self::Base64Url,
        Self::Header,
        Self::Claims,
        Self::RepeatedMember,
        Self::TrailingBytes,
        Self::Algorithm,
        Self::KeyId,
        Self::Type,
        Self::Critical,
        Self::Unencoded,
        Self::OwnKey,
        Self::Transformed,
        Self::Audience,
        Self::Party,
        Self::NoExpiry,
        Self::Time,
        Self::Subject,
    ];

    /// What the client is told. Nothing of the token is repeated.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::JsonSerialization => "the token is in JSON serialization; send the compact one",
            Self::WhiteSpace => "the token has white space in it",
            Self::Padding => "the token is padded; base64url in a JWT is not",
            Self::Encrypted => "the token is encrypted (JWE); send a signed one",
            Self::Parts => {
                "the token is not a JWT: it must have three parts with dots between them"
            }
            Self::Base64Url => "a part of the token is not base64url",
            Self::Header => "the token's header is not a JSON object",
            Self::Claims => "the token's payload is not a JSON object",
            Self::RepeatedMember => "the token's header or payload has a member twice",
            Self::TrailingBytes => "the token's header or payload goes on behind the JSON object",
            Self::Algorithm => "the token's header must name its algorithm in `alg`",
            Self::KeyId => "the token's `kid` must be a string",
            Self::Type => {
                "the token's `typ` says that it is something else than an access or ID token"
            }
            Self::Critical => "the token has critical extensions (`crit`), and none is supported",
            Self::Unencoded => "the token has the header parameter `b64`, which is not supported",
            Self::OwnKey => {
                "the token brings a key of its own (`jwk`, `jku`, `x5c` or `x5u`), which is never believed"
            }
            Self::Transformed => "the token is compressed or encrypted (`zip` or `enc`)",
            Self::Audience => "the token's `aud` must be a string or a list of strings",
            Self::Party => "the token's `azp` must be a string",
            Self::NoExpiry => "the token never expires: `exp` is missing",
            Self::Time => {
                "the token's `exp`, `nbf` and `iat` must be numbers of seconds since 1970"
            }
            Self::Subject => "the token must say whose it is: `sub` is missing or not a string",
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self {
            detail: malformed.detail(),
            ..Code::TokenMalformed.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_reason_that_fits_a_quoted_header_value() {
        let fits = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        let mut details: Vec<_> = Malformed::ALL.map(Malformed::detail).into();
        assert!(details.iter().all(|detail| detail.bytes().all(fits)));
        details.sort_unstable();
        details.dedup();
        assert_eq!(details.len(), Malformed::ALL.len());
    }
}
