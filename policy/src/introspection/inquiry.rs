//! What is asked about one credential.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::digest::Digest;

/// A credential that its issuer is to be asked about. It has no `Debug`, and is erased when it is dropped: it is a secret.
pub struct Inquiry {
    digest: Digest,
    form: Zeroizing<String>,
    account: Option<Box<str>>,
}

// === impl Inquiry ===

impl Inquiry {
    /// What to ask about a credential; nothing about one that nobody is asked about.
    pub fn about(credential: &Credential<'_>) -> Option<Self> {
        let (text, account) = match *credential {
            Credential::Key { text, account } => (text, Some(str::from_utf8(account).ok()?)),
            Credential::Opaque(text) => (text, None),
            Credential::Token(_) | Credential::NoKey(_) => return None,
        };
        Some(Self {
            digest: Digest::of(text),
            form: form(text),
            account: account.map(Into::into),
        })
    }

    /// The name under which the answer is remembered.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The request's body (RFC 7662 §2.1), `application/x-www-form-urlencoded`.
    pub fn form(&self) -> &str {
        &self.form
    }

    /// The account that the key's text names; none where the answer says which.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

/// `token=…` (WHATWG URL §5.2).
fn form(text: &[u8]) -> Zeroizing<String> {
    // Room for all, or a part would stay where it was when it grows.
    let mut form = Zeroizing::new(String::with_capacity(6 + 3 * text.len()));
    form.push_str("token=");
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                form.push(char::from(*byte));
            }
            other => {
                // Writing into a string never fails.
                let _ = write!(form, "%{other:02X}");
            }
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_has_one_field_whatever_the_token_is() {
        assert_eq!(form(b"sk_live_a-b_C").as_str(), "token=sk_live_a-b_C");
        assert_eq!(
            form(b"a+b/c=&token=d~").as_str(),
            "token=a%2Bb%2Fc%3D%26token%3Dd%7E"
        );
    }

    proptest! {
        #[test]
        fn a_form_is_read_back(text: Vec<u8>) {
            let written = form(&text);
            let mut rest = written.strip_prefix("token=").unwrap().as_bytes();
            let mut read = Vec::new();
            while let Some((first, after)) = rest.split_first() {
                rest = after;
                let byte = if *first == b'%' {
                    let digits = str::from_utf8(&rest[..2]).unwrap();
                    rest = &rest[2..];
                    u8::from_str_radix(digits, 16).unwrap()
                } else {
                    *first
                };
                read.push(byte);
            }
            prop_assert_eq!(read, text);
        }
    }
}
