//! The host functions of proxy-wasm ABI 0.2.1 that the gate calls, as they are.
//!
//! A status is a number: a host can return others than those that are in the ABI's list.

/// 0 is success (`WasmResult` in proxy-wasm-cpp-host's `wasm_api_impl.h`).
pub type Status = u32;

/// The version of an entry did not match in `proxy_set_shared_data`.
pub const CAS_MISMATCH: Status = 8;

/// There is no such thing.
pub const NOT_FOUND: Status = 1;

/// There was no memory for what the call returns, or no such memory.
pub const INVALID_MEMORY_ACCESS: Status = 6;

/// `BufferType`.
pub mod buffer {
    pub const HTTP_CALL_RESPONSE_BODY: u32 = 4;
    pub const PLUGIN_CONFIGURATION: u32 = 7;
}

/// `MapType`.
pub mod map {
    pub const HTTP_RESPONSE_HEADERS: u32 = 2;
    pub const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;
}

/// `StreamType`.
pub mod stream {
    pub const HTTP_REQUEST: u32 = 0;
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub fn proxy_log(level: u32, message: *const u8, message_size: usize) -> Status;
    pub fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status;
    pub fn proxy_set_tick_period_milliseconds(period: u32) -> Status;
    pub fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    pub fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> Status;
    pub fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    pub fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> Status;
    pub fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    pub fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    pub fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    pub fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> Status;
    pub fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> Status;
    pub fn proxy_continue_stream(stream: u32) -> Status;
    pub fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> Status;
    pub fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        token: *mut u32,
    ) -> Status;
    pub fn proxy_set_effective_context(context: u32) -> Status;
    pub fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    pub fn proxy_define_metric(
        kind: u32,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> Status;
    pub fn proxy_increment_metric(id: u32, offset: i64) -> Status;
    pub fn proxy_record_metric(id: u32, value: u64) -> Status;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// 0 is success, any other number an error of its own kind.
    pub fn random_get(bytes: *mut u8, size: usize) -> Status;
    /// How many variables there are, and how many bytes they are together.
    pub fn environ_sizes_get(count: *mut usize, size: *mut usize) -> Status;
    /// Where each begins, and their bytes: `NAME=value` with a NUL behind it.
    pub fn environ_get(starts: *mut *mut u8, bytes: *mut u8) -> Status;
}
