//! What an answer says of the filter: did it decide on the request?

use serde_json::{Value, json};

use crate::client::{Request, Response};

/// What Envoy answers to whatever passes its filters.
pub(super) const PASSED: &str = "passed\n";

/// In such an answer: what the filter has decided.
const DECISION: &str = "x-decision";

/// In such an answer: what came under a name that the filter takes from every request.
const FORGED: &str = "x-forged";

/// A name that the filter takes from every request.
const FORGED_NAME: &str = "x-tollgate-forged";

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It passed by the filter's decision, which is this.
    Passed(String),
    /// The filter refused it, for this reason where it is not told as text only.
    Refused(String),
    /// It passed and nobody decided: the answer.
    Unfiltered(String),
    /// Something else: the filter has failed, say.
    Odd(String),
}

/// The route by which Envoy answers itself.
pub(super) fn route() -> Value {
    json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": PASSED}},
        "response_headers_to_add": [
            {"header": {"key": DECISION, "value": "%FILTER_STATE(wasm.tollgate.decision:PLAIN)%"}},
            {"header": {"key": FORGED, "value": format!("%REQ({FORGED_NAME})%")}},
        ],
    })
}

/// The request with a header that no filtered request has.
pub(super) fn marked(request: Request) -> Request {
    request.header(FORGED_NAME, "yes")
}

/// Reads the answer to a request that was [`marked`].
pub(super) fn seen(response: &Response) -> Seen {
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    let (decision, forged) = (header(DECISION), header(FORGED));
    let all = || {
        let text: String = response.text().chars().take(200).collect();
        format!("{} {decision:?} {forged:?} {text}", response.status)
    };
    if response.status == 200 {
        let is_decided = !matches!(decision.as_str(), "" | "-");
        let is_clean = matches!(forged.as_str(), "" | "-");
        if response.text() == PASSED && is_decided && is_clean {
            return Seen::Passed(decision);
        }
        return Seen::Unfiltered(all());
    }
    let is_the_gates = matches!(response.status, 400 | 401 | 403 | 429 | 503);
    if is_the_gates && !response.body.is_empty() && forged.is_empty() {
        return Seen::Refused(response.code());
    }
    Seen::Odd(all())
}
