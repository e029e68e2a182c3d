//! What is accepted as a key has the form of one and the right checksum; what was written is read; and what was changed in
//! one place is not.
//!
//! Input, in lines: a prefix; an account, or a whole key behind it; then the bytes of the secret, of which the first two
//! also say which character is changed, and into what.

use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::line;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// See the module.
pub fn check(input: &[u8]) {
    let (prefix, rest) = line(input);
    let (text, secret) = line(rest);
    let Ok(prefix) = str::from_utf8(prefix) else {
        return;
    };
    read(prefix, text);
    read(prefix, rest);

    let mut entropy = [0; ENTROPY];
    for (to, from) in entropy.iter_mut().zip(secret) {
        *to = *from;
    }
    let Ok(account) = str::from_utf8(text) else {
        return;
    };
    if account.is_empty() {
        return;
    }
    let key = ApiKey::write(prefix, account, &entropy);
    let found = ApiKey::read(prefix, key.as_bytes()).expect("the prefix");
    assert_eq!(found.expect("a key").account(), account.as_bytes());
    read(prefix, key.as_bytes());

    let mut changed = key.clone().into_bytes();
    let place = usize::from(u16::from_le_bytes([entropy[0], entropy[1]])) % changed.len();
    changed[place] = entropy[2];
    if changed != key.as_bytes() {
        let found = ApiKey::read(prefix, &changed);
        assert!(
            !matches!(found, Some(Ok(_))),
            "{key} {}",
            changed.escape_ascii()
        );
    }
    let shorter = &key.as_bytes()[..key.len() - 1];
    assert!(!matches!(ApiKey::read(prefix, shorter), Some(Ok(_))));
}

/// What another reader, written from the form's description, thinks of it.
fn read(prefix: &str, text: &[u8]) {
    let ours = ApiKey::read(prefix, text);
    assert_eq!(ours.is_some(), text.starts_with(prefix.as_bytes()));
    let theirs = text.strip_prefix(prefix.as_bytes()).and_then(account);
    let checksum = text.len() >= 6 && {
        let (before, last) = text.split_at(text.len() - 6);
        base62(crc32fast::hash(before)) == last
    };
    let found = ours.and_then(Result::ok).map(|key| key.account());
    assert_eq!(
        found,
        theirs.filter(|_| checksum),
        "{}",
        text.escape_ascii()
    );
}

/// `<account>_<39 letters and digits>`.
fn account(rest: &[u8]) -> Option<&[u8]> {
    let underscore = rest.iter().rposition(|byte| *byte == b'_')?;
    let secret = &rest[underscore + 1..];
    let fits = secret.len() == 39 && secret.iter().all(|digit| DIGITS.contains(digit));
    (fits && underscore > 0).then_some(&rest[..underscore])
}

fn base62(mut number: u32) -> [u8; 6] {
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[number as usize % 62];
        number /= 62;
    }
    digits
}
