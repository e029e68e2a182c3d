//! What a call to the host returns (`WasmResult` in proxy-wasm-cpp-host's `wasm_api_impl.h`).

/// A status by its number.
pub type Status = u32;

/// Done.
pub const OK: Status = 0;
/// There is no such thing.
pub const NOT_FOUND: Status = 1;
/// Not with these arguments, or not in this phase.
pub const BAD_ARGUMENT: Status = 2;
/// The value cannot be written in the form that crosses the boundary.
pub const SERIALIZATION_FAILURE: Status = 3;
/// The value cannot be read.
pub const PARSE_FAILURE: Status = 4;
/// A pointer or a size leads outside the memory, or the module could not allocate.
pub const INVALID_MEMORY_ACCESS: Status = 6;
/// There is nothing in it.
pub const EMPTY: Status = 7;
/// Somebody else was faster.
pub const CAS_MISMATCH: Status = 8;
/// The result is not what was expected.
pub const RESULT_MISMATCH: Status = 9;
/// Envoy cannot, for a reason of its own; also what a restricted capability gives.
pub const INTERNAL_FAILURE: Status = 10;
/// Not in this host.
pub const UNIMPLEMENTED: Status = 12;

/// All that tell of a failure, and some that no host has.
pub const FAILURES: [Status; 15] = [
    NOT_FOUND,
    BAD_ARGUMENT,
    SERIALIZATION_FAILURE,
    PARSE_FAILURE,
    5,
    INVALID_MEMORY_ACCESS,
    EMPTY,
    CAS_MISMATCH,
    RESULT_MISMATCH,
    INTERNAL_FAILURE,
    11,
    UNIMPLEMENTED,
    13,
    255,
    u32::MAX,
];
