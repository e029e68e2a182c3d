//! Limits that the schema says and `tollgate_policy::config` enforces.

/// The most caps.
pub const MOST_CAPS: usize = 16;

/// The longest token, in bytes: Envoy refuses larger headers by default (60 KiB for all of them).
pub const MOST_TOKEN_BYTES: u32 = 65_536;

/// The most verified tokens that a worker remembers.
pub const MOST_CACHED_TOKENS: u32 = 1_000_000;

/// The most memory for them, in bytes.
pub const MOST_CACHED_BYTES: u32 = 512 << 20;

/// The fewest answers about keys that a worker remembers: room for those that wait, and for some more.
pub const LEAST_INTROSPECTIONS: u32 = 1000;

/// The most.
pub const MOST_INTROSPECTIONS: u32 = 1_000_000;

/// The least that all counts may take, in bytes; with many caps it is more.
pub const LEAST_SHARED_BYTES: u32 = 1 << 20;

/// The most.
pub const MOST_SHARED_BYTES: u32 = 256 << 20;

/// What `alg` may be (RFC 7518 §3.1, RFC 8037 §3.1).
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// How a route pattern begins, and what it never has.
#[cfg(feature = "schema")]
pub(super) const ROUTE: &str =
    r"^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|\*) /[^?#\\;\s]*$";

/// The name of an environment variable.
#[cfg(feature = "schema")]
pub(super) const VARIABLE: &str = "^[^=]+$";

/// An absolute URI without user and fragment.
#[cfg(feature = "schema")]
pub(super) const URI: &str = r"^https?://[!-~]+$";
