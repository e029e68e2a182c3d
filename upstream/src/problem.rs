//! How a refusal is told: RFC 9457 problem details, always.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tollgate_policy::refusal::{Code, Refusal};

/// A refusal, or a failure, as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    cap: Option<Box<Cap>>,
    retry_after: Option<u32>,
    challenge: Option<HeaderValue>,
}

/// What refused, for [`Code::CapExceeded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cap {
    /// The name that the limits have together.
    pub(crate) cap: &'static str,
    /// The one of them.
    pub(crate) window: &'static str,
    /// How much it allows.
    pub(crate) limit: u32,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    cap: Option<&'a Cap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

// === impl Problem ===

impl Problem {
    /// A problem with a stable code, and a sentence that says what to do.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            cap: None,
            retry_after: None,
            challenge: None,
        }
    }

    /// 400: the request must change before it is sent again.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 403: known, and not allowed.
    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 401 with its `WWW-Authenticate` (RFC 9110 §15.5.2 wants one).
    pub fn unauthorized(
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
        challenge: &'static str,
    ) -> Self {
        Self {
            challenge: Some(HeaderValue::from_static(challenge)),
            ..Self::new(StatusCode::UNAUTHORIZED, code, detail)
        }
    }

    /// 503: the same request may do later; `Retry-After` in seconds.
    pub fn unavailable(
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
        retry_after: u32,
    ) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    /// 429: the account has used up a cap; there may be room again in so many seconds.
    pub(crate) fn cap_exceeded(cap: Cap, detail: &'static str, retry_after: u32) -> Self {
        let refusal = Refusal {
            detail,
            retry_after: Some(retry_after),
            ..Code::CapExceeded.into()
        };
        Self {
            cap: Some(Box::new(cap)),
            ..refusal.into()
        }
    }

    /// 500: our fault; what happened is in the log and not in the answer.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed; its log says why",
        )
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// In the gate's own words, so that a client reads the same from both.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| refusal.challenge());
        Self {
            retry_after: refusal.retry_after,
            challenge: challenge.and_then(|text| HeaderValue::try_from(text).ok()),
            ..Self::new(status, refusal.code.as_str(), refusal.detail)
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Refusal::from(code).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            cap: self.cap.as_deref(),
            retry_after: self.retry_after,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tollgate_policy::caps::Window;
    use tollgate_policy::refusal::{CapRefusal, Format};

    use super::*;

    async fn assert_same(problem: Problem, refusal: &Refusal) {
        let expected = refusal.answer(Format::ProblemJson, false);
        let response = problem.into_response();
        assert_eq!(response.status().as_u16(), expected.status);
        for (name, value) in &expected.headers {
            assert_eq!(response.headers()[*name], value.as_ref(), "{name}");
        }
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(str::from_utf8(&body), Ok(expected.body.as_str()));
    }

    #[tokio::test]
    async fn a_refusal_is_what_the_gate_would_have_written() {
        for code in [
            Code::TokenExpired,
            Code::KeysUnavailable,
            Code::AccountReserved,
        ] {
            assert_same(code.into(), &code.into()).await;
        }
        let cap = Cap {
            cap: "call_limits",
            window: "per_day",
            limit: 500,
        };
        let problem = Problem::cap_exceeded(cap, Code::CapExceeded.detail(), 17);
        let refusal = Refusal {
            retry_after: Some(17),
            cap: Some(Box::new(CapRefusal {
                account: tollgate_policy::account::AccountName::parse(b"acme").unwrap(),
                cap: cap.cap.to_owned(),
                window: Window::Day,
                limit: cap.limit,
                rate_limit: None,
            })),
            ..Code::CapExceeded.into()
        };
        assert_same(problem, &refusal).await;
    }
}
