//! The headers that say who is calling. Only the gate sets them; a client's copies are removed (step 2).

use std::borrow::Cow;

/// The header by which an administrator asks for an admin route.
pub const ADMIN_HEADER: &str = "x-admin";

/// The header that tells the upstream the token's `sub`.
pub const SUBJECT_HEADER: &str = "x-tollgate-subject";

/// All headers with this beginning are the gate's.
const PREFIX: &[u8] = b"x-tollgate-";

/// Whether a header is one that the upstream may believe to come from the gate.
///
/// Servers that hand headers on as variables (CGI, RFC 3875 §4.1.18, and what follows it) read `x_tollgate_subject`
/// and `x.tollgate.subject` as `x-tollgate-subject`, so these count too.
pub fn is_reserved(name: &[u8], account_header: &str) -> bool {
    is_spelling_of(name, account_header.as_bytes())
        || is_spelling_of(name, ADMIN_HEADER.as_bytes())
        || name
            .get(..PREFIX.len())
            .is_some_and(|start| is_spelling_of(start, PREFIX))
}

fn is_spelling_of(name: &[u8], header: &[u8]) -> bool {
    name.len() == header.len() && name.iter().zip(header).all(|(a, b)| fold(*a) == fold(*b))
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// A subject as a header value: visible ASCII as it is, everything else (and `%`) percent-encoded as UTF-8.
pub fn header_value(subject: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if subject.bytes().all(is_plain) {
        return Cow::Borrowed(subject);
    }
    let mut value = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        if is_plain(byte) {
            value.push(char::from(byte));
        } else {
            value.push('%');
            value.push(hex(byte >> 4));
            value.push(hex(byte & 15));
        }
    }
    Cow::Owned(value)
}

fn hex(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_gates_headers() {
        for name in [
            "x-account-id",
            "x_account_id",
            "X-Account-ID",
            "x.account.id",
            "x-admin",
            "x_admin",
            "x-tollgate-subject",
            "x-tollgate-assertion",
            "x_tollgate_assertion",
            "x-tollgate_anything",
        ] {
            assert!(is_reserved(name.as_bytes(), "x-account-id"), "{name}");
        }
        for name in [
            "x-account",
            "x-account-id2",
            "account-id",
            "x-tollgate",
            "x-administrator",
            "",
            "accept",
        ] {
            assert!(!is_reserved(name.as_bytes(), "x-account-id"), "{name}");
        }
    }

    #[test]
    fn an_account_header_of_any_name_is_protected() {
        assert!(is_reserved(b"tenant_id", "tenant-id"));
    }

    #[test]
    fn subjects_are_encoded_not_dropped() {
        for (subject, expected) in [
            ("user-1", "user-1"),
            ("a b", "a%20b"),
            ("a\r\nx: y", "a%0D%0Ax:%20y"),
            ("100%", "100%25"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(header_value(subject), expected);
        }
    }
}
