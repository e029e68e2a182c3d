//! What the filter has answered is the verdict; and the explanation must be of just that.

use serde_json::{Value, json};
use tollgate_policy::assertion;
use tollgate_policy::config::Mode;
use tollgate_policy::identity;
use tollgate_policy::refusal::Code;

use super::ExplainError;
use super::jwt::Decoded;
use super::module::{Asked, Replayed};
use super::report::{Answer, By, Outcome, Question, Step, Upstream, Verdict};
use super::request::{Asking, shown_path};
use super::source::Source;
use super::steps::{End, Walked};

/// Headers of a refusal that are of interest to who is refused, besides the body's own.
const TOLD: [&str; 5] = [
    "www-authenticate",
    "retry-after",
    "ratelimit-policy",
    "ratelimit",
    "content-type",
];

/// The verdict, from what the filter has done.
///
/// # Errors
///
/// What was explained is something else.
pub fn verdict(
    source: &Source,
    asking: &Asking,
    walked: &mut Walked,
    replayed: Replayed,
    offline: bool,
) -> Result<Verdict, ExplainError> {
    let found = Found::of(&replayed);
    if !agrees(source, &walked.end, &found) {
        return Err(ExplainError::new(format!(
            "the explanation does not agree with the filter, so it is not shown: the rules say {}, the filter {}; please report this with the request and the configuration",
            said(&walked.end),
            found.said()
        )));
    }
    let waits = found.waited && !offline;
    let mut verdict = Verdict::new(found.outcome(waits), By::Module);
    verdict.code.clone_from(&found.code);
    match replayed {
        Replayed::Forwarded {
            asked,
            headers,
            state,
            answer,
            ..
        } => {
            verdict.asked = questions(source, asked);
            verdict.upstream = Some(upstream(source, asking, &headers));
            verdict.filter_state = state.into_iter().collect();
            verdict.answer_headers = answer;
        }
        Replayed::Answered {
            asked,
            status,
            headers,
            body,
            ..
        } => {
            verdict.asked = questions(source, asked);
            verdict.status = Some(status);
            let told = |(name, _): &(String, String)| TOLD.contains(&name.as_str());
            verdict.answer_headers = headers.into_iter().filter(told).collect();
            let problem: Option<Value> = serde_json::from_str(&body).ok();
            let detail = problem
                .as_ref()
                .and_then(|problem| problem.get("detail")?.as_str());
            let line = body.trim_end().split_once(": ").map(|(_, detail)| detail);
            verdict.detail = detail.or(line).map(str::to_owned);
            verdict.body = Some(problem.unwrap_or_else(|| json!(body)));
        }
        Replayed::Unconfigured | Replayed::Stuck => {}
    }
    settle(&mut walked.steps, verdict.result);
    Ok(verdict)
}

/// What the filter did, in short.
struct Found {
    kind: Kind,
    /// The code of what it refused or reported.
    code: Option<String>,
    /// Whether the request waited in vain first.
    waited: bool,
    /// The account and the subject with which the request went on.
    identity: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Forwarded,
    Refused,
    Reported,
    Failed,
}

impl Found {
    fn of(replayed: &Replayed) -> Self {
        match replayed {
            Replayed::Forwarded {
                waited,
                headers,
                state,
                ..
            } => {
                let value = |name: &str| headers.iter().find(|(known, _)| known == name);
                let reported = state.get("tollgate.decision");
                let reported = reported.and_then(|decision| decision.strip_prefix("reported:"));
                let subject = value(identity::SUBJECT_HEADER).map(|(_, subject)| subject.clone());
                Self {
                    kind: if reported.is_some() {
                        Kind::Reported
                    } else {
                        Kind::Forwarded
                    },
                    code: reported.map(str::to_owned),
                    waited: *waited,
                    identity: subject.map(|subject| {
                        let account = state.get("tollgate.account").cloned();
                        (account.unwrap_or_default(), subject)
                    }),
                }
            }
            Replayed::Answered {
                waited, details, ..
            } => Self {
                kind: Kind::Refused,
                code: details.strip_prefix("tollgate:").map(str::to_owned),
                waited: *waited,
                identity: None,
            },
            Replayed::Unconfigured | Replayed::Stuck => Self {
                kind: Kind::Failed,
                code: None,
                waited: false,
                identity: None,
            },
        }
    }

    fn outcome(&self, waits: bool) -> Outcome {
        match self.kind {
            _ if waits => Outcome::Waits,
            Kind::Forwarded => Outcome::Forwarded,
            Kind::Reported => Outcome::Reported,
            Kind::Refused => Outcome::Refused,
            Kind::Failed => Outcome::NotKnown,
        }
    }

    fn said(&self) -> String {
        let waited = if self.waited {
            ", after it has waited"
        } else {
            ""
        };
        let code = self.code.as_deref().unwrap_or("no code");
        match (self.kind, &self.identity) {
            (Kind::Forwarded, Some((account, subject))) => {
                format!("forwards it as {subject} of {account}{waited}")
            }
            (Kind::Forwarded, None) => format!("forwards it without an identity{waited}"),
            (Kind::Refused, _) => format!("refuses it with {code}{waited}"),
            (Kind::Reported, _) => format!("forwards it and reports {code}{waited}"),
            (Kind::Failed, _) => "does not take the configuration, or never decides".to_owned(),
        }
    }
}

fn said(end: &End) -> String {
    match end {
        End::Forward(None) => "it goes on without an identity".to_owned(),
        End::Forward(Some(identity)) => {
            format!("it goes on as {} of {}", identity.subject, identity.account)
        }
        End::Refuse(code) => format!("it is refused with {}", code.as_str()),
        End::Wait(code) => format!("it waits, and in vain is refused with {}", code.as_str()),
    }
}

/// Whether what was explained is what the filter did.
fn agrees(source: &Source, end: &End, found: &Found) -> bool {
    let policy = &source.policy;
    let is_report = policy.mode == Mode::Report;
    // The filter tells what it reports only in the filter state, which can be configured away.
    let tells = policy
        .filter_state
        .contains(&tollgate_policy::config::FilterState::Decision);
    let is_told = |code: Code| match (is_report, tells) {
        (false, _) => found.kind == Kind::Refused && found.code.as_deref() == Some(code.as_str()),
        (true, true) => {
            found.kind == Kind::Reported && found.code.as_deref() == Some(code.as_str())
        }
        (true, false) => found.kind == Kind::Forwarded && found.identity.is_none(),
    };
    match end {
        End::Forward(None) => {
            found.kind == Kind::Forwarded && found.identity.is_none() && !found.waited
        }
        End::Forward(Some(identity)) => {
            let subject = identity::header_value(&identity.subject);
            let shows_account = policy
                .filter_state
                .contains(&tollgate_policy::config::FilterState::Account);
            let is_them = found.identity.as_ref().is_some_and(|(account, found)| {
                *found == subject && (!shows_account || *account == identity.account)
            });
            let kind = if identity.exceeded && tells {
                Kind::Reported
            } else {
                Kind::Forwarded
            };
            is_them && found.kind == kind && !found.waited
        }
        End::Refuse(code) => is_told(*code) && !found.waited,
        End::Wait(code) => is_told(*code) && found.waited,
    }
}

fn questions(source: &Source, asked: Vec<Asked>) -> Vec<Question> {
    let policy = &source.policy;
    let remotes = policy
        .issuers
        .iter()
        .filter_map(|issuer| issuer.jwks.remote.as_ref());
    let mut uris: Vec<_> = remotes.map(|remote| remote.location.uri()).collect();
    uris.extend(policy.directory.as_ref().map(|remote| &remote.uri));
    uris.extend(policy.api_keys.as_ref().map(|keys| &keys.remote.uri));
    let scheme = |authority: &str| {
        let uri = uris.iter().find(|uri| uri.authority == authority);
        uri.map_or("https", |uri| uri.scheme.as_str())
    };
    let question = |asked: Asked| Question {
        uri: format!(
            "{}://{}{}",
            scheme(&asked.authority),
            asked.authority,
            asked.path
        ),
        method: asked.method,
        cluster: asked.cluster,
        answered: asked.answered,
    };
    let mut questions: Vec<Question> = Vec::new();
    for question in asked.into_iter().map(question) {
        // It asks again what it wants fresh, or has not been told.
        match questions.iter_mut().find(|known| known.uri == question.uri) {
            Some(known) => known.answered |= question.answered,
            None => questions.push(question),
        }
    }
    for question in &mut questions {
        question.uri = shown_path(&question.uri);
    }
    questions
}

/// How the request has changed. What the client sent, and the gate lets through, is not repeated.
fn upstream(source: &Source, asking: &Asking, headers: &[(String, String)]) -> Upstream {
    let was_sent = |name: &str, value: &str| asking.values(name).eq([value]);
    let account = &source.policy.account_header;
    let is_own = |name: &str| {
        name == account || name == identity::SUBJECT_HEADER || name == identity::ADMIN_HEADER
    };
    let assertion = headers.iter().find(|(name, _)| name == assertion::HEADER);
    let set = headers
        .iter()
        .filter(|(name, value)| is_own(name) || (name == "connection" && !was_sent(name, value)));
    let stays = |name: &str| headers.iter().any(|(known, _)| known == name);
    let mut removed: Vec<_> = asking
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    removed.retain(|name| !stays(name));
    removed.sort_unstable();
    removed.dedup();
    Upstream {
        set: set.cloned().collect(),
        removed,
        authorization: stays("authorization"),
        assertion: assertion.and_then(|(_, token)| Decoded::of(token).into_assertion()),
    }
}

/// Says in the steps, too, what the mode makes of a refusal, or the lack of a server.
fn settle(steps: &mut [Step], result: Outcome) {
    for step in steps {
        step.answer = match (step.answer, result) {
            (Answer::Refused | Answer::Waits, Outcome::Reported) => Answer::Reported,
            (Answer::Waits, Outcome::Refused) => Answer::Refused,
            (answer, _) => answer,
        };
    }
}
