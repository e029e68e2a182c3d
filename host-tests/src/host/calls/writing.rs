//! What the filter changes, says and answers.

use std::time::Duration;

use super::super::Afterwards;
use super::super::call::{Arguments, Stop};
use super::super::streams::{LocalReply, Phase, Stream};
use crate::headers::Headers;
use crate::status::{BAD_ARGUMENT, NOT_FOUND, OK, Status};

const REQUEST: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;

/// map, name, value
pub(super) fn add_header(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (name, value) = (call.bytes(1)?, call.bytes(3)?);
    Ok(change(call, |headers| headers.add(&name, &value)))
}

/// map, name, value
pub(super) fn replace_header(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (name, value) = (call.bytes(1)?, call.bytes(3)?);
    Ok(change(call, |headers| headers.replace(&name, &value)))
}

/// map, name
pub(super) fn remove_header(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let name = call.bytes(1)?;
    Ok(change(call, |headers| headers.remove(&name)))
}

/// stream
pub(super) fn resume(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let kind = call.number(0);
    let context = call.host().context();
    if kind != REQUEST || stream(call).is_none() {
        return Ok(BAD_ARGUMENT);
    }
    call.host().afterwards.push(Afterwards::Continue(context));
    Ok(OK)
}

/// level, message
pub(super) fn log(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (level, message) = (call.number(0), call.text(1)?);
    call.host().log.push((level, message));
    Ok(OK)
}

/// status, details, body, headers, gRPC status
pub(super) fn respond(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let reply = LocalReply {
        status: call.number(0),
        details: call.text(1)?,
        body: call.bytes(3)?,
        headers: Headers::decode(&call.bytes(5)?),
        grpc_status: call.number(7).cast_signed(),
    };
    let context = call.host().context();
    if stream(call).is_none() {
        return Ok(BAD_ARGUMENT);
    }
    call.host()
        .afterwards
        .push(Afterwards::Reply(context, reply));
    Ok(OK)
}

/// context
pub(super) fn set_effective_context(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let context = call.number(0);
    let host = call.host();
    if !host.exists(context) {
        return Ok(BAD_ARGUMENT);
    }
    host.effective = context;
    Ok(OK)
}

/// path, value: filter state
pub(super) fn set_property(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (path, value) = (call.text(0)?, call.text(2)?);
    let Some(stream) = stream(call) else {
        return Ok(NOT_FOUND);
    };
    stream.state.insert(path, value);
    Ok(OK)
}

/// milliseconds
pub(super) fn set_tick_period(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let period = Duration::from_millis(call.number(0).into());
    call.host().tick_period = Some(period);
    Ok(OK)
}

fn change(call: &mut Arguments<'_>, edit: impl FnOnce(&mut Headers)) -> Status {
    let kind = call.number(0);
    let map = stream(call).and_then(|stream| match kind {
        REQUEST => (stream.phase == Phase::Request).then_some(&mut stream.headers),
        REQUEST_TRAILERS => stream.trailers.as_mut(),
        RESPONSE_HEADERS if stream.phase == Phase::Response => stream.response.as_mut(),
        _ => None,
    });
    match map {
        Some(map) => {
            edit(map);
            OK
        }
        None => BAD_ARGUMENT,
    }
}

/// The stream that the call acts on; none in a root context.
fn stream<'a>(call: &'a mut Arguments<'_>) -> Option<&'a mut Stream> {
    let host = call.host();
    let context = host.context();
    host.streams.get(context)
}
