//! Who says so? The credential in `Authorization`: what kind it is (step 5), and the account that it names (step 4).

use memchr::{memchr, memchr_iter};

use crate::account::{AccountName, AccountRules};
use crate::api_key::{ApiKey, MalformedKey};
use crate::introspection::ApiKeys;
use crate::refusal::{Code, Refusal};
use crate::request::Field;

/// The longest credential that an issuer is asked about, in bytes.
pub const MAX_BYTES: usize = 4096;

/// What was shown, unverified. It has no `Debug`: it is a secret.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// A JWT, or what should be one.
    Token(&'a [u8]),
    /// A long-lived key, whose text names its account.
    Key {
        /// The whole of it.
        text: &'a [u8],
        /// The account in it, which no account need have as its name.
        account: &'a [u8],
    },
    /// Another that its issuer is asked about.
    Opaque(&'a [u8]),
    /// What begins like one of these, and is none.
    NoKey(NoKey),
}

/// Why nobody needs to be asked about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// It is longer than [`MAX_BYTES`].
    TooLarge,
    /// It is not of a key's form.
    Form,
    /// The key's checksum is wrong.
    Checksum,
    /// It has characters that no bearer token has (RFC 6750 §2.1).
    Characters,
}

// === impl Credential ===

impl<'a> Credential<'a> {
    /// The one credential of a request.
    ///
    /// # Errors
    ///
    /// As [`bearer`].
    pub fn read(authorization: Field<'a>, keys: Option<&ApiKeys>) -> Result<Self, Code> {
        let text = bearer(authorization)?;
        Ok(match keys {
            Some(keys) if keys.accept(text) => Self::key(text, keys),
            _ => Self::Token(text),
        })
    }

    /// The account that a request with this credential is for.
    ///
    /// # Errors
    ///
    /// What is wrong with the account header or with the name in the key; and with the key, where it alone could have
    /// named the account.
    pub fn account(
        &self,
        header: Field<'_>,
        rules: &AccountRules,
        keys: Option<&ApiKeys>,
    ) -> Result<AccountName, Refusal> {
        match self {
            Self::Key { account, .. } => Ok(rules.account_of_key(account, header)?),
            Self::NoKey(why)
                if header == Field::Missing && keys.is_some_and(ApiKeys::name_their_account) =>
            {
                Err((*why).into())
            }
            Self::Token(_) | Self::Opaque(_) | Self::NoKey(_) => Ok(rules.account(header)?),
        }
    }

    fn key(text: &'a [u8], keys: &ApiKeys) -> Self {
        if text.len() > MAX_BYTES {
            return Self::NoKey(NoKey::TooLarge);
        }
        if !keys.name_their_account() {
            return if is_b64token(text) {
                Self::Opaque(text)
            } else {
                Self::NoKey(NoKey::Characters)
            };
        }
        match ApiKey::read(&keys.prefix, text) {
            Some(Ok(key)) => Self::Key {
                text,
                account: key.account(),
            },
            Some(Err(MalformedKey::Checksum)) => Self::NoKey(NoKey::Checksum),
            Some(Err(MalformedKey::Form)) | None => Self::NoKey(NoKey::Form),
        }
    }
}

// === impl ApiKeys ===

impl ApiKeys {
    /// Whether a key's text says which account it is for.
    pub fn name_their_account(&self) -> bool {
        self.membership.is_none()
    }

    /// Whether a text is a key by its beginning, or at least no JWT.
    fn accept(&self, text: &[u8]) -> bool {
        if self.prefix.is_empty() {
            // RFC 7515 §7.1.
            return memchr_iter(b'.', text).count() != 2;
        }
        text.starts_with(self.prefix.as_bytes())
    }
}

// === impl NoKey ===

impl From<NoKey> for Refusal {
    fn from(why: NoKey) -> Self {
        let (code, detail) = match why {
            NoKey::TooLarge => (Code::TokenTooLarge, "the key is too large"),
            NoKey::Form => (
                Code::TokenMalformed,
                "the key is not whole: a key is its prefix, an account, an underscore, and 39 letters and digits",
            ),
            NoKey::Checksum => (
                Code::TokenMalformed,
                "the key is mistyped: its last six characters do not belong to the others",
            ),
            NoKey::Characters => (
                Code::TokenMalformed,
                "the token has characters that no bearer token has",
            ),
        };
        Self {
            detail,
            ..code.into()
        }
    }
}

/// RFC 6750 §2.1: nothing else can have been issued.
fn is_b64token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let end = text.iter().rposition(|byte| *byte != b'=');
    end.and_then(|end| text.get(..=end))
        .is_some_and(|before| before.iter().all(fits))
}

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
    use crate::testing::{api_keys, key, policy};

    /// What kind of credential it is.
    fn kind(change: impl FnOnce(&mut serde_json::Value), text: &str) -> String {
        let policy = policy(|configuration| {
            configuration["api_keys"] = api_keys();
            change(&mut configuration["api_keys"]);
        });
        let value = format!("Bearer {text}");
        let field = Field::One(value.as_bytes());
        match Credential::read(field, policy.api_keys.as_ref()) {
            Ok(Credential::Token(_)) => "token".to_owned(),
            Ok(Credential::Key { account, .. }) => String::from_utf8(account.to_vec()).unwrap(),
            Ok(Credential::Opaque(_)) => "opaque".to_owned(),
            Ok(Credential::NoKey(why)) => format!("{why:?}"),
            Err(code) => code.as_str().to_owned(),
        }
    }

    #[test]
    fn keys_are_told_from_tokens_by_their_beginning() {
        let key = key("my_shop");
        let mistyped = key.replace("shop", "shap");
        let long = format!("sk_live_{}", "a".repeat(MAX_BYTES));
        for (text, expected) in [
            (key.as_str(), "my_shop"),
            (&mistyped, "Checksum"),
            ("sk_live_", "Form"),
            ("sk_live_.a.b", "Form"),
            ("sk_live_acme_\u{e9}", "Form"),
            (&long, "TooLarge"),
            ("SK_LIVE_acme", "token"),
            ("pk_live_acme", "token"),
            ("a.b.c", "token"),
            (&format!("{key},Bearer {key}"), "token_duplicate"),
            (&format!("{key}, Bearer a.b.c"), "token_duplicate"),
        ] {
            assert_eq!(kind(|_| {}, text), expected, "{text:?}");
        }
    }

    #[test]
    fn opaque_tokens_are_what_is_no_jwt() {
        let opaque = |text| {
            let change = |keys: &mut serde_json::Value| {
                keys["prefix"] = "".into();
                keys["membership"] = "any".into();
            };
            kind(change, text)
        };
        let longest = "a".repeat(MAX_BYTES);
        let long = "a".repeat(MAX_BYTES + 1);
        for (text, expected) in [
            ("V1_abc-~+/==", "opaque"),
            ("a.b", "opaque"),
            ("a.b.c.d.e", "opaque"),
            (&longest, "opaque"),
            ("a.b.c", "token"),
            ("..", "token"),
            ("a b", "Characters"),
            ("a=b", "Characters"),
            ("==", "Characters"),
            ("a\u{0}", "Characters"),
            ("\u{e9}", "Characters"),
            (&long, "TooLarge"),
        ] {
            assert_eq!(opaque(text), expected, "{text:?}");
        }
    }

    #[test]
    fn reasons_fit_a_quoted_header_value() {
        use NoKey::{Characters, Checksum, Form, TooLarge};
        for why in [TooLarge, Form, Checksum, Characters] {
            let Refusal { detail, code, .. } = why.into();
            let fits = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
            assert!(detail.bytes().all(fits), "{detail}");
            assert_eq!(code.status(), 401);
        }
    }

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
