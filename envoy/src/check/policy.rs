//! All that is wrong with the filter's own configuration, by the code that the filter runs.
//!
//! It says the first thing only. So what it names is replaced by something right, and it is asked again, until it has
//! nothing to say.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_policy::config::Policy;

use super::finding::Finding;
use crate::carrier::document::Mark;
use crate::carrier::place::Place;

/// More errors than anybody reads.
const MOST: usize = 100;

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Name(String),
    Number(usize),
}

/// What is wrong with it.
pub fn errors(at: &Place<'_>) -> Vec<Finding> {
    let mut value = at.reader().value(at.node);
    let mut found = Vec::new();
    let mut replaced: HashMap<Vec<Step>, usize> = HashMap::new();
    loop {
        let Err(error) = Policy::from_bytes(value.to_string().as_bytes()) else {
            return found;
        };
        let mut steps = steps(&value, error.path());
        let missing = error
            .message()
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next());
        if let Some(name) = missing {
            steps.push(Step::Name(name.to_owned()));
        }
        // What is said of our own replacements is nobody's concern.
        // And what is missing beside one may be so because of it.
        let is_beside = |ours: &Vec<Step>| {
            missing.is_none()
                && !is_there(at, &steps)
                && ours.split_last().map(|it| it.1) == steps.split_last().map(|it| it.1)
        };
        let is_ours = replaced
            .keys()
            .any(|ours| steps.starts_with(ours) || is_beside(ours));
        if !is_ours {
            let message = match missing.and(sample(&steps)).map(shortened) {
                Some(sample) => format!("{}; write one such as {sample}", error.message()),
                None => error.message().to_owned(),
            };
            found.push(Finding::error(mark(at, &steps), error.path(), message));
        }
        // Each time that the same place is named, more around it is replaced.
        let before = replaced.entry(steps.clone()).or_default();
        let up = *before;
        *before += 1;
        steps.truncate(steps.len().saturating_sub(up));
        if found.len() >= MOST || up > steps.len() + 1 {
            return found;
        }
        replaced.entry(steps.clone()).or_default();
        replace(&mut value, &steps, replaced.len());
    }
}

/// The steps of a path such as `caps[0].accounts.acme`, as far as they lead somewhere, and the last that does not.
fn steps(value: &Value, path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut here, mut rest) = (Some(value), path);
    if path == "configuration" && value.get(path).is_none() {
        return steps;
    }
    while !rest.is_empty() {
        let text = rest.strip_prefix('.').unwrap_or(rest);
        if let Some((number, behind)) = text.strip_prefix('[').and_then(|text| text.split_once(']'))
            && let Ok(number) = number.parse()
        {
            steps.push(Step::Number(number));
            here = here.and_then(|here| here.get(number));
            rest = behind;
            continue;
        }
        // A name may have dots in it: the longest that is there is meant.
        let names = here.and_then(Value::as_object);
        let known = names
            .into_iter()
            .flat_map(|names| names.keys())
            .filter(|name| {
                let shown = tollgate_config::quoted(name, usize::MAX);
                let behind = text.strip_prefix(&*shown);
                behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(['.', '[']))
            })
            .max_by_key(|name| name.len());
        let name = match known {
            Some(name) => name.clone(),
            None => text.split(['.', '[']).next().unwrap_or(text).to_owned(),
        };
        if name.is_empty() {
            break;
        }
        rest = text
            .get(tollgate_config::quoted(&name, usize::MAX).len()..)
            .unwrap_or_default();
        here = here.and_then(|here| here.get(&name));
        steps.push(Step::Name(name));
    }
    steps
}

/// Whether somebody has written something there.
fn is_there(at: &Place<'_>, steps: &[Step]) -> bool {
    let found = steps.iter().try_fold(at.node, |node, step| match step {
        Step::Name(name) => node.get(name),
        Step::Number(number) => node.items().get(*number),
    });
    found.is_some()
}

/// Where the last of the steps that leads somewhere is.
fn mark(at: &Place<'_>, steps: &[Step]) -> Mark {
    let (mut node, mut mark) = (at.node, at.mark);
    for step in steps {
        match step {
            Step::Name(name) => {
                let Some(member) = node.member(name) else {
                    break;
                };
                (node, mark) = (&member.value, member.mark);
            }
            Step::Number(number) => {
                let Some(item) = node.items().get(*number) else {
                    break;
                };
                (node, mark) = (item, item.mark);
            }
        }
    }
    mark
}

/// Puts something right at a place, or nothing where there is nothing that is.
fn replace(value: &mut Value, steps: &[Step], number: usize) {
    let Some((last, parents)) = steps.split_last() else {
        *value = whole();
        return;
    };
    let mut parent = value;
    for step in parents {
        let next = match step {
            Step::Name(name) => parent.get_mut(name),
            Step::Number(number) => parent.get_mut(*number),
        };
        let Some(next) = next else { return };
        parent = next;
    }
    let mut right = sample(steps);
    // These must differ from each other.
    let names = [
        Step::Name("issuer".to_owned()),
        Step::Name("name".to_owned()),
    ];
    if names.contains(last)
        && let Some(Value::String(text)) = &mut right
    {
        text.push_str(&number.to_string());
    }
    match (parent, last, right) {
        (Value::Object(members), Step::Name(name), Some(right)) => {
            members.insert(name.clone(), right);
        }
        (Value::Object(members), Step::Name(name), None) => {
            members.remove(name);
        }
        (Value::Array(items), Step::Number(number), right) => {
            if let Some(item) = items.get_mut(*number) {
                *item = right.unwrap_or_default();
            }
        }
        _ => {}
    }
}

/// What would be right at a place.
fn sample(steps: &[Step]) -> Option<Value> {
    let whole = whole();
    let found = steps.iter().try_fold(&whole, |here, step| match step {
        Step::Name(name) => here.get(name),
        Step::Number(_) => here.get(0),
    });
    found.cloned()
}

/// Of an object, what tells most.
fn shortened(mut sample: Value) -> Value {
    const TELLING: [&str; 8] = [
        "claim",
        "shape",
        "cluster",
        "uri",
        "authorization_env",
        "per_minute",
        "prefix",
        "introspection",
    ];
    if let Value::Object(members) = &mut sample {
        members.retain(|name, _| TELLING.contains(&name.as_str()));
    }
    sample
}

/// A configuration with every member, each as wide as it may be, so that none contradicts what stands beside it.
fn whole() -> Value {
    json!({
        "issuers": [{
            "issuer": "https://id.example.com",
            "audiences": ["api"],
            "authorized_parties": [],
            "algorithms": ["RS256"],
            "jwks": {
                "cluster": "issuer",
                "uri": "https://id.example.com/keys",
                "discovery": false,
                "inline": null,
                "refresh": "1s",
                "timeout": "1s",
                "unknown_kid_cooldown": "30s",
                "max_stale": "30d",
                "max_wait": "2s",
            },
            "clock_skew": "60s",
            "max_lifetime": null,
            "max_size": 8192,
            "membership": {"claim": ["accounts"], "shape": "list"},
            "admin": {"claim": ["admin"]},
            "routes": ["GET /example"],
        }],
        "api_keys": {
            "prefix": "sk_live_",
            "introspection": {
                "cluster": "accounts",
                "uri": "https://id.example.com/introspect",
                "authorization_env": "TOLLGATE_INTROSPECTION_TOKEN",
                "timeout": "1s",
                "max_wait": "2s",
            },
            "cache": {"active": "5m", "inactive": "5s", "entries": 10000},
            "membership": {"claim": ["accounts"], "shape": "list"},
            "audiences": ["api"],
        },
        "token_cache": {"entries": 10000, "bytes": 8_388_608},
        "accounts": {
            "header": "x-account-id",
            "pattern": ".+",
            "reserved": ["example"],
            "directory": {
                "cluster": "accounts",
                "uri": "https://id.example.com/directory",
                "refresh": "2s",
                "timeout": "5s",
                "max_wait": "2s",
                "authorization_env": "TOLLGATE_DIRECTORY_TOKEN",
            },
        },
        "mounts": [""],
        "routes": [{"match": "GET /example", "access": "public", "forward_authorization": false}],
        "caps": [{
            "name": "requests",
            "routes": ["GET /example"],
            "limits": {"concurrent": 20, "per_minute": 60, "per_hour": 1000, "per_day": 10000},
            "accounts": {},
        }],
        "shared_counts": {"bytes": 268_435_456},
        "rate_limit_fields": true,
        "assertion": {"key_env": "TOLLGATE_ASSERTION_KEY", "audience": "upstream", "ttl": "60s"},
        "forward_authorization": false,
        "filter_state": ["account"],
        "errors": {"format": "problem_json"},
        "mode": "enforce",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in for what is wrong has every member that there is, and is right.
    #[test]
    fn the_sample_is_right_and_whole() {
        let text = whole().to_string();
        assert_eq!(Policy::from_bytes(text.as_bytes()).map(drop), Ok(()));
        let schema = tollgate_config::schema();
        let definitions = schema["$defs"]
            .as_object()
            .unwrap()
            .values()
            .chain([&schema]);
        for name in definitions
            .filter_map(|definition| definition["properties"].as_object())
            .flat_map(|properties| properties.keys())
        {
            assert!(text.contains(&format!("{name:?}:")), "{name}");
        }
    }
}
