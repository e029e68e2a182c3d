//! Every reason to refuse a request, and how the client is told.
//!
//! The codes are stable: they are what clients, access logs and counters show.

mod code;

use std::borrow::Cow;

pub use self::code::Code;
use crate::account::AccountName;
use crate::caps::{self, RateLimit, StoreError, Window};

/// A refusal with what the client may do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What the client and the operator read. Nothing that was sent is repeated. It stands in quoted text as it is, so it
    /// has no quotes, backslashes or control characters.
    pub detail: &'static str,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Why counting was not possible, where it was not.
    pub uncounted: Option<StoreError>,
    /// The cap that refused, for [`Code::CapExceeded`].
    pub cap: Option<Box<CapRefusal>>,
}

/// Which cap refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapRefusal {
    /// Whose cap it is: the verified account.
    pub account: AccountName,
    /// The cap's configured name.
    pub cap: String,
    /// The window.
    pub window: Window,
    /// Requests allowed in the window.
    pub limit: u32,
    /// What the client is told of all windows; nothing where it is not to be told.
    pub rate_limit: Option<RateLimit>,
}

/// How refusals are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// RFC 9457 problem details.
    #[default]
    ProblemJson,
    /// One line of text.
    Text,
}

/// A response, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The gRPC status for the same, used where the request is gRPC.
    pub grpc_status: u32,
    /// Response headers besides those the host adds.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body; for gRPC it becomes `grpc-message`.
    pub body: String,
}

// === impl Refusal ===

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        let retry_after = (code.status() == 503).then_some(1);
        Self {
            code,
            detail: code.detail(),
            retry_after,
            uncounted: None,
            cap: None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let (detail, retry_after) = match error {
            StoreError::Unreachable => ("the shared counts cannot be reached", 1),
            StoreError::Foreign => ("the shared counts are not the gate's", 1),
            StoreError::Contended => ("the shared counts change too fast", 1),
            StoreError::Full(seconds) => (
                "the shared counts have no room for another account",
                seconds,
            ),
        };
        Self {
            retry_after: Some(retry_after),
            uncounted: Some(error),
            ..Self::not_ready(detail)
        }
    }
}

impl Refusal {
    /// The gate lacks what `detail` says.
    pub fn not_ready(detail: &'static str) -> Self {
        Self {
            detail,
            ..Code::NotReady.into()
        }
    }

    /// The response to a request; `grpc` where the request's content type says so.
    pub fn answer(&self, format: Format, grpc: bool) -> Answer {
        let mut headers = Vec::new();
        if self.code.status() == 401 {
            headers.push(("www-authenticate", self.challenge().into()));
        }
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds.to_string().into()));
        }
        if let Some(fields) = self.cap.as_ref().and_then(|cap| cap.rate_limit.as_ref()) {
            headers.push((caps::POLICY_HEADER, fields.policy.clone().into()));
            headers.push((caps::HEADER, fields.remaining.clone().into()));
        }
        let body = match format {
            _ if grpc => self.line(),
            Format::Text => {
                headers.push(("content-type", "text/plain; charset=utf-8".into()));
                self.line() + "\n"
            }
            Format::ProblemJson => {
                headers.push(("content-type", "application/problem+json".into()));
                self.problem()
            }
        };
        Answer {
            status: self.code.status(),
            grpc_status: self.code.grpc_status(),
            headers,
            body,
        }
    }

    /// `WWW-Authenticate` for a 401 (RFC 6750 §3): without `error` where no credential was sent.
    pub fn challenge(&self) -> String {
        let error = match self.code {
            Code::TokenMissing => return "Bearer realm=\"tollgate\"".to_owned(),
            Code::TokenDuplicate => "invalid_request",
            _ => "invalid_token",
        };
        let detail = self.detail;
        format!("Bearer realm=\"tollgate\", error=\"{error}\", error_description=\"{detail}\"")
    }

    fn line(&self) -> String {
        match &self.cap {
            None => format!("{}: {}", self.code.as_str(), self.detail),
            Some(cap) => format!(
                "{}: {} ({}) of `{}`",
                self.code.as_str(),
                cap.window.as_str(),
                cap.limit,
                cap.cap
            ),
        }
    }

    /// Problem details (RFC 9457 §3). Written by hand, which takes a tenth of serde_json's time: in a flood, this is what
    /// most requests are answered with. A cap's name is letters, digits, `-` and `_`, so nothing needs to be escaped.
    fn problem(&self) -> String {
        debug_assert!(is_plain(self.detail), "{}", self.detail);
        let mut body = String::with_capacity(self.detail.len() + 224);
        let mut add = |parts: &[&str]| parts.iter().for_each(|part| body.push_str(part));
        let number = |number: u32| itoa::Buffer::new().format(number).to_owned();
        let code = self.code;
        let title = code.title();
        add(&[r#"{"type":"about:blank","title":""#, title]);
        add(&[r#"","status":"#, &number(code.status().into())]);
        add(&[r#","code":""#, code.as_str()]);
        add(&[r#"","detail":""#, self.detail, "\""]);
        if let Some(cap) = &self.cap {
            add(&[r#","cap":""#, &cap.cap]);
            add(&[r#"","window":""#, cap.window.as_str()]);
            add(&[r#"","limit":"#, &number(cap.limit)]);
        }
        if let Some(seconds) = self.retry_after {
            add(&[r#","retry_after":"#, &number(seconds)]);
        }
        add(&["}"]);
        body
    }
}

/// Whether a text can stand between quotes as it is, in JSON and in a header's value (RFC 9110 §5.6.4).
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_challenges() {
        let answer = Refusal::from(Code::TokenExpired).answer(Format::ProblemJson, false);
        assert_eq!(answer.status, 401);
        let challenge = "Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"the token has expired\"";
        assert!(
            answer
                .headers
                .contains(&("www-authenticate", challenge.into()))
        );
    }

    #[test]
    fn a_missing_token_is_asked_for_without_an_error() {
        let answer = Refusal::from(Code::TokenMissing).answer(Format::ProblemJson, false);
        let challenge = "Bearer realm=\"tollgate\"".into();
        assert!(answer.headers.contains(&("www-authenticate", challenge)));
    }

    #[test]
    fn every_code_is_told_in_json() {
        for code in Code::ALL {
            let refusal = Refusal::from(code);
            let answer = refusal.answer(Format::ProblemJson, false);
            let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            let mut expected = serde_json::json!({
                "type": "about:blank",
                "title": code.title(),
                "status": code.status(),
                "code": code.as_str(),
                "detail": code.detail(),
            });
            if let Some(seconds) = refusal.retry_after {
                expected["retry_after"] = seconds.into();
            }
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn what_quotes_would_end_is_not_plain() {
        for (text, expected) in [
            ("the token's `exp`", true),
            ("a \"b\"", false),
            ("a\\b", false),
            ("a\nb", false),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cap_says_which() {
        let refusal = Refusal {
            retry_after: Some(17),
            cap: Some(Box::new(CapRefusal {
                account: AccountName::parse(b"acme").unwrap(),
                cap: "requests".to_owned(),
                window: Window::Minute,
                limit: 60,
                rate_limit: None,
            })),
            ..Code::CapExceeded.into()
        };
        let answer = refusal.answer(Format::ProblemJson, false);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["cap"], "requests");
        assert_eq!(body["window"], "per_minute");
        assert_eq!(body["limit"], 60);
        assert_eq!(body["retry_after"], 17);
        assert!(answer.headers.contains(&("retry-after", "17".into())));
        assert_eq!(
            refusal.answer(Format::Text, false).body,
            "cap_exceeded: per_minute (60) of `requests`\n"
        );
    }
}
