//! For whom? The account that a request names (step 4 of the decision).

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

use crate::refusal::Code;
use crate::request::Field;

/// The pattern that account names match unless the configuration has another.
pub const DEFAULT_PATTERN: &str = tollgate_config::DEFAULT_ACCOUNT_PATTERN;

/// Databases that every PostgreSQL server has. An account's name is its database's name, so these can
/// never be accounts, whatever the configuration says.
const ALWAYS_RESERVED: [&str; 3] = ["postgres", "template0", "template1"];

/// A well-formed account name; not necessarily one that exists, nor one that the caller may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// What an account may be called.
#[derive(Debug, Default)]
pub struct AccountRules {
    /// None: [`DEFAULT_PATTERN`], which needs no regular expression.
    pattern: Option<Regex>,
    reserved: Vec<String>,
}

/// The most that a pattern is compiled to, in bytes. A few characters (`(a{1,999}){1,99}`) can mean a hundred thousand
/// states, which take memory that the configuration's size does not tell of, and time for every name.
const PATTERN_BYTES: usize = 256 << 10;

/// Why [`AccountRules::new`] refuses a pattern.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(#[from] regex_lite::Error);

// === impl AccountName ===

impl AccountName {
    /// Parses a name by [`DEFAULT_PATTERN`].
    ///
    /// ```
    /// # use tollgate_policy::account::AccountName;
    /// assert!(AccountName::parse(b"acme").is_some());
    /// assert!(AccountName::parse(b"Acme").is_none());
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        matches_default(bytes)
            .then(|| str::from_utf8(bytes).ok())
            .flatten()
            .map(|name| Self(name.to_owned()))
    }

    /// A name that the gate has admitted by a pattern of its own.
    pub(crate) fn admitted(name: &str) -> Option<Self> {
        is_writable(name).then(|| Self(name.to_owned()))
    }

    /// The name as text: visible ASCII only.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl AccountRules ===

impl AccountRules {
    /// Rules with a pattern, which must match the whole name, and names that nobody may use.
    ///
    /// # Errors
    ///
    /// The pattern is not a regular expression, or means too many states.
    pub fn new(pattern: &str, reserved: Vec<String>) -> Result<Self, PatternError> {
        let pattern = match pattern {
            DEFAULT_PATTERN => None,
            other => {
                // On its own first: what is no pattern by itself could be one within the group.
                compiled(other)?;
                Some(compiled(&format!("^(?:{other})$"))?)
            }
        };
        Ok(Self { pattern, reserved })
    }

    /// The account that the account header names.
    ///
    /// # Errors
    ///
    /// [`Code::AccountMissing`], [`Code::AccountDuplicate`], [`Code::AccountInvalid`] or
    /// [`Code::AccountReserved`].
    pub fn account(&self, header: Field<'_>) -> Result<AccountName, Code> {
        match header {
            Field::Missing => Err(Code::AccountMissing),
            Field::One(value) => self.parse(value),
            Field::Many => Err(Code::AccountDuplicate),
        }
    }

    /// The account that a key names, with which the account header must agree where it is sent.
    ///
    /// # Errors
    ///
    /// As [`Self::account`], and [`Code::AccountForbidden`] where they differ.
    pub fn account_of_key(&self, named: &[u8], header: Field<'_>) -> Result<AccountName, Code> {
        let sent = match header {
            Field::Missing => None,
            _ => Some(self.account(header)?),
        };
        let named = self.parse(named)?;
        if sent.is_some_and(|sent| sent != named) {
            return Err(Code::AccountForbidden);
        }
        Ok(named)
    }

    /// Whether a name is of the pattern; it can be reserved.
    pub fn allows(&self, name: &str) -> bool {
        match &self.pattern {
            None => matches_default(name.as_bytes()),
            Some(pattern) => is_writable(name) && pattern.is_match(name),
        }
    }

    /// The pattern, in one of the ways to write it.
    pub fn pattern(&self) -> &str {
        self.pattern.as_ref().map_or(DEFAULT_PATTERN, Regex::as_str)
    }

    fn parse(&self, value: &[u8]) -> Result<AccountName, Code> {
        let name = match &self.pattern {
            None => AccountName::parse(value),
            Some(pattern) => str::from_utf8(value)
                .ok()
                .filter(|name| pattern.is_match(name))
                .and_then(AccountName::admitted),
        }
        .ok_or(Code::AccountInvalid)?;
        if self.is_reserved(&name) {
            return Err(Code::AccountReserved);
        }
        Ok(name)
    }

    fn is_reserved(&self, name: &AccountName) -> bool {
        ALWAYS_RESERVED.contains(&name.as_str())
            || self
                .reserved
                .iter()
                .any(|reserved| reserved == name.as_str())
    }
}

fn compiled(pattern: &str) -> Result<Regex, regex_lite::Error> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(PATTERN_BYTES).build()
}

/// Whatever a pattern allows, the name is written into headers, and its length into one byte of a slot.
fn is_writable(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// [`DEFAULT_PATTERN`] by hand: it runs for every request.
fn matches_default(bytes: &[u8]) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.len() <= 63
        && bytes.first().is_some_and(alphanumeric)
        && bytes
            .iter()
            .all(|byte| alphanumeric(byte) || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> AccountRules {
        AccountRules::new(DEFAULT_PATTERN, vec!["kataven-admin".to_owned()]).unwrap()
    }

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        let too_long = "a".repeat(64);
        let table: &[(&str, Result<(), Code>)] = &[
            ("acme", Ok(())),
            ("0", Ok(())),
            ("a_b-c", Ok(())),
            (&longest, Ok(())),
            (&too_long, Err(Code::AccountInvalid)),
            ("", Err(Code::AccountInvalid)),
            ("Acme", Err(Code::AccountInvalid)),
            ("-acme", Err(Code::AccountInvalid)),
            ("_acme", Err(Code::AccountInvalid)),
            ("a.b", Err(Code::AccountInvalid)),
            ("acme ", Err(Code::AccountInvalid)),
            ("acme\n", Err(Code::AccountInvalid)),
            ("acme,globex", Err(Code::AccountInvalid)),
            ("ácme", Err(Code::AccountInvalid)),
            ("kataven-admin", Err(Code::AccountReserved)),
            ("postgres", Err(Code::AccountReserved)),
            ("template0", Err(Code::AccountReserved)),
            ("template1", Err(Code::AccountReserved)),
        ];
        for (name, expected) in table {
            let found = rules().account(Field::One(name.as_bytes())).map(|_| ());
            assert_eq!(&found, expected, "{name:?}");
        }
    }

    #[test]
    fn one_value_and_no_more() {
        let account = |header| rules().account(header);
        assert_eq!(account(Field::Missing), Err(Code::AccountMissing));
        assert_eq!(account(Field::Many), Err(Code::AccountDuplicate));
    }

    #[test]
    fn a_key_and_the_header_name_one_account() {
        let of_key = |named: &str, header| {
            let account = rules().account_of_key(named.as_bytes(), header);
            account.map(|name| name.to_string())
        };
        let acme = || Ok("acme".to_owned());
        assert_eq!(of_key("acme", Field::Missing), acme());
        assert_eq!(of_key("acme", Field::One(b"acme")), acme());
        for (named, header, expected) in [
            ("acme", Field::Many, Code::AccountDuplicate),
            ("acme", Field::One(b""), Code::AccountInvalid),
            ("acme", Field::One(b"Acme"), Code::AccountInvalid),
            ("acme", Field::One(b"postgres"), Code::AccountReserved),
            ("acme", Field::One(b"globex"), Code::AccountForbidden),
            ("postgres", Field::Missing, Code::AccountReserved),
            ("kataven-admin", Field::One(b"acme"), Code::AccountReserved),
            ("Acme", Field::Missing, Code::AccountInvalid),
        ] {
            assert_eq!(of_key(named, header), Err(expected), "{named} {header:?}");
        }
    }

    #[test]
    fn a_configured_pattern_covers_the_whole_name_and_nothing_unprintable() {
        let rules = AccountRules::new("[A-Z]+|.b", Vec::new()).unwrap();
        assert!(rules.account(Field::One(b"ACME")).is_ok());
        let endless = "A".repeat(256);
        for bad in ["ACME1", "xACME", "\nb", "éb", "acb", "", &endless] {
            let found = rules.account(Field::One(bad.as_bytes()));
            assert_eq!(found, Err(Code::AccountInvalid), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_cannot_leave_its_group() {
        assert!(AccountRules::new("a)|(?:b", Vec::new()).is_err());
    }

    #[test]
    fn a_pattern_has_a_largest_size() {
        let longest_name = "[A-Za-z0-9_.-]{1,255}";
        assert!(AccountRules::new(longest_name, Vec::new()).is_ok());
        assert!(AccountRules::new("(a{1,999}){1,99}", Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn the_fast_path_is_the_pattern(name in "[a-z0-9_.A-Z\n-]{0,70}") {
            let pattern = Regex::new("^[a-z0-9][a-z0-9_-]{0,62}$").unwrap();
            prop_assert_eq!(matches_default(name.as_bytes()), pattern.is_match(&name));
        }

        #[test]
        fn any_bytes_are_answered(name in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = rules().account(Field::One(&name));
        }
    }
}
