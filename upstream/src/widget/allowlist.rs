//! Which pages may use a widget's key: what keeps everybody else away, since the key itself is on the page.
//!
//! | entry | pages |
//! |---|---|
//! | `acme.com` | `https://acme.com`, and no other port or scheme |
//! | `*.acme.com` | `https` at each name below it, however deep, and not at `acme.com` itself |
//! | `https://acme.com:8443` | exactly this origin; the one way to allow `http` or another port |
//! | `localhost`, `localhost:3000`, `localhost:*` | this machine, by `http` or `https`; likewise `127.0.0.1`, `[::1]` |
//!
//! Names are compared without regard to case, and in their ASCII form: `bücher.de` is `xn--bcher-kva.de`. No entry at
//! all means no page at all.

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::PageOrigin;
use super::origin::Scheme;

/// Entries that a list can have.
pub(crate) const MOST: usize = 100;

/// The longest entry, in bytes: a name of DNS with scheme and port.
const LONGEST: usize = 270;

/// The pages that may use a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowlist(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// `https`, at the default port.
    Host(Host),
    /// The same, below this name.
    Below(String),
    Origin(PageOrigin),
    /// Any scheme; none: the scheme's default port.
    Loopback(Host, Port),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Default,
    One(u16),
    Any,
}

/// An entry that allows nothing, or not what its writer meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("domain_allowlist[{index}]: {entry:?}: {why}")]
pub(crate) struct EntryError {
    index: usize,
    entry: String,
    why: &'static str,
}

// === impl Allowlist ===

impl Allowlist {
    /// Reads the entries.
    ///
    /// # Errors
    ///
    /// The first one that is none, and what to write.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, EntryError> {
        if entries.len() > MOST {
            return Err(EntryError {
                index: MOST,
                entry: "…".to_owned(),
                why: "a list has at most 100 entries",
            });
        }
        let read = |(index, entry): (usize, &String)| {
            Entry::parse(entry).map_err(|why| EntryError {
                index,
                entry: entry.chars().take(LONGEST).collect(),
                why,
            })
        };
        let entries: Result<_, _> = entries.iter().enumerate().map(read).collect();
        entries.map(Self)
    }

    pub(crate) fn allows(&self, page: &PageOrigin) -> bool {
        self.0.iter().any(|entry| entry.allows(page))
    }
}

// === impl Entry ===

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("longer than any name");
        }
        if text.contains("://") {
            return origin(text).map(Self::Origin);
        }
        if let Some(base) = text.strip_prefix("*.") {
            return match host(base)? {
                Host::Domain(base) if base.contains('.') => Ok(Self::Below(base)),
                Host::Domain(_) => {
                    Err("would allow a whole top-level domain; write `*.` and a name of yours")
                }
                Host::Ipv4(_) | Host::Ipv6(_) => Err("there is nothing below an address"),
            };
        }
        let (name, port) = split_port(text);
        let host = host(name)?;
        if is_loopback(&host) {
            return Ok(Self::Loopback(host, port_of(port)?));
        }
        match port {
            None => Ok(Self::Host(host)),
            Some("*") => Err("only `localhost` can have any port; write a full origin for each"),
            Some(_) => Err("write a full origin, with `https://`, to name a port"),
        }
    }

    fn allows(&self, page: &PageOrigin) -> bool {
        let is_https = page.scheme == Scheme::Https && page.has_default_port();
        match self {
            Self::Host(host) => is_https && *host == page.host,
            Self::Below(base) => match &page.host {
                Host::Domain(name) => is_https && is_below(name, base),
                Host::Ipv4(_) | Host::Ipv6(_) => false,
            },
            Self::Origin(origin) => origin == page,
            Self::Loopback(host, port) => {
                *host == page.host
                    && match port {
                        Port::Default => page.has_default_port(),
                        Port::One(port) => *port == page.port,
                        Port::Any => true,
                    }
            }
        }
    }
}

/// A name with at least one label more.
fn is_below(name: &str, base: &str) -> bool {
    let above = name
        .strip_suffix(base)
        .and_then(|labels| labels.strip_suffix('.'));
    above.is_some_and(is_name)
}

/// A full origin.
fn origin(text: &str) -> Result<PageOrigin, &'static str> {
    const FORM: &str =
        "not an origin; write `https://`, a name, and a port where it is not the usual one";
    let (scheme, authority) = text.split_once("://").ok_or(FORM)?;
    let is_web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    if !is_web {
        return Err("pages come by `http` or `https`");
    }
    if authority.contains(['/', '\\', '?', '#', '@']) {
        return Err("an origin ends after its name or port: no path, no `/`, no `@`");
    }
    let (name, port) = split_port(authority);
    // Checked here, because a URL's parser would make a name of much that is none.
    host(name)?;
    if port.is_some_and(|port| !matches!(port_of(Some(port)), Ok(Port::One(_)))) {
        return Err("a port is a number from 1 to 65535");
    }
    let url = Url::parse(text).map_err(|_| FORM)?;
    PageOrigin::of_url(&url).ok_or(FORM)
}

/// A name or an address, in the form in which browsers write it.
fn host(text: &str) -> Result<Host, &'static str> {
    if text.is_empty() {
        return Err("there is no name");
    }
    if text.contains('*') {
        return Err("`*` stands for names as the whole first label only: `*.acme.com`");
    }
    if text.contains(|character: char| {
        character.is_whitespace() || character.is_control() || character == '%'
    }) {
        return Err("a name has no spaces and no `%`");
    }
    let host = Host::parse(text).map_err(|_| "not the name of a host")?;
    match &host {
        Host::Domain(name) if name.ends_with('.') => Err("write it without the `.` at the end"),
        Host::Domain(name) if !is_name(name) => Err("not the name of a host"),
        Host::Ipv4(address) if address.to_string() != text => {
            Err("write an address as four decimal numbers")
        }
        _ => Ok(host),
    }
}

/// Labels of letters, digits, `-` and `_` (which browsers let pass).
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=63).contains(&label.len())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Before and after the last `:`, which in an IPv6 address stands within brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (authority, None),
    }
}

fn port_of(text: Option<&str>) -> Result<Port, &'static str> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        None => Ok(Port::Default),
        Some("*") => Ok(Port::Any),
        Some(text) => match text.parse() {
            Ok(port) if port > 0 && is_number(text) => Ok(Port::One(port)),
            _ => Err("a port is `*` or a number from 1 to 65535"),
        },
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => *address == Ipv4Addr::LOCALHOST,
        Host::Ipv6(address) => *address == Ipv6Addr::LOCALHOST,
    }
}
