//! One cap: a named limit for each account.

use std::collections::BTreeMap;

use super::checksum::fnv1a;
use super::limits::{Limits, Overrides, Window};
use crate::account::AccountName;
use crate::path::Path;
use crate::route::{Mounts, RoutePattern};

/// The longest name of a cap, in bytes.
pub const LONGEST_NAME: usize = 64;

/// A named limit for each account, on all protected requests or on some routes.
#[derive(Debug)]
pub struct Cap {
    name: String,
    /// Its name with each window's, as [`Window::ALL`].
    labels: [String; 4],
    id: u64,
    routes: Option<Vec<RoutePattern>>,
    limits: Limits,
    accounts: BTreeMap<String, Limits>,
}

/// What a request asks for, as far as caps go.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// Where the routes are.
    pub mounts: &'r Mounts,
    /// The request's method.
    pub method: &'r [u8],
    /// The request's path.
    pub path: &'r Path<'r>,
    /// What the account has instead of the configured limits.
    pub own: Option<&'r Overrides>,
}

// === impl Cap ===

impl Cap {
    /// A cap; `routes` none: on all protected requests.
    pub fn new(
        name: String,
        routes: Option<Vec<RoutePattern>>,
        limits: Limits,
        accounts: BTreeMap<String, Limits>,
    ) -> Self {
        Self {
            id: fnv1a(name.as_bytes()),
            labels: Window::ALL.map(|window| format!("{name}.{}", window.as_str())),
            name,
            routes,
            limits,
            accounts,
        }
    }

    /// Whether a cap can have this name: 1 to 64 letters, digits, `-` and `_`. It stands in headers and in metrics' names.
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(plain)
    }

    /// Its configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells this cap's counts from others' in the store.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn label(&self, window: Window) -> &str {
        let mut labels = Window::ALL.into_iter().zip(&self.labels);
        let label = labels.find(|(labelled, _)| *labelled == window);
        label.map_or("", |(_, label)| label)
    }

    pub(super) fn applies(&self, asked: &Asked<'_>) -> bool {
        self.routes.as_ref().is_none_or(|routes| {
            routes
                .iter()
                .any(|route| route.matches(asked.mounts, asked.method, asked.path))
        })
    }

    pub(super) fn limits(&self, account: &AccountName, asked: &Asked<'_>) -> Limits {
        let configured = self.accounts.get(account.as_str()).unwrap_or(&self.limits);
        match asked.own.and_then(|own| own.get(&self.name)) {
            Some(own) => configured.with(own),
            None => *configured,
        }
    }
}
