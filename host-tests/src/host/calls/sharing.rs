//! What the filter does beyond the request: shared data, metrics, callouts, Envoy's own functions.

use std::time::Duration;

use super::super::call::{Arguments, Stop};
use super::super::callouts::Callout;
use super::super::metrics::Kind;
use crate::headers::Headers;
use crate::signature::{self, VerifySignature};
use crate::status::{BAD_ARGUMENT, NOT_FOUND, OK, Status};

/// key → bytes, version
pub(super) fn get_shared_data(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let key = call.text(0)?;
    let Some((value, version)) = call.host().world.shared.get(&key) else {
        return Ok(NOT_FOUND);
    };
    call.give(2, value)?;
    call.put(4, version)?;
    Ok(OK)
}

/// key, value, version
pub(super) fn set_shared_data(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (key, value, version) = (call.text(0)?, call.bytes(2)?, call.number(4));
    Ok(call.host().world.shared.set(&key, &value, version))
}

/// kind, name → id
pub(super) fn define_metric(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let name = call.text(1)?;
    let Some(kind) = Kind::from_number(call.number(0)) else {
        return Ok(BAD_ARGUMENT);
    };
    let host = call.host();
    let id = host.metrics.define(kind, name, &host.world.statistics);
    call.put(3, id)?;
    Ok(OK)
}

/// id, by
pub(super) fn increment_metric(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (id, by) = (call.number(0), call.long(1));
    let host = call.host();
    Ok(host.metrics.add(id, by, &host.world.statistics))
}

/// id, value
pub(super) fn record_metric(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (id, value) = (call.number(0), call.long(1));
    let host = call.host();
    Ok(host.metrics.record(id, value, &host.world.statistics))
}

/// cluster, headers, body, trailers, milliseconds → token
pub(super) fn http_call(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (cluster, headers) = (call.text(0)?, Headers::decode(&call.bytes(2)?));
    let body = call.bytes(4)?;
    let timeout = Duration::from_millis(call.number(8).into());
    let needed = [":method", ":path", ":authority"];
    let complete = needed.iter().all(|name| headers.get(name).is_some());
    let host = call.host();
    if !complete || !host.world.clusters.contains(&cluster) {
        return Ok(BAD_ARGUMENT);
    }
    // It belongs to the root context, whichever context makes it.
    let context = host.context();
    let stream = host.streams.get(context);
    let root = stream.map_or(context, |stream| stream.root);
    let token = host.callouts.make(Callout {
        token: 0,
        root,
        cluster,
        headers,
        body,
        timeout,
    });
    call.put(9, token)?;
    Ok(OK)
}

/// name, arguments → bytes
pub(super) fn foreign_function(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (name, arguments) = (call.text(0)?, call.bytes(2)?);
    if name != "verify_signature" {
        return Ok(NOT_FOUND);
    }
    let result = match call.host().world.verify_signature {
        VerifySignature::Works => signature::answer(&arguments),
        VerifySignature::Missing => return Ok(NOT_FOUND),
        VerifySignature::Accepts => Some(signature::always(true)),
        VerifySignature::Refuses => Some(signature::always(false)),
    };
    let Some(result) = result else {
        return Ok(BAD_ARGUMENT);
    };
    call.give(4, result)?;
    Ok(OK)
}
