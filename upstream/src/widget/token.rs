//! The tokens: of a visitor, of one who renews it, and of a user whom an account's own server vouches for.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Duration, Utc};
use jwt_compact::{AlgorithmExt, Claims, Header, UntrustedToken};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tollgate_policy::account::AccountName;
use utoipa::ToSchema;
use uuid::Uuid;

use super::signing::Es256;
use super::{WidgetSecret, caller::WidgetCaller};
use crate::keys::introspection::KeyHolder;

/// Seconds that a visitor's token is good for.
const ACCESS: i64 = 15 * 60;

/// Seconds that it can be renewed after.
const REFRESH: i64 = 24 * 60 * 60;

/// Seconds that a server's word for a user is good for.
const USER: i64 = 5 * 60;

/// Seconds after which nothing is renewed: the visitor begins anew.
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// All but letters and digits, and what RFC 3986 §2.3 reserves for nothing.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Makes the tokens, and reads those that come back.
#[derive(Debug)]
pub(crate) struct Tokens {
    issuer: String,
    secret: WidgetSecret,
}

/// Each has an audience of its own, so that none passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What the gate takes.
    Access,
    Refresh,
    User,
}

/// Who visits: the same for as long as the tokens are renewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visitor {
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// What a visitor gets (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct Grant {
    token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
}

/// What a server gets for its user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserToken {
    user_token: String,
    expires_in: i64,
}

/// A refresh token that is good: whose it is, and the key that it was made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(super) account: AccountName,
    pub(super) key: Uuid,
    pub(crate) agent: Option<Uuid>,
    pub(crate) visitor: Visitor,
    since: DateTime<Utc>,
}

/// A token that is none of ours, of another kind, or too old. Which of them is nobody's business.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotGood;

#[derive(Serialize, Deserialize)]
struct Body {
    iss: String,
    aud: String,
    account: String,
    jti: Uuid,
    #[serde(flatten)]
    visitor: Visitor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<Uuid>,
    /// Of a refresh token: the widget's key, and when the visitor came (OpenID Connect Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

// === impl Kind ===

impl Kind {
    fn audience(self) -> &'static str {
        match self {
            Self::Access => "widget",
            Self::Refresh => "widget/refresh",
            Self::User => "widget/user-token",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Access => ACCESS,
            Self::Refresh => REFRESH,
            Self::User => USER,
        }
    }
}

// === impl Visitor ===

impl Visitor {
    /// Somebody, and nobody knows who.
    pub(crate) fn guest() -> Self {
        Self {
            sub: format!("guest:{}", Uuid::new_v4()),
            name: None,
            email: None,
        }
    }

    /// A user of the account's, by the id that the account has for them. Escaped, so that it is of no other form.
    pub(crate) fn user(id: &str, name: Option<String>, email: Option<String>) -> Self {
        Self {
            sub: format!("user:{}", utf8_percent_encode(id, ESCAPED)),
            name,
            email,
        }
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.sub.starts_with("guest:")
    }
}

// === impl Tokens ===

impl Tokens {
    pub(crate) fn new(issuer: String, secret: WidgetSecret) -> Self {
        Self { issuer, secret }
    }

    /// The keys that verify them.
    pub(crate) fn key_set(&self) -> serde_json::Value {
        self.secret.key_set()
    }

    /// Tokens for a visitor who has come.
    pub(crate) fn grant(
        &self,
        caller: &WidgetCaller,
        agent: Option<Uuid>,
        visitor: Visitor,
    ) -> Option<Grant> {
        let now = now();
        self.granted(caller, agent, visitor, now, now)
    }

    /// Tokens for a visitor who is still there, as long as that may be.
    pub(crate) fn renew(
        &self,
        caller: &WidgetCaller,
        agent: Option<Uuid>,
        renewal: Renewal,
    ) -> Option<Grant> {
        self.granted(caller, agent, renewal.visitor, renewal.since, now())
    }

    /// A server's word for one of its users.
    pub(crate) fn user_token(&self, holder: &KeyHolder, visitor: Visitor) -> Option<UserToken> {
        let account = holder.account();
        let body = self.body(Kind::User, account, visitor);
        let user_token = self.sign(body, now(), USER)?;
        Some(UserToken {
            user_token,
            expires_in: USER,
        })
    }

    /// The user whom a server of the caller's account vouched for.
    pub(crate) fn user(&self, token: &str, caller: &WidgetCaller) -> Result<Visitor, NotGood> {
        let body = self.verify(Kind::User, token, now())?;
        if body.account != caller.account().as_str() {
            return Err(NotGood);
        }
        Ok(body.visitor)
    }

    /// Who wants their tokens renewed.
    pub(crate) fn renewal(&self, token: &str) -> Result<Renewal, NotGood> {
        let body = self.verify(Kind::Refresh, token, now())?;
        Ok(Renewal {
            account: AccountName::parse(body.account.as_bytes()).ok_or(NotGood)?,
            key: body.key.ok_or(NotGood)?,
            agent: body.agent,
            visitor: body.visitor,
            since: body.auth_time.and_then(timestamp).ok_or(NotGood)?,
        })
    }

    fn granted(
        &self,
        caller: &WidgetCaller,
        agent: Option<Uuid>,
        visitor: Visitor,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Grant> {
        let left = LONGEST - (now - since).num_seconds();
        if left <= 0 {
            return None;
        }
        let seconds = |kind: Kind| kind.seconds().min(left);
        let body = |kind| Body {
            agent,
            ..self.body(kind, caller.account(), visitor.clone())
        };
        let refresh = Body {
            key: Some(caller.key()),
            auth_time: Some(since.timestamp()),
            ..body(Kind::Refresh)
        };
        Some(Grant {
            token: self.sign(body(Kind::Access), now, seconds(Kind::Access))?,
            token_type: "Bearer",
            expires_in: seconds(Kind::Access),
            refresh_token: self.sign(refresh, now, seconds(Kind::Refresh))?,
        })
    }

    fn body(&self, kind: Kind, account: &AccountName, visitor: Visitor) -> Body {
        Body {
            iss: self.issuer.clone(),
            aud: kind.audience().to_owned(),
            account: account.to_string(),
            jti: Uuid::new_v4(),
            visitor,
            agent: None,
            key: None,
            auth_time: None,
        }
    }

    fn sign(&self, body: Body, now: DateTime<Utc>, seconds: i64) -> Option<String> {
        let mut claims = Claims::new(body);
        claims.issued_at = Some(now);
        claims.expiration = now.checked_add_signed(Duration::seconds(seconds));
        let header = Header::empty()
            .with_token_type("JWT")
            .with_key_id(self.secret.id());
        Es256.token(&header, &claims, self.secret.signing()).ok()
    }

    fn verify(&self, kind: Kind, token: &str, now: DateTime<Utc>) -> Result<Body, NotGood> {
        let untrusted = UntrustedToken::new(token).map_err(|_| NotGood)?;
        let validator = Es256.validator::<Body>(self.secret.verifying());
        let token = validator.validate(&untrusted).map_err(|_| NotGood)?;
        let (_, claims) = token.into_parts();
        let is_over = claims.expiration.is_none_or(|end| end <= now);
        let body = claims.custom;
        if is_over || body.iss != self.issuer || body.aud != kind.audience() {
            return Err(NotGood);
        }
        Ok(body)
    }
}

fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

fn timestamp(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}
