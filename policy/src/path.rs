//! Is the request readable? A path that two programs could read in two ways is refused (step 1).
//!
//! The gate decides on the path, and Envoy's router and the upstream act on it. Where they could disagree
//! (RFC 3986 leaves room for it, and old servers take more), an attacker gets a protected page through a
//! public pattern. So anything but the plain form is refused, not repaired.

use std::borrow::Cow;

use crate::refusal::Code;

/// A path with one reading: absolute, no empty or dot segments, its escapes decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a>(Cow<'a, [u8]>);

// === impl Path ===

impl<'a> Path<'a> {
    /// Reads the path of a request target, which may have a query.
    ///
    /// ```
    /// # use tollgate_policy::path::Path;
    /// let path = Path::parse(b"/api/%61gents?limit=10").unwrap();
    /// assert!(path.segments().eq([b"api".as_slice(), b"agents"]));
    /// assert!(Path::parse(b"/api/../agents").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::PathAmbiguous`].
    pub fn parse(target: &'a [u8]) -> Result<Self, Code> {
        if target.iter().any(|byte| never_in_a_target(*byte)) {
            return Err(Code::PathAmbiguous);
        }
        let path = match target.iter().position(|byte| *byte == b'?') {
            Some(query) => target.get(..query).unwrap_or_default(),
            None => target,
        };
        let path = if path.contains(&b'%') {
            Cow::Owned(unescape(path).ok_or(Code::PathAmbiguous)?)
        } else {
            Cow::Borrowed(path)
        };
        let segments_are_plain = match &*path {
            b"/" => true,
            [b'/', segments @ ..] => segments.split(|byte| *byte == b'/').all(is_plain),
            _ => false,
        };
        if !segments_are_plain {
            return Err(Code::PathAmbiguous);
        }
        Ok(Self(path))
    }

    /// The segments, without the slashes; none for `/`.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let rest = self.0.get(1..).unwrap_or_default();
        rest.split(|byte| *byte == b'/')
            .filter(move |_| !rest.is_empty())
    }
}

/// Bytes that no client sends in a path or query without meaning harm: controls, space, a fragment, and what
/// is not ASCII (RFC 3986 §2 wants that escaped).
fn never_in_a_target(byte: u8) -> bool {
    !byte.is_ascii_graphic() || byte == b'#'
}

fn is_plain(segment: &[u8]) -> bool {
    !matches!(segment, b"" | b"." | b"..")
        && !segment.iter().any(|byte| matches!(byte, b'\\' | b';'))
}

/// Decodes all escapes, so that `%3A` and `:` are the same segment; nothing for an escape that is broken or hides
/// something that has a meaning of its own.
fn unescape(path: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            plain.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return None;
        };
        rest = tail;
        match hex(*high)? << 4 | hex(*low)? {
            b'/' | b'\\' | b';' => return None,
            control if control.is_ascii_control() => return None,
            decoded => plain.push(decoded),
        }
    }
    // Whoever decodes twice, or takes overlong forms for UTF-8, would read another path.
    let decodes_again =
        |three: &[u8]| matches!(three, [b'%', a, b] if hex(*a).is_some() && hex(*b).is_some());
    if plain.windows(3).any(decodes_again) || str::from_utf8(&plain).is_err() {
        return None;
    }
    Some(plain)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_paths_are_read() {
        let table: &[(&str, &[&str])] = &[
            ("/", &[]),
            ("/?a=b", &[]),
            ("/api/accounts", &["api", "accounts"]),
            ("/api/accounts?x=/../;%2f", &["api", "accounts"]),
            ("/api/%61ccounts", &["api", "accounts"]),
            ("/a%20b/%c3%a9", &["a b", "é"]),
            ("/a%3Ab", &["a:b"]),
            ("/a/...", &["a", "..."]),
            ("/a/.well-known", &["a", ".well-known"]),
            ("/100%25", &["100%"]),
            ("/a:b@c,d=e", &["a:b@c,d=e"]),
        ];
        for (target, segments) in table {
            let path = Path::parse(target.as_bytes()).expect(target);
            let expected = segments.iter().map(|segment| segment.as_bytes());
            assert!(path.segments().eq(expected), "{target}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let table = [
            "",
            "*",
            "api",
            "http://host/api",
            "//",
            "/api//accounts",
            "/api/accounts/",
            "/api/./accounts",
            "/api/../v1/agents",
            "/api/..",
            "/api/%2e%2e/v1/agents",
            "/api/.%2E/v1",
            "/api/%2e/v1",
            "/api/accounts%2fvalidate",
            "/api/accounts%2Fvalidate",
            "/api\\accounts",
            "/api/%5caccounts",
            "/api/accounts;x",
            "/api/accounts;/x",
            "/api/accounts%3bx",
            "/api/accounts%00",
            "/api/accounts%0a",
            "/api/accounts%7f",
            "/api/accounts%",
            "/api/accounts%2",
            "/api/accounts%zz",
            "/api/accounts#x",
            "/api/accounts?x#y",
            "/api/%252e%252e/v1",
            "/api/%25%32%65%25%32%65/v1",
            "/api/%252%65/v1",
            "/api/%25%32f/v1",
            "/api/%c0%ae%c0%ae/v1",
            "/api/acc ounts",
            "/api/acc\tounts",
            "/api/\u{e9}",
        ];
        for target in table {
            let found = Path::parse(target.as_bytes());
            assert_eq!(found, Err(Code::PathAmbiguous), "{target}");
        }
    }

    proptest! {
        /// Escapes of escapes, at every depth and position.
        #[test]
        fn what_is_accepted_has_no_escape_left(
            pieces in proptest::collection::vec(
                prop::sample::select(vec!["%", "2", "5", "e", "f", "%2", "%25", "%32", "%65", ".", "/"]),
                0..12,
            ),
        ) {
            let target = format!("/{}", pieces.concat());
            if let Ok(path) = Path::parse(target.as_bytes()) {
                let decoded = path.0.to_vec();
                let escape = |three: &[u8]| three[0] == b'%' && hex(three[1]).is_some() && hex(three[2]).is_some();
                prop_assert!(!decoded.windows(3).any(escape), "{}", target);
                let slashes = |bytes: &[u8]| bytes.split(|byte| *byte == b'/').count();
                prop_assert_eq!(slashes(&decoded), slashes(target.as_bytes()), "{}", target);
                prop_assert!(path.segments().all(is_plain), "{}", target);
            }
        }

        #[test]
        fn any_bytes_are_answered(target in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Path::parse(&target);
        }
    }
}
