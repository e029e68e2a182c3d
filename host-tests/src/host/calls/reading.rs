//! What the filter reads.

use super::super::call::{Arguments, Stop};
use super::super::streams::Phase;
use crate::headers::Headers;
use crate::status::{BAD_ARGUMENT, NOT_FOUND, OK, Status};

const HTTP_CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;

/// buffer, start, size, → bytes
pub(super) fn buffer(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (kind, start, size) = (call.number(0), call.number(1), call.number(2));
    let host = call.host();
    let bytes = match kind {
        PLUGIN_CONFIGURATION => host.configuration.clone(),
        HTTP_CALL_RESPONSE_BODY => host.answer.as_ref().map(|answer| answer.body.clone()),
        _ => None,
    };
    let Some(bytes) = bytes else {
        return Ok(NOT_FOUND);
    };
    let part = bytes.get(start as usize..).unwrap_or_default();
    let part = part.get(..size as usize).unwrap_or(part);
    call.give(3, part.to_vec())?;
    Ok(OK)
}

/// → nanoseconds
pub(super) fn time(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let now = call.host().world.clock.now().as_nanos();
    call.put_long(0, u64::try_from(now).unwrap())?;
    Ok(OK)
}

/// map → bytes; nothing at all outside the map's phase
pub(super) fn header_pairs(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let kind = call.number(0);
    let headers = map(call, kind).cloned().unwrap_or_default();
    call.give(1, headers.encode())?;
    Ok(OK)
}

/// map, name → the first value
pub(super) fn header_value(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (kind, name) = (call.number(0), call.bytes(1)?);
    let Some(headers) = map(call, kind) else {
        return Ok(BAD_ARGUMENT);
    };
    let Some(value) = headers.value(&name).map(<[u8]>::to_vec) else {
        return Ok(NOT_FOUND);
    };
    call.give(3, value)?;
    Ok(OK)
}

fn map<'a>(call: &'a mut Arguments<'_>, kind: u32) -> Option<&'a Headers> {
    let host = call.host();
    let context = host.context();
    match kind {
        REQUEST_HEADERS => host
            .streams
            .get(context)
            .filter(|stream| matches!(stream.phase, Phase::Request | Phase::Log))
            .map(|stream| &stream.headers),
        REQUEST_TRAILERS => host.streams.get(context)?.trailers.as_ref(),
        RESPONSE_HEADERS => host
            .streams
            .get(context)
            .filter(|stream| matches!(stream.phase, Phase::Response | Phase::Log))?
            .response
            .as_ref(),
        HTTP_CALL_RESPONSE_HEADERS => host.answer.as_ref().map(|answer| &answer.headers),
        _ => None,
    }
}
