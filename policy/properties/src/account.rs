//! An account's name is what its regular expression says, and nothing that cannot be written into a header.
//!
//! Input: a pattern, which may be empty for the default, and on the next line a name.

use regex::bytes::Regex;
use tollgate_policy::account::{AccountName, AccountRules, DEFAULT_PATTERN};
use tollgate_policy::refusal::Code;
use tollgate_policy::request::Field;

use crate::line;

/// See the module.
pub fn check(input: &[u8]) {
    let (pattern, name) = line(input);
    default(name);
    if let Ok(pattern) = str::from_utf8(pattern)
        && !pattern.is_empty()
    {
        other(pattern, name);
    }
}

fn default(name: &[u8]) {
    thread_local! {
        static EXPRESSION: Regex = Regex::new(r"\A[a-z0-9][a-z0-9_-]{0,62}\z").unwrap();
    }
    let rules = AccountRules::new(DEFAULT_PATTERN, vec!["kataven-admin".to_owned()]).unwrap();
    let matches = EXPRESSION.with(|expression| expression.is_match(name));
    assert_eq!(AccountName::parse(name).is_some(), matches);
    let reserved: [&[u8]; 4] = [b"kataven-admin", b"postgres", b"template0", b"template1"];
    let expected = match matches {
        false => Err(Code::AccountInvalid),
        true if reserved.contains(&name) => Err(Code::AccountReserved),
        true => Ok(name.to_vec()),
    };
    let found = rules.account(Field::One(name));
    assert_eq!(found.map(|name| name.as_str().into()), expected);
    agrees_with_a_key(&rules, name);
}

fn other(pattern: &str, name: &[u8]) {
    let Ok(rules) = AccountRules::new(pattern, Vec::new()) else {
        return;
    };
    let found = rules.account(Field::One(name)).ok();
    if let Some(found) = &found {
        assert_eq!(found.as_str().as_bytes(), name);
        assert!((1..=255).contains(&name.len()));
        assert!(name.iter().all(u8::is_ascii_graphic));
        assert!(rules.allows(found.as_str()));
    }
    agrees_with_a_key(&rules, name);
    // The two libraries mean the same by a pattern where it is about ASCII only.
    let is_comparable = pattern.is_ascii() && name.is_ascii() && !pattern.contains("(?");
    if is_comparable && let Ok(theirs) = Regex::new(&format!(r"\A(?:{pattern})\z")) {
        let writable = (1..=255).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
        let reserved: [&[u8]; 3] = [b"postgres", b"template0", b"template1"];
        let expected = writable && !reserved.contains(&name) && theirs.is_match(name);
        assert_eq!(found.is_some(), expected, "{pattern:?}");
    }
}

/// A key never names an account that the header could not, and none beside another in the header.
fn agrees_with_a_key(rules: &AccountRules, name: &[u8]) {
    let header = rules.account(Field::One(name));
    assert_eq!(rules.account_of_key(name, Field::Missing), header);
    assert_eq!(rules.account_of_key(name, Field::One(name)), header);
    assert!(rules.account_of_key(name, Field::Many).is_err());
    assert!(rules.account_of_key(name, Field::One(b"another")).is_err() || name == b"another");
}
