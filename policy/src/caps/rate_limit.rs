//! What a client is told about the caps: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-10), each a list (RFC 9651 §3.1) with one item a limited window.

use std::fmt::Write;

use super::limits::Window;

/// `RateLimit-Policy`: what may be used.
pub const POLICY_HEADER: &str = "ratelimit-policy";

/// `RateLimit`: what is left.
pub const HEADER: &str = "ratelimit";

/// How much of one window is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remaining<'c> {
    pub cap: &'c str,
    pub window: Window,
    pub limit: u32,
    pub left: u32,
    /// Seconds until it is over.
    pub seconds: u32,
}

/// The values of both fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// `RateLimit-Policy`.
    pub policy: String,
    /// `RateLimit`.
    pub remaining: String,
}

// === impl RateLimit ===

impl RateLimit {
    /// The fields for all windows that limit a request. A cap's name is letters, digits, `-` and `_`, so nothing needs
    /// to be escaped.
    pub(super) fn of(windows: &[Remaining<'_>]) -> Self {
        let mut fields = Self {
            policy: String::with_capacity(windows.len() * 48),
            remaining: String::with_capacity(windows.len() * 40),
        };
        for window in windows {
            fields.add(window);
        }
        fields
    }

    fn add(&mut self, window: &Remaining<'_>) {
        let Self { policy, remaining } = self;
        if !policy.is_empty() {
            policy.push_str(", ");
            remaining.push_str(", ");
        }
        let (cap, name) = (window.cap, window.window.as_str());
        // Writing to a string cannot fail.
        let _ = match window.window.seconds() {
            Some(seconds) => write!(policy, "\"{cap}.{name}\";q={};w={seconds}", window.limit),
            None => write!(
                policy,
                "\"{cap}.{name}\";q={};qu=\"concurrent-requests\"",
                window.limit
            ),
        };
        let _ = write!(remaining, "\"{cap}.{name}\";r={}", window.left);
        if window.window.seconds().is_some() {
            let _ = write!(remaining, ";t={}", window.seconds);
        }
    }
}
