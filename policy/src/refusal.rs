//! Every reason to refuse a request, and how the client is told.
//!
//! The codes are stable: they are what clients, access logs and counters show.

use serde::Serialize;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The path could be read in two ways.
    PathAmbiguous,
    /// No account header.
    AccountMissing,
    /// More than one account header.
    AccountDuplicate,
    /// The account's name does not match the pattern.
    AccountInvalid,
    /// No bearer token.
    TokenMissing,
    /// More than one credential.
    TokenDuplicate,
    /// The token is longer than `max_size`.
    TokenTooLarge,
    /// The token is not a JWT in compact serialization, or lacks a claim that it must have.
    TokenMalformed,
    /// The token's `alg` is not one that is configured.
    TokenAlgorithm,
    /// The token's `iss` is not one that is configured.
    TokenIssuer,
    /// The issuer's key set has no key for the token.
    TokenKey,
    /// The signature is not the key's.
    TokenSignature,
    /// The token's `aud` has none of the configured audiences.
    TokenAudience,
    /// The token's `azp` is none of the configured parties.
    TokenParty,
    /// The token's `exp` has passed.
    TokenExpired,
    /// The token's `nbf` or `iat` is still to come.
    TokenNotYetValid,
    /// The token was issued for longer than `max_lifetime`.
    TokenLifetime,
    /// The account exists for the system only.
    AccountReserved,
    /// The token is not a member of the account.
    AccountForbidden,
    /// An admin route without `X-Admin: true`, or without the admin claim.
    AdminRequired,
    /// The account has used up a cap.
    CapExceeded,
    /// The issuer's keys have not been fetched, or are too old.
    KeysUnavailable,
    /// The gate lacks something that it needs to decide.
    NotReady,
}

/// A refusal with what the client may do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// The cap that refused, for [`Code::CapExceeded`].
    pub cap: Option<CapRefusal>,
}

/// Which cap refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CapRefusal {
    /// The cap's configured name.
    pub cap: String,
    /// The window's field name: `per_minute`.
    pub window: &'static str,
    /// Requests allowed in the window.
    pub limit: u32,
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
    cap: Option<&'a CapRefusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

// === impl Code ===

impl Code {
    /// All codes, in the order in which the decision can give them.
    pub const ALL: [Self; 23] = [
        Self::PathAmbiguous,
        Self::NotReady,
        Self::AccountMissing,
        Self::AccountDuplicate,
        Self::AccountInvalid,
        Self::AccountReserved,
        Self::TokenMissing,
        Self::TokenDuplicate,
        Self::TokenTooLarge,
        Self::TokenMalformed,
        Self::TokenAlgorithm,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TokenParty,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenLifetime,
        Self::KeysUnavailable,
        Self::TokenKey,
        Self::TokenSignature,
        Self::AccountForbidden,
        Self::AdminRequired,
        Self::CapExceeded,
    ];

    /// The stable name, as in bodies, logs and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PathAmbiguous => "path_ambiguous",
            Self::AccountMissing => "account_missing",
            Self::AccountDuplicate => "account_duplicate",
            Self::AccountInvalid => "account_invalid",
            Self::TokenMissing => "token_missing",
            Self::TokenDuplicate => "token_duplicate",
            Self::TokenTooLarge => "token_too_large",
            Self::TokenMalformed => "token_malformed",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenIssuer => "token_issuer",
            Self::TokenKey => "token_key",
            Self::TokenSignature => "token_signature",
            Self::TokenAudience => "token_audience",
            Self::TokenParty => "token_party",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenLifetime => "token_lifetime",
            Self::AccountReserved => "account_reserved",
            Self::AccountForbidden => "account_forbidden",
            Self::AdminRequired => "admin_required",
            Self::CapExceeded => "cap_exceeded",
            Self::KeysUnavailable => "keys_unavailable",
            Self::NotReady => "not_ready",
        }
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::PathAmbiguous
            | Self::AccountMissing
            | Self::AccountDuplicate
            | Self::AccountInvalid => 400,
            Self::TokenMissing
            | Self::TokenDuplicate
            | Self::TokenTooLarge
            | Self::TokenMalformed
            | Self::TokenAlgorithm
            | Self::TokenIssuer
            | Self::TokenKey
            | Self::TokenSignature
            | Self::TokenAudience
            | Self::TokenParty
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::TokenLifetime => 401,
            Self::AccountReserved | Self::AccountForbidden | Self::AdminRequired => 403,
            Self::CapExceeded => 429,
            Self::KeysUnavailable | Self::NotReady => 503,
        }
    }

    /// What the client is told. Nothing that it sent is repeated.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::PathAmbiguous => {
                "the path could be read in two ways; send it without encoded slashes, dot segments, empty segments or parameters"
            }
            Self::AccountMissing => "the account header is missing",
            Self::AccountDuplicate => "the account header must be sent once",
            Self::AccountInvalid => "the account's name is not valid",
            Self::TokenMissing => "send one `Authorization: Bearer` header",
            Self::TokenDuplicate => "only one credential may be sent",
            Self::TokenTooLarge => "the token is too large",
            Self::TokenMalformed => "the token is not a well-formed JWT with the claims it needs",
            Self::TokenAlgorithm => "the token's algorithm is not accepted",
            Self::TokenIssuer => "the token's issuer is not accepted",
            Self::TokenKey => "the issuer has no key for the token",
            Self::TokenSignature => "the token's signature is wrong",
            Self::TokenAudience => "the token is for another audience",
            Self::TokenParty => "the token was issued to another party",
            Self::TokenExpired => "the token has expired",
            Self::TokenNotYetValid => "the token is not valid yet",
            Self::TokenLifetime => "the token was issued for too long a time",
            Self::AccountReserved => "the account is reserved for the system",
            Self::AccountForbidden => "the token may not act for the account",
            Self::AdminRequired => {
                "an administrator's token and the header `X-Admin: true` are needed"
            }
            Self::CapExceeded => "the account has used up its requests",
            Self::KeysUnavailable => "the issuer's keys cannot be had at the moment",
            Self::NotReady => "the gate is not ready",
        }
    }

    /// The code's title: the name of its status.
    const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            429 => "Too Many Requests",
            _ => "Service Unavailable",
        }
    }

    /// The gRPC status of the same meaning (`google.rpc.Code`).
    const fn grpc_status(self) -> u32 {
        match self.status() {
            400 => 3,
            401 => 16,
            403 => 7,
            429 => 8,
            _ => 14,
        }
    }

    /// `WWW-Authenticate` for a 401 (RFC 6750 §3): without `error` where no credential was sent.
    pub fn challenge(self) -> String {
        let error = match self {
            Self::TokenMissing => return "Bearer realm=\"tollgate\"".to_owned(),
            Self::TokenDuplicate => "invalid_request",
            _ => "invalid_token",
        };
        format!(
            "Bearer realm=\"tollgate\", error=\"{error}\", error_description=\"{}\"",
            self.detail()
        )
    }
}

// === impl Refusal ===

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        let retry_after = (code.status() == 503).then_some(1);
        Self {
            code,
            retry_after,
            cap: None,
        }
    }
}

impl Refusal {
    /// The response to a request; `grpc` where the request's content type says so.
    pub fn answer(&self, format: Format, grpc: bool) -> Answer {
        let mut headers = Vec::new();
        if self.code.status() == 401 {
            headers.push(("www-authenticate", self.code.challenge()));
        }
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds.to_string()));
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

    fn line(&self) -> String {
        match &self.cap {
            None => format!("{}: {}", self.code.as_str(), self.code.detail()),
            Some(cap) => format!(
                "{}: {} ({}) of `{}`",
                self.code.as_str(),
                cap.window,
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
            detail: self.code.detail(),
            cap: self.cap.as_ref(),
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
    fn each_code_is_listed_once() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

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
            code: Code::CapExceeded,
            retry_after: Some(17),
            cap: Some(CapRefusal {
                cap: "requests".to_owned(),
                window: "per_minute",
                limit: 60,
            }),
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

    #[test]
    fn descriptions_fit_a_quoted_header_value() {
        for code in Code::ALL {
            let fits = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
            assert!(code.detail().bytes().all(fits), "{code:?}");
        }
    }
}
