//! What a client is told about the caps: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-10), each a list (RFC 9651 §3.1) with one item a limited window.

use super::Cap;
use super::limits::Window;

/// `RateLimit-Policy`: what may be used.
pub const POLICY_HEADER: &str = "ratelimit-policy";

/// `RateLimit`: what is left.
pub const HEADER: &str = "ratelimit";

/// How much of one window is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remaining<'c> {
    pub cap: &'c Cap,
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

// === impl Remaining ===

impl Remaining<'_> {
    /// The window and what is left of it, for logs: `requests.per_minute=59`.
    pub fn label(&self) -> String {
        let name = self.cap.label(self.window);
        let mut label = String::with_capacity(name.len() + 11);
        label.push_str(name);
        label.push('=');
        push(&mut label, self.left);
        label
    }
}

// === impl RateLimit ===

impl RateLimit {
    /// The fields for all windows that limit a request. A cap's name is letters, digits, `-` and `_`, so nothing needs
    /// to be escaped.
    pub(super) fn of(windows: &[Remaining<'_>]) -> Self {
        let mut fields = Self {
            policy: String::with_capacity(windows.len() * 56),
            remaining: String::with_capacity(windows.len() * 48),
        };
        for window in windows {
            fields.add(window);
        }
        fields
    }

    /// Written without `format!`, which takes several times as long: it is done for every request.
    fn add(&mut self, window: &Remaining<'_>) {
        let Self { policy, remaining } = self;
        let separator = if policy.is_empty() { "\"" } else { ", \"" };
        let label = window.cap.label(window.window);
        for field in [&mut *policy, &mut *remaining] {
            field.push_str(separator);
            field.push_str(label);
        }
        policy.push_str("\";q=");
        push(policy, window.limit);
        remaining.push_str("\";r=");
        push(remaining, window.left);
        match window.window.seconds() {
            Some(seconds) => {
                policy.push_str(";w=");
                push(policy, seconds);
                remaining.push_str(";t=");
                push(remaining, window.seconds);
            }
            None => policy.push_str(";qu=\"concurrent-requests\""),
        }
    }
}

fn push(text: &mut String, number: u32) {
    text.push_str(itoa::Buffer::new().format(number));
}
