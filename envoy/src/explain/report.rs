//! What is explained: the same on a terminal and as JSON (`envoy/explain.schema.json`).

use serde::Serialize;
use serde_json::Value;
use tollgate_policy::refusal::Code;

/// Which form of the JSON this is. A field may be added without a new one.
pub const VERSION: u32 = 1;

/// A request, the questions that the gate has asked about it, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// [`VERSION`].
    pub version: u32,
    /// The file with the configuration.
    pub configuration: String,
    /// The time at which it was decided, RFC 3339.
    pub at: String,
    /// The request.
    pub request: Shown,
    /// What is not as it was given, but assumed.
    pub notes: Vec<String>,
    /// The eight questions.
    pub steps: Vec<Step>,
    /// What became of it.
    pub verdict: Verdict,
}

/// A request, without its headers.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Its method.
    pub method: String,
    /// Its path, `?…` for a query.
    pub path: String,
    /// Where it was found, if not on the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_in: Option<String>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// From 1 to 8.
    pub number: u8,
    /// What is asked.
    pub question: &'static str,
    /// What the answer depends on.
    pub looked_at: Vec<Seen>,
    /// The answer.
    pub answer: Answer,
    /// The refusal's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why.
    pub because: String,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// What it is.
    pub what: &'static str,
    /// It; never a secret.
    pub value: Value,
}

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The request may go on to the next.
    Passed,
    /// It may not.
    Refused,
    /// It may not, but refusals are only reported.
    Reported,
    /// It waits for what only a server knows, which is not given.
    Waits,
    /// A question before it has decided.
    NotLookedAt,
    /// The log line does not say enough to tell.
    NotKnown,
}

/// What became of a request, as the filter itself says.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What.
    pub result: Outcome,
    /// Who says so.
    pub by: By,
    /// The status of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// The code of the refusal; of one that waits, of the refusal should it wait in vain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The refusal's text, as the client reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Headers of the answer that are the gate's.
    pub answer_headers: Vec<(String, String)>,
    /// The body of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// What the upstream gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// What the filter asks other servers for.
    pub asked: Vec<Question>,
    /// What is written into the filter state.
    pub filter_state: Vec<(String, String)>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on.
    Forwarded,
    /// It is answered by the gate.
    Refused,
    /// It goes on, because refusals are only reported.
    Reported,
    /// Only a server that was not given knows.
    Waits,
    /// The log line does not say.
    NotKnown,
}

/// Who says what became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The filter, run on this request.
    Module,
    /// A line of an access log.
    Log,
}

/// How the request changes on its way.
#[derive(Clone, Debug, Serialize)]
pub struct Upstream {
    /// Headers that the gate sets, without the assertion.
    pub set: Vec<(String, String)>,
    /// Names of headers that it removes.
    pub removed: Vec<String>,
    /// Whether the client's `Authorization` is there.
    pub authorization: bool,
    /// The assertion, without its signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
}

/// A signed statement, decoded.
#[derive(Clone, Debug, Serialize)]
pub struct Assertion {
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

/// A question to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Its method.
    pub method: String,
    /// Where.
    pub uri: String,
    /// The cluster through which.
    pub cluster: String,
    /// Whether an answer was given to us.
    pub answered: bool,
}

/// The questions, in the order in which they are asked.
pub const QUESTIONS: [&str; 8] = [
    "could the path be read in two ways?",
    "which headers are forged identity?",
    "is the endpoint public?",
    "which account is it for?",
    "who says so?",
    "may they, and does the account exist?",
    "is the account within its caps?",
    "what goes on to the upstream?",
];

// === impl Step ===

impl Step {
    /// A question that nobody has looked at.
    pub fn new(number: u8) -> Self {
        let place = usize::from(number).saturating_sub(1);
        Self {
            number,
            question: QUESTIONS.get(place).copied().unwrap_or_default(),
            looked_at: Vec::new(),
            answer: Answer::NotLookedAt,
            code: None,
            because: String::new(),
        }
    }

    /// Adds something that was looked at.
    pub fn saw(&mut self, what: &'static str, value: impl Into<Value>) {
        let value = value.into();
        self.looked_at.push(Seen { what, value });
    }

    /// Answers it.
    pub fn answer(&mut self, answer: Answer, because: impl Into<String>) {
        self.answer = answer;
        self.because = because.into();
    }

    /// Answers it with a refusal.
    pub fn refuse(&mut self, code: Code, because: impl Into<String>) {
        self.code = Some(code.as_str());
        self.answer(Answer::Refused, because);
    }
}

// === impl Verdict ===

impl Verdict {
    /// One with nothing but its result.
    pub fn new(result: Outcome, by: By) -> Self {
        Self {
            result,
            by,
            status: None,
            code: None,
            detail: None,
            answer_headers: Vec::new(),
            body: None,
            upstream: None,
            asked: Vec::new(),
            filter_state: Vec::new(),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// The command's exit code: 0 it passes, 1 it is refused, 2 nobody can tell.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Forwarded | Self::Reported => 0,
            Self::Refused => 1,
            Self::Waits | Self::NotKnown => 2,
        }
    }
}
