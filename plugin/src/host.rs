//! The host's functions as the gate uses them: every call returns an error instead of panicking, and values are
//! bytes, because a header can hold any.
//!
//! All unsafe code is here, but for the names under which the host calls the module (`exports.rs`). What makes each call
//! sound is the same throughout: pointers and sizes come from a live slice, behind which the host reads, or writes no more
//! than its size, during the call; what it returns lies in memory that was allocated for it (`host/given.rs`), or counts
//! as not returned.
#![expect(unsafe_code, reason = "calls into the host")]

mod environment;
mod ffi;
mod given;
pub mod memory;
pub mod pairs;
mod start;

use std::ptr::null_mut;
use std::time::Duration;

pub use self::environment::variable;

/// A call that the host did not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no such thing.
    NotFound,
    /// What came back does not have the form that it should have.
    Malformed,
    /// Any other status, by its number in `proxy_wasm_common.h`.
    Status(u32),
}

/// What a call to the host gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Severity of a log line.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// For the record.
    Info = 2,
    /// Something fails and will be tried again.
    Warn = 3,
    /// The gate cannot do its work.
    Error = 4,
}

/// Writes one line to Envoy's log, component `wasm`.
pub fn log(level: Level, message: &str) {
    // A log line that cannot be written must not stop a request.
    let _ = unsafe { ffi::proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The time since the Unix epoch.
pub fn now() -> Result<Duration> {
    let mut nanoseconds = 0;
    check(unsafe { ffi::proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Bytes that nobody can guess.
pub fn random<const SIZE: usize>() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    check(unsafe { ffi::random_get(bytes.as_mut_ptr(), SIZE) })?;
    Ok(bytes)
}

/// Asks for `on_tick` in this interval.
pub fn set_tick_period(period: Duration) -> Result<()> {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    check(unsafe { ffi::proxy_set_tick_period_milliseconds(milliseconds) })
}

/// The filter's configuration.
pub fn plugin_configuration() -> Result<Vec<u8>> {
    given(|data, size| unsafe {
        ffi::proxy_get_buffer_bytes(ffi::buffer::PLUGIN_CONFIGURATION, 0, usize::MAX, data, size)
    })
}

/// Makes one HTTP request through a cluster; the answer comes to the root context with the token returned.
pub fn ask(cluster: &str, headers: &[(&str, &str)], body: &[u8], timeout: Duration) -> Result<u32> {
    let (headers, trailers) = (pairs::write(headers), pairs::write(&[]));
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut token = 0;
    check(unsafe {
        ffi::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            milliseconds,
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// `:status` of the answer that is being delivered; nothing where the connection broke.
pub fn response_status() -> Option<u16> {
    response_header(":status")?.parse().ok()
}

/// `etag` of the answer that is being delivered, if there is one.
pub fn response_etag() -> Option<String> {
    response_header("etag")
}

/// A header of the answer that is being delivered, if it is there and is text.
pub fn response_header(name: &str) -> Option<String> {
    let value = returned(|data, size| unsafe {
        ffi::proxy_get_header_map_value(
            ffi::map::HTTP_CALL_RESPONSE_HEADERS,
            name.as_ptr(),
            name.len(),
            data,
            size,
        )
    });
    String::from_utf8(value.ok()?).ok()
}

/// The body of the answer that is being delivered.
pub fn response_body(size: usize) -> Result<Vec<u8>> {
    returned(|data, returned_size| unsafe {
        ffi::proxy_get_buffer_bytes(
            ffi::buffer::HTTP_CALL_RESPONSE_BODY,
            0,
            size,
            data,
            returned_size,
        )
    })
}

/// A map of a request (`MapType`).
#[derive(Clone, Copy, Debug)]
pub enum Map {
    /// Readable until the request goes on.
    Headers = 0,
    /// Readable while they are delivered.
    Trailers = 1,
}

/// A request's headers or trailers, in the form of [`pairs::read`].
pub fn request(map: Map) -> Result<Vec<u8>> {
    returned(|data, size| unsafe { ffi::proxy_get_header_map_pairs(map as u32, data, size) })
}

/// Removes all of a name from a request.
pub fn remove(map: Map, name: &[u8]) -> Result<()> {
    check(unsafe { ffi::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Replaces all request headers of a name by one.
pub fn set_request_header(name: &str, value: &str) -> Result<()> {
    check(unsafe {
        ffi::proxy_replace_header_map_value(
            Map::Headers as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Adds a header to the response that is being delivered; those of the name that are there stay.
pub fn add_response_header(name: &str, value: &str) -> Result<()> {
    check(unsafe {
        ffi::proxy_add_header_map_value(
            ffi::map::HTTP_RESPONSE_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Writes the filter state `wasm.NAME`, which access logs and other filters read.
pub fn set_filter_state(name: &str, value: &str) -> Result<()> {
    check(unsafe {
        ffi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// A value that all workers share, with its version.
pub fn shared_data(key: &str) -> Result<(Vec<u8>, u32)> {
    let mut version = 0;
    let value = returned(|data, size| unsafe {
        ffi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    })?;
    if version == 0 {
        // No entry has it (`SharedData::nextCas`), and swapping against it would always write.
        return Err(Error::Malformed);
    }
    Ok((value, version))
}

/// Writes a value that all workers share if its version is still this one, or if there is none; tells whether so.
pub fn swap_shared_data(key: &str, value: &[u8], version: Option<u32>) -> Result<bool> {
    /// A version that no entry has. Swapping against it writes an entry that is not there, and fails on one that is:
    /// so two workers cannot both be the first (`proxy-wasm-cpp-host/src/shared_data.cc`). 0 would always write.
    const NEVER: u32 = u32::MAX;
    let version = version.unwrap_or(NEVER);
    let status = unsafe {
        ffi::proxy_set_shared_data(
            key.as_ptr(),
            key.len(),
            value.as_ptr(),
            value.len(),
            version,
        )
    };
    match status {
        ffi::CAS_MISMATCH => Ok(false),
        status => check(status).map(|()| true),
    }
}

/// Lets the paused request of the effective context go on.
pub fn resume_request() -> Result<()> {
    check(unsafe { ffi::proxy_continue_stream(ffi::stream::HTTP_REQUEST) })
}

/// Answers the request of the effective context.
pub fn respond(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &str,
    grpc_status: u32,
) -> Result<()> {
    let headers = pairs::write(headers);
    check(unsafe {
        ffi::proxy_send_local_response(
            status.into(),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status.cast_signed(),
        )
    })
}

/// Answers the request of the effective context with 503, and allocates nothing for it.
pub fn respond_without_memory() -> Result<()> {
    const DETAILS: &str = "tollgate:not_ready";
    const BODY: &str = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"not_ready","detail":"the gate is short of memory","retry_after":1}"#;
    /// `content-type` and `retry-after`, in the form of [`pairs::write`].
    const HEADERS: &[u8] = b"\x02\0\0\0\x0c\0\0\0\x18\0\0\0\x0b\0\0\0\x01\0\0\0content-type\0application/problem+json\0retry-after\x001\0";
    const UNAVAILABLE: i32 = 14;
    check(unsafe {
        ffi::proxy_send_local_response(
            503,
            DETAILS.as_ptr(),
            DETAILS.len(),
            BODY.as_ptr(),
            BODY.len(),
            HEADERS.as_ptr(),
            HEADERS.len(),
            UNAVAILABLE,
        )
    })
}

/// Makes the calls that follow act on another context.
pub fn set_effective_context(context: u32) -> Result<()> {
    check(unsafe { ffi::proxy_set_effective_context(context) })
}

/// Calls a function that is Envoy's own, by name (`source/extensions/common/wasm/foreign.cc`).
pub fn call(function: &str, arguments: &[u8]) -> Result<Vec<u8>> {
    returned(|data, size| unsafe {
        ffi::proxy_call_foreign_function(
            function.as_ptr(),
            function.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
}

/// What a number in Envoy's statistics means (`MetricType`).
#[derive(Clone, Copy, Debug)]
pub enum Metric {
    /// It only grows.
    Counter = 0,
    /// It is what was recorded last.
    Gauge = 1,
}

/// Defines a metric; every call costs the host memory, so once for each name.
pub fn define_metric(metric: Metric, name: &str) -> Result<u32> {
    let mut id = 0;
    check(unsafe {
        ffi::proxy_define_metric(metric as u32, name.as_ptr(), name.len(), &raw mut id)
    })?;
    Ok(id)
}

/// Adds to a counter.
pub fn add(counter: u32, growth: u64) -> Result<()> {
    let growth = i64::try_from(growth).unwrap_or(i64::MAX);
    check(unsafe { ffi::proxy_increment_metric(counter, growth) })
}

/// Sets a gauge.
pub fn record(gauge: u32, value: u64) -> Result<()> {
    check(unsafe { ffi::proxy_record_metric(gauge, value) })
}

/// Runs a call that returns bytes, if there is memory to work on them.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> ffi::Status) -> Result<Vec<u8>> {
    /// Whatever is read from bytes takes less than so many times their size, but for JSON.
    const TIMES: usize = 8;
    let bytes = given(call)?;
    if memory::has_room(bytes.len().saturating_mul(TIMES)) {
        Ok(bytes)
    } else {
        Err(Error::Status(ffi::INVALID_MEMORY_ACCESS))
    }
}

/// Runs a call that returns bytes.
fn given(call: impl FnOnce(*mut *mut u8, *mut usize) -> ffi::Status) -> Result<Vec<u8>> {
    let mut data = null_mut();
    let mut size = 0;
    let status = call(&raw mut data, &raw mut size);
    // Also where it failed: what was allocated for it is not needed any more.
    let bytes = given::take(data, size);
    check(status)?;
    match bytes {
        Some(bytes) => Ok(bytes),
        None if size == 0 => Ok(Vec::new()),
        None => Err(Error::Malformed),
    }
}

fn check(status: ffi::Status) -> Result<()> {
    match status {
        0 => Ok(()),
        ffi::NOT_FOUND => Err(Error::NotFound),
        other => Err(Error::Status(other)),
    }
}
