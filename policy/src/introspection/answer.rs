//! What the issuer says of a credential (RFC 7662 §2.2).

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{ApiKeys, Inquiry};
use crate::json;
use crate::membership::Accounts;
use crate::principal::Principal;
use crate::refusal::Code;
use crate::token::claims;

/// The largest answer that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// The longest `sub`, in bytes (OpenID Connect Core §2).
const MAX_SUBJECT: usize = 255;

/// What the issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is somebody's.
    Active(Active),
    /// It is nobody's, or not for this gate.
    Refused(Code),
}

/// Whose credential it is, and for how long at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Whose.
    pub principal: Rc<Principal>,
    /// `exp`, since the Unix epoch; none: it does not expire.
    pub ends: Option<Duration>,
}

/// Why an answer is none. Nothing of it is repeated: it can hold the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Larger than [`MAX_BYTES`].
    #[error("the answer has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// No JSON object, or one with a member twice.
    #[error("the answer is not a JSON object, each member once")]
    NotJson,
    /// A member is missing or of a wrong type: which, and what there should be.
    #[error("the answer's {0}")]
    Wrong(&'static str),
}

// === impl Answer ===

impl Answer {
    /// Reads the answer to an inquiry that comes at `now`.
    ///
    /// # Errors
    ///
    /// Anything in it is not as it should be: then it says nothing, neither for the credential nor against it.
    pub fn read(
        keys: &ApiKeys,
        inquiry: &Inquiry,
        text: &[u8],
        now: Duration,
    ) -> Result<Self, AnswerError> {
        if text.len() > MAX_BYTES {
            return Err(AnswerError::TooLarge(text.len()));
        }
        let members = json::object(text).map_err(|_| AnswerError::NotJson)?;
        match members.get("active") {
            Some(Value::Bool(true)) => active(keys, inquiry, &members, now),
            Some(Value::Bool(false)) => Ok(Self::Refused(Code::KeyInactive)),
            _ => Err(AnswerError::Wrong("`active` must be true or false")),
        }
    }
}

fn active(
    keys: &ApiKeys,
    inquiry: &Inquiry,
    members: &Map<String, Value>,
    now: Duration,
) -> Result<Answer, AnswerError> {
    let subject = match members.get("sub") {
        Some(Value::String(subject)) if (1..=MAX_SUBJECT).contains(&subject.len()) => subject,
        _ => return Err(AnswerError::Wrong("`sub` must be 1 to 255 bytes of text")),
    };
    let accounts = match (inquiry.account(), &keys.membership) {
        (Some(named), None) => {
            match members.get("account") {
                None => {}
                Some(Value::String(account)) if account == named => {}
                Some(_) => return Err(AnswerError::Wrong("`account` is not the one in the key")),
            }
            Accounts::Named(vec![named.into()])
        }
        (None, Some(membership)) => membership.accounts(members),
        // One of the two always, and never both.
        _ => return Err(AnswerError::Wrong("question is another one")),
    };
    let time = |name| {
        let wrong = "`exp` and `nbf` must be numbers of seconds since 1970";
        claims::time(members, name).map_err(|_| AnswerError::Wrong(wrong))
    };
    let (begins, ends) = (time("nbf")?, time("exp")?);
    let is_for_us = keys.audiences.is_empty()
        || claims::is_for(members.get("aud"), &keys.audiences)
            .map_err(|_| AnswerError::Wrong("`aud` must be a text or a list of texts"))?;
    let seconds = now.as_secs_f64();
    if begins.is_some_and(|begins| begins > seconds) || ends.is_some_and(|ends| ends <= seconds) {
        return Ok(Answer::Refused(Code::KeyInactive));
    }
    if !is_for_us {
        return Ok(Answer::Refused(Code::TokenAudience));
    }
    Ok(Answer::Active(Active {
        principal: Rc::new(Principal::introspected(subject.clone(), accounts)),
        // A time that is beyond all times is none.
        ends: ends.and_then(|ends| Duration::try_from_secs_f64(ends).ok()),
    }))
}
