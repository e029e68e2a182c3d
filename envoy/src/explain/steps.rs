//! The eight questions, asked of the same rules as the filter's, each with what the answer depends on.
//!
//! What is decided here is held against what the filter itself has answered ([`super::verdict`]), so that an explanation
//! of something else does not go unnoticed.

mod account;
mod credential;
mod limits;
mod path;
mod reason;

use std::time::Duration;

use tollgate_policy::credential::Credential;
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::{Field, Request};

use super::given::Given;
use super::jwt::Decoded;
use super::knowledge::Known;
use super::report::{Answer, Step};
use super::request::Asking;
use super::source::Source;

/// All that is asked about.
pub struct Walk<'a> {
    /// The configuration.
    pub source: &'a Source,
    /// The request.
    pub asking: &'a Asking,
    /// The same, as the decision reads it.
    pub request: &'a Request<'a>,
    /// What was given.
    pub given: &'a Given,
    /// What follows from it.
    pub known: &'a Known,
    /// The token in the request, if it has one.
    pub decoded: &'a Decoded,
    /// Since the Unix epoch.
    pub now: Duration,
}

/// The answers, and what they come to.
#[derive(Debug)]
pub struct Walked {
    /// All eight.
    pub steps: Vec<Step>,
    /// What is to become of the request.
    pub end: End,
}

/// What is to become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on: without an identity, or with this account and subject.
    Forward(Option<Identity>),
    /// It is refused.
    Refuse(Code),
    /// It waits for what nobody has given; in vain, it is refused.
    Wait(Code),
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The subject.
    pub subject: String,
    /// What would have been refused, were the caps enforced.
    pub exceeded: bool,
}

/// What ends the questions before the last.
struct Stop(Box<Step>, End);

// === impl Walk ===

impl Walk<'_> {
    /// Asks them, in order, until one is answered with a refusal.
    pub fn walk(&self) -> Walked {
        let mut steps = Vec::new();
        let end = match self.ask(&mut steps) {
            Ok(end) => end,
            Err(Stop(step, end)) => {
                steps.push(*step);
                end
            }
        };
        let reached = u8::try_from(steps.len()).unwrap_or_default();
        steps.extend((reached + 1..=8).map(Step::new));
        Walked { steps, end }
    }

    fn ask(&self, steps: &mut Vec<Step>) -> Result<End, Stop> {
        let path = self.path(steps)?;
        self.forged(steps);
        let class = self.route(&path, steps)?;
        let Some(class) = class else {
            let mut step = Step::new(8);
            step.answer(
                Answer::Passed,
                "the request, without any identity; public endpoints have no account, no caps and no assertion",
            );
            for number in 4..=7 {
                steps.push(Step::new(number));
            }
            steps.push(step);
            return Ok(End::Forward(None));
        };
        let keys = self.source.policy.api_keys.as_ref();
        let credential = Credential::read(self.request.authorization, keys);
        let account = self.account(&credential, steps)?;
        let principal = self.principal(credential, steps)?;
        let grant = self.grant(principal, account, class.access, &path, steps)?;
        let exceeded = self.within_caps(&grant, &path, steps)?;
        let mut step = Step::new(8);
        step.saw("account", grant.grant.account().as_str());
        step.saw("subject", grant.grant.subject());
        step.saw("admin", grant.grant.admin());
        let way = if class.forward_authorization {
            "with the client's Authorization"
        } else {
            "without the client's Authorization"
        };
        step.answer(
            Answer::Passed,
            format!("the request with the verified identity, {way}"),
        );
        steps.push(step);
        Ok(End::Forward(Some(Identity {
            account: grant.grant.account().to_string(),
            subject: grant.grant.subject().to_owned(),
            exceeded,
        })))
    }
}

/// Ends a question with a refusal.
fn refuse(mut step: Step, refusal: &Refusal, because: String) -> Stop {
    step.refuse(refusal.code, because);
    Stop(Box::new(step), End::Refuse(refusal.code))
}

/// Ends a question that only a server can answer.
fn wait(mut step: Step, code: Code, because: String) -> Stop {
    step.code = Some(code.as_str());
    step.answer(Answer::Waits, because);
    Stop(Box::new(step), End::Wait(code))
}

/// What a request sent of a header that is no secret.
fn sent(field: Field<'_>) -> String {
    match field {
        Field::Missing => "not sent".to_owned(),
        Field::One(value) => shortened(&value.escape_ascii().to_string()),
        Field::Many => "sent more than once".to_owned(),
    }
}

/// A text that a client has sent, no longer than a line.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}… ({} characters)", text.chars().count())
}
