//! A directory has exactly the accounts that its text has, each with its status and its own caps; and an error is one line.
//!
//! Input: a pattern for names, which may be empty for the default, on a line of its own; then the text.

use serde::de::IgnoredAny;
use serde_json::Value;
use tollgate_policy::account::{AccountRules, DEFAULT_PATTERN};
use tollgate_policy::caps::Override;
use tollgate_policy::directory::{Directory, MAX_BYTES, Status};
use tollgate_policy::request::Field;

use crate::{assert_fits_a_log, line};

/// See the module.
pub fn check(input: &[u8]) {
    let (pattern, text) = line(input);
    let pattern = str::from_utf8(pattern)
        .ok()
        .filter(|pattern| !pattern.is_empty());
    let Ok(rules) = AccountRules::new(pattern.unwrap_or(DEFAULT_PATTERN), Vec::new()) else {
        return;
    };
    let directory = match Directory::parse(text, &rules) {
        Ok(directory) => directory,
        Err(error) => return assert_fits_a_log(&error.to_string()),
    };
    assert!(text.len() <= MAX_BYTES);
    serde_json::from_slice::<IgnoredAny>(text).expect("JSON");
    // Names of other gates' accounts may have anything behind them, numbers beyond all numbers too; and serde_json has a
    // name of its own.
    let Ok(whole) = serde_json::from_slice::<Value>(text) else {
        return;
    };
    if text.windows(9).any(|found| found == b"serde_jso") {
        return;
    }
    let whole = whole.as_object().expect("an object");
    assert_eq!(whole.len(), 1);
    let accounts = whole["accounts"].as_object().expect("an object");
    let mut allowed = 0;
    for (name, account) in accounts.iter().filter(|(name, _)| rules.allows(name)) {
        allowed += 1;
        let account = account.as_object().expect("an object");
        let Ok(name) = rules.account(Field::One(name.as_bytes())) else {
            // Reserved: no request can be for it.
            continue;
        };
        let listed = directory.find(&name).expect("it is there");
        let status = match account
            .get("status")
            .map(|status| status.as_str().expect("a text"))
        {
            None | Some("active") => Status::Active,
            Some("suspended") => Status::Suspended,
            Some(other) => panic!("{other}"),
        };
        assert_eq!(listed.status, status);
        let caps = account
            .get("caps")
            .map(|caps| caps.as_object().expect("an object"));
        let mut count = 0;
        for (cap, limits) in caps.into_iter().flatten() {
            let own = limits_of(limits);
            if own != Override::default() {
                count += 1;
                let found = listed.own.and_then(|caps| caps.get(cap));
                assert_eq!(found, Some(&own), "{cap}");
            }
        }
        assert_eq!(listed.own.map_or(0, std::collections::BTreeMap::len), count);
    }
    assert_eq!(directory.len(), allowed);
    assert_eq!(directory.is_empty(), allowed == 0);
}

fn limits_of(written: &Value) -> Override {
    let written = written.as_object().expect("an object");
    let of = |name: &str| {
        written.get(name).map(|limit| match limit {
            Value::Null => None,
            number => {
                let number = number.as_f64().expect("a number");
                assert!(number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "just checked"
                )]
                Some(number as u32)
            }
        })
    };
    let known = ["concurrent", "per_minute", "per_hour", "per_day"];
    assert!(written.keys().all(|name| known.contains(&name.as_str())));
    Override {
        concurrent: of("concurrent"),
        per_minute: of("per_minute"),
        per_hour: of("per_hour"),
        per_day: of("per_day"),
    }
}
