//! One question on its way to whoever has issued a credential (RFC 7662 §2.1), and the answer (§2.2).

use std::time::Duration;

use tollgate_policy::fetching::Failure;
use tollgate_policy::introspection::{Answer, AnswerError, ApiKeys, Inquiry, MAX_BYTES, Remote};

use crate::fetched::{self, Failed};
use crate::host::{self, memory};

/// Who is asked, in the log.
const SERVER: &str = "the server";

/// Reading an answer takes less than so many times its size: it is a tree of values for a moment.
const TIMES: usize = 64;

/// Asks the question; returns the host's name for it.
pub fn send(remote: &Remote, authorization: &str, inquiry: &Inquiry) -> Result<u32, Failed> {
    let headers = [
        (":method", "POST"),
        (":scheme", &*remote.uri.scheme),
        (":authority", &remote.uri.authority),
        (":path", &remote.uri.path),
        ("accept", "application/json"),
        ("authorization", authorization),
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "tollgate"),
        // Envoy's router takes it off and asks once more where the connection breaks, as when the server closes it
        // because it was idle. To be asked twice changes nothing.
        ("x-envoy-retry-on", "reset"),
    ];
    let body = inquiry.form().as_bytes();
    host::ask(&remote.cluster, &headers, body, remote.timeout)
        .map_err(|error| fetched::not_sent(error, &remote.cluster))
}

/// Reads the answer that is being delivered.
pub fn answer(
    keys: &ApiKeys,
    inquiry: &Inquiry,
    size: usize,
    now: Duration,
) -> Result<Answer, Failed> {
    let Some(status) = host::response_status() else {
        return Err(Failed::new(Failure::Reset, "the connection broke"));
    };
    if size > MAX_BYTES {
        return Err(AnswerError::TooLarge(size).into());
    }
    let body = host::response_body(size)
        .map_err(|_| Failed::new(Failure::Reset, "the answer cannot be read"))?;
    match status {
        200 => {}
        401 | 403 => {
            let sentence = format!(
                "{SERVER} answered with status {status}: it does not accept what is in the environment variable {}",
                keys.remote.authorization_env
            );
            return Err(Failed::new(Failure::Status, sentence));
        }
        other => return Err(fetched::by_envoy(SERVER, other, &body)),
    }
    if !host::response_header("content-type").is_some_and(|value| is_json(&value)) {
        let sentence = "the answer's content-type is not application/json";
        return Err(Failed::new(Failure::NotJson, sentence));
    }
    if !memory::has_room(body.len().saturating_mul(TIMES)) {
        let sentence = "there is no memory to read the answer";
        return Err(Failed::new(Failure::TooLarge, sentence));
    }
    Ok(Answer::read(keys, inquiry, &body, now)?)
}

/// With or without parameters (RFC 9110 §8.3.1).
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case("application/json")
}

impl From<AnswerError> for Failed {
    fn from(error: AnswerError) -> Self {
        let kind = match error {
            AnswerError::TooLarge(_) => Failure::TooLarge,
            AnswerError::NotJson => Failure::NotJson,
            AnswerError::Wrong(_) => Failure::WrongAnswer,
        };
        Self::new(kind, error.to_string())
    }
}
