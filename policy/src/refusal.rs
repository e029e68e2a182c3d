//! Every reason to refuse a request, and how the client is told.
//!
//! The codes are stable: they are what clients, access logs and counters show.

mod code;

use serde::Serialize;

pub use self::code::Code;
use crate::account::AccountName;
use crate::caps::{self, RateLimit, StoreError, Window};

/// A refusal with what the client may do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What the client and the operator read. Nothing that was sent is repeated.
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
    pub headers: Vec<(&'static str, String)>,
    /// The body; for gRPC it becomes `grpc-message`.
    pub body: String,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    #[serde(flatten)]
    cap: Option<CapMembers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

#[derive(Serialize)]
struct CapMembers<'a> {
    cap: &'a str,
    window: &'static str,
    limit: u32,
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
            headers.push(("www-authenticate", self.challenge()));
        }
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds.to_string()));
        }
        if let Some(fields) = self.cap.as_ref().and_then(|cap| cap.rate_limit.as_ref()) {
            headers.push((caps::POLICY_HEADER, fields.policy.clone()));
            headers.push((caps::HEADER, fields.remaining.clone()));
        }
        let body = match format {
            _ if grpc => self.line(),
            Format::Text => {
                headers.push(("content-type", "text/plain; charset=utf-8".to_owned()));
                self.line() + "\n"
            }
            Format::ProblemJson => {
                headers.push(("content-type", "application/problem+json".to_owned()));
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

    fn problem(&self) -> String {
        let problem = Problem {
            r#type: "about:blank",
            title: self.code.title(),
            status: self.code.status(),
            code: self.code.as_str(),
            detail: self.detail,
            cap: self.cap.as_ref().map(|cap| CapMembers {
                cap: &cap.cap,
                window: cap.window.as_str(),
                limit: cap.limit,
            }),
            retry_after: self.retry_after,
        };
        // Strings and numbers always serialize; the line stands in should that ever change.
        serde_json::to_string(&problem).unwrap_or_else(|_| self.line())
    }
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
                .contains(&("www-authenticate", challenge.to_owned()))
        );
    }

    #[test]
    fn a_missing_token_is_asked_for_without_an_error() {
        let answer = Refusal::from(Code::TokenMissing).answer(Format::ProblemJson, false);
        let challenge = "Bearer realm=\"tollgate\"".to_owned();
        assert!(answer.headers.contains(&("www-authenticate", challenge)));
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
        assert!(answer.headers.contains(&("retry-after", "17".to_owned())));
        assert_eq!(
            refusal.answer(Format::Text, false).body,
            "cap_exceeded: per_minute (60) of `requests`\n"
        );
    }
}
