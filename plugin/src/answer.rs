//! Answers that the gate gives itself.

use tollgate_policy::refusal::{Format, Refusal};

use crate::host::{self, Level};

/// Answers the request of the effective context with a refusal.
pub fn refuse(refusal: &Refusal, format: Format, grpc: bool) {
    let answer = refusal.answer(format, grpc);
    let headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let details = ["tollgate:", refusal.code.as_str()].concat();
    if host::respond(
        answer.status,
        &details,
        &headers,
        &answer.body,
        answer.grpc_status,
    )
    .is_err()
    {
        // The request stays paused, so it is not let through; Envoy's timeouts end it.
        host::log(Level::Error, "tollgate: a response could not be sent");
    }
}

/// Answers a request while there is no configuration.
pub fn refuse_without_configuration() {
    let refusal = Refusal::not_ready("the gate has no configuration");
    refuse(&refusal, Format::default(), false);
}

/// Answers a request that the host has not announced, or delivers while another is decided on.
pub fn refuse_unknown() {
    let refusal = Refusal::not_ready("the gate does not know the request");
    refuse(&refusal, Format::default(), false);
}

/// Answers a request while memory is short.
pub fn refuse_without_memory() {
    // Where it fails, the request stays paused.
    let _ = host::respond_without_memory();
}
