//! Caps, with their overrides for single accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Result, pattern, source, wrong};
use crate::account::AccountRules;
use crate::caps::{Cap, Caps, Limits, MAX_CAPS, Override, Rules};
use crate::request::Field;

pub(super) fn caps(
    source: Vec<source::Cap>,
    accounts: &AccountRules,
    rules: Rules,
) -> Result<Caps> {
    if source.len() > MAX_CAPS {
        let found = source.len();
        return Err(wrong(
            "caps",
            format!("{found} caps; write {MAX_CAPS} at most"),
        ));
    }
    let mut seen = BTreeSet::new();
    let mut caps = Vec::with_capacity(source.len());
    for (number, source) in source.into_iter().enumerate() {
        let cap = cap(source, &format!("caps[{number}]"), accounts)?;
        if !seen.insert(cap.id()) {
            return Err(wrong(
                format!("caps[{number}].name"),
                "two caps have this name; choose another",
            ));
        }
        caps.push(cap);
    }
    Ok(Caps::new(caps, rules))
}

pub(super) fn bytes(written: source::SharedCounts, caps: usize) -> Result<usize> {
    const LEAST: usize = source::LEAST_SHARED_BYTES as usize;
    const MOST: usize = source::MOST_SHARED_BYTES as usize;
    let least = Caps::least_bytes(caps).max(LEAST);
    let found = usize::try_from(written.bytes.0).unwrap_or(usize::MAX);
    if !(least..=MOST).contains(&found) {
        let message =
            format!("{found}: with {caps} caps, write a number from {least} to {MOST} (256 MiB)");
        return Err(wrong("shared_counts.bytes", message));
    }
    Ok(found)
}

fn cap(source: source::Cap, path: &str, accounts: &AccountRules) -> Result<Cap> {
    if !Cap::is_name(&source.name) {
        let message = format!("{:?}: write 1 to 64 letters, digits, - and _", source.name);
        return Err(wrong(format!("{path}.name"), message));
    }
    let routes = source.routes.map(|routes| {
        let parse =
            |(number, text): (usize, &String)| pattern(text, || format!("{path}.routes[{number}]"));
        routes
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<Vec<_>>>()
    });
    let routes = routes.transpose()?;
    if routes.as_ref().is_some_and(Vec::is_empty) {
        let message = "an empty list: the cap would apply to nothing; leave it out for all protected requests";
        return Err(wrong(format!("{path}.routes"), message));
    }
    let limits = Limits::default().with(&own(source.limits));
    let mut accounts_own = BTreeMap::new();
    for (account, written) in source.accounts {
        if let Err(code) = accounts.account(Field::One(account.as_bytes())) {
            let message = format!("no request can be for this account: {}", code.detail());
            return Err(wrong(format!("{path}.accounts.{account}"), message));
        }
        accounts_own.insert(account, limits.with(&own(written)));
    }
    Ok(Cap::new(source.name, routes, limits, accounts_own))
}

pub(in crate::config) fn own(source: source::Limits) -> Override {
    let limit =
        |written: Option<Option<source::Whole>>| written.map(|limit| limit.map(|number| number.0));
    Override {
        concurrent: limit(source.concurrent),
        per_minute: limit(source.per_minute),
        per_hour: limit(source.per_hour),
        per_day: limit(source.per_day),
    }
}
