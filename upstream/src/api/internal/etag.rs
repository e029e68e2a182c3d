//! Entity tags, and who has one already (RFC 9110 §8.8.3, §13.1.2).

use std::fmt::{self, Write};

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;
use sha2::{Digest, Sha256};

/// A strong entity tag: other bytes have another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag(String);

// === impl EntityTag ===

impl EntityTag {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut hex = String::new();
        for byte in Sha256::digest(bytes) {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// Whether `If-None-Match` names it, or anything. A header that cannot be read names nothing, and so costs a
    /// body and no more.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(IF_NONE_MATCH).iter();
        values.any(|value| self.is_in_list(value.as_bytes()))
    }

    /// The comparison is the weak one: `W/` makes no difference.
    fn is_in_list(&self, list: &[u8]) -> bool {
        if list.trim_ascii() == b"*" {
            return true;
        }
        let mut rest = list;
        loop {
            // Empty elements are allowed (RFC 9110 §5.6.1.2).
            rest = trim_start(rest);
            let tag = rest.strip_prefix(b"W/").unwrap_or(rest);
            let Some(opaque) = tag.strip_prefix(b"\"") else {
                return false;
            };
            let mut parts = opaque.splitn(2, |byte| *byte == b'"');
            let (Some(found), Some(after)) = (parts.next(), parts.next()) else {
                return false;
            };
            if found == self.0.as_bytes() {
                return true;
            }
            rest = after;
        }
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

fn trim_start(list: &[u8]) -> &[u8] {
    let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
    let start = list.iter().position(|byte| !between(byte));
    start
        .and_then(|start| list.get(start..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_bytes() {
        let tag = EntityTag::of(b"");
        assert_eq!(
            tag.to_string(),
            "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
        );
        assert_ne!(tag, EntityTag::of(b" "));
    }

    #[test]
    fn who_has_it_already() {
        let tag = EntityTag("abc".to_owned());
        let table: [(&[&str], bool); 19] = [
            (&[], false),
            (&["\"abc\""], true),
            (&["W/\"abc\""], true),
            (&["*"], true),
            (&[" * "], true),
            (&["\"x\", \"abc\""], true),
            (&["\"x\",W/\"abc\" , \"y\""], true),
            (&[", ,\"x\",, \"abc\""], true),
            (&["\"x\"", "\"abc\""], true),
            (&["\"x\", \"y\""], false),
            (&["\"a,b\", \"abc\""], true),
            (&["\"x, \"abc\""], false),
            (&["abc"], false),
            (&["\"abc"], false),
            (&["w/\"abc\""], false),
            (&["\"ABC\""], false),
            (&["\"*\""], false),
            (&["*, \"x\""], false),
            (&[""], false),
        ];
        for (values, expected) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_NONE_MATCH, value.parse().unwrap());
            }
            assert_eq!(tag.is_in(&headers), expected, "{values:?}");
        }
    }
}
