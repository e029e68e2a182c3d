//! The few functions of WASI that Rust's standard library calls (`exports.cc` in proxy-wasm-cpp-host).

use super::call::{Arguments, Handler, Stop};
use crate::status::{OK, Status};

const INVALID: Status = 28;
const NOT_SUPPORTED: Status = 58;

/// The most random bytes that one call gives.
const MOST_RANDOM: u32 = 64 * 1024;

/// What answers a function.
pub(crate) fn handler(name: &str) -> Option<Handler> {
    Some(match name {
        "clock_time_get" => clock_time_get,
        "environ_get" => environ_get,
        "environ_sizes_get" => environ_sizes_get,
        "fd_write" => fd_write,
        "proc_exit" => proc_exit,
        "random_get" => random_get,
        _ => return None,
    })
}

fn clock_time_get(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    if call.number(0) > 1 {
        return Ok(NOT_SUPPORTED);
    }
    let now = call.host().world.clock.now().as_nanos();
    call.put_long(2, u64::try_from(now).unwrap())?;
    Ok(OK)
}

fn environ_get(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (mut pointers, mut text) = (call.number(0), call.number(1));
    for entry in entries(call) {
        call.write(pointers, &text.to_le_bytes())?;
        call.write(text, &entry)?;
        pointers += 4;
        text += u32::try_from(entry.len()).unwrap();
    }
    Ok(OK)
}

fn environ_sizes_get(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let entries = entries(call);
    let size: usize = entries.iter().map(Vec::len).sum();
    call.put(0, u32::try_from(entries.len()).unwrap())?;
    call.put(1, u32::try_from(size).unwrap())?;
    Ok(OK)
}

/// `NAME=value` with a NUL behind it.
fn entries(call: &mut Arguments<'_>) -> Vec<Vec<u8>> {
    let environment = &call.host().world.environment;
    let entry = |(name, value): &(String, String)| format!("{name}={value}\0").into_bytes();
    environment.iter().map(entry).collect()
}

/// stdout and stderr go to the log, at info and error.
fn fd_write(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let level = match call.number(0) {
        1 => 2,
        2 => 4,
        _ => return Ok(NOT_SUPPORTED),
    };
    let mut written = Vec::new();
    for slice in 0..call.number(2) {
        let slice = call.read(call.number(1) + slice * 8, 8)?;
        let part = |at: usize| u32::from_le_bytes(*slice[at..].first_chunk().unwrap());
        written.extend(call.read(part(0), part(4))?);
    }
    call.put(3, u32::try_from(written.len()).unwrap())?;
    let line = String::from_utf8_lossy(&written).into_owned();
    call.host().log.push((level, line));
    Ok(OK)
}

/// Only logs, as Envoy.
fn proc_exit(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let line = format!("proc_exit({})", call.number(0));
    call.host().log.push((4, line));
    Ok(OK)
}

/// Not random: tests are to be repeatable.
fn random_get(call: &mut Arguments<'_>) -> Result<Status, Stop> {
    let (start, size) = (call.number(0), call.number(1));
    if size > MOST_RANDOM {
        return Ok(INVALID);
    }
    let bytes: Vec<u8> = (0..size).map(|at| at.to_le_bytes()[0] ^ 0x5a).collect();
    let bytes = call.host().returns(bytes);
    let bytes = bytes.get(..size as usize).unwrap_or(&bytes);
    call.write(start, bytes)?;
    Ok(OK)
}
