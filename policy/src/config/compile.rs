//! From what is written to what the decision uses; contradictions are found here.

mod api_keys;
mod caps;
mod directory;
mod issuer;

use std::time::Duration;

pub(super) use self::caps::own as limits_of_an_account;
use tollgate_config as source;

use super::{AssertionRules, ConfigError, FilterState, Mode, Policy};
use crate::account::AccountRules;
use crate::caps::Rules;
use crate::identity;
use crate::refusal::Format;
use crate::route::{Access, Class, Mounts, RoutePattern, Routes};
use crate::token::CacheLimits;
use crate::uri::Uri;

type Result<T> = std::result::Result<T, ConfigError>;

pub(super) fn policy(source: source::Configuration) -> Result<Policy> {
    let forward_authorization = source.forward_authorization;
    let accounts = account_rules(&source.accounts)?;
    let mode = match source.mode {
        source::Mode::Enforce => Mode::Enforce,
        source::Mode::Report => Mode::Report,
    };
    let rules = Rules {
        bytes: caps::bytes(source.shared_counts, source.caps.len())?,
        rate_limit_fields: source.rate_limit_fields,
        is_enforced: mode == Mode::Enforce,
    };
    Ok(Policy {
        issuers: issuer::issuers(source.issuers, source.api_keys.is_some())?,
        mounts: Mounts::parse(&source.mounts).map_err(|error| wrong("mounts", error))?,
        routes: routes(source.routes, forward_authorization)?,
        api_keys: source.api_keys.map(api_keys::api_keys).transpose()?,
        token_cache: token_cache(source.token_cache)?,
        caps: caps::caps(source.caps, &accounts, rules)?,
        accounts,
        directory: source
            .accounts
            .directory
            .map(directory::remote)
            .transpose()?,
        account_header: account_header(source.accounts.header)?,
        assertion: source.assertion.map(assertion).transpose()?,
        filter_state: filter_state(source.filter_state),
        errors: match source.errors.format {
            source::Format::ProblemJson => Format::ProblemJson,
            source::Format::Text => Format::Text,
        },
        mode,
    })
}

fn filter_state(source: Option<Vec<source::FilterState>>) -> Vec<FilterState> {
    let Some(source) = source else {
        return FilterState::ALL.into();
    };
    let one = |named| match named {
        source::FilterState::Account => FilterState::Account,
        source::FilterState::Subject => FilterState::Subject,
        source::FilterState::Decision => FilterState::Decision,
        source::FilterState::Cap => FilterState::Cap,
    };
    source.into_iter().map(one).collect()
}

fn token_cache(source: source::TokenCache) -> Result<CacheLimits> {
    let within = |number: source::Whole, most: u32, field: &str| {
        if number.0 > most {
            let message = format!("write a number from 0 to {most}");
            return Err(wrong(format!("token_cache.{field}"), message));
        }
        Ok(usize::try_from(number.0).unwrap_or(usize::MAX))
    };
    if source.entries.0 == 1 {
        let message = "write 0 to remember no tokens, or 2 at least";
        return Err(wrong("token_cache.entries", message));
    }
    Ok(CacheLimits {
        entries: within(source.entries, source::MOST_CACHED_TOKENS, "entries")?,
        bytes: within(source.bytes, source::MOST_CACHED_BYTES, "bytes")?,
    })
}

fn account_rules(source: &source::Accounts) -> Result<AccountRules> {
    AccountRules::new(&source.pattern, source.reserved.clone())
        .map_err(|error| wrong("accounts.pattern", format!("{:?}: {error}", source.pattern)))
}

fn account_header(name: String) -> Result<String> {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let refuse = |why: &str| Err(wrong("accounts.header", format!("{name:?}: {why}")));
    if name.is_empty() || !name.bytes().all(token) {
        return refuse("write a header's name in lower-case letters, digits and dashes");
    }
    // Two meanings in one header; the last two would make the account an administrator or a subject.
    let taken = [
        "authorization",
        "host",
        "cookie",
        "content-type",
        "origin",
        "access-control-request-method",
        identity::ADMIN_HEADER,
    ];
    if taken.contains(&name.as_str()) || name.starts_with("x-tollgate-") {
        return refuse("this header has a meaning of its own; choose another");
    }
    Ok(name)
}

fn routes(source: Vec<source::Route>, forward_authorization: bool) -> Result<Routes> {
    let route = |(number, route): (usize, source::Route)| {
        let pattern = pattern(&route.pattern, || format!("routes[{number}].match"))?;
        let access = match route.access {
            source::Access::Public => Access::Public,
            source::Access::Protected => Access::Protected,
            source::Access::Admin => Access::Admin,
        };
        // The default is for verified requests: a public route must say so itself.
        let otherwise = forward_authorization && access != Access::Public;
        let class = Class {
            access,
            forward_authorization: route.forward_authorization.unwrap_or(otherwise),
        };
        Ok((pattern, class))
    };
    let listed = source
        .into_iter()
        .enumerate()
        .map(route)
        .collect::<Result<_>>()?;
    Ok(Routes::new(listed, forward_authorization))
}

fn pattern(text: &str, path: impl FnOnce() -> String) -> Result<RoutePattern> {
    RoutePattern::parse(text).map_err(|error| wrong(path(), error))
}

fn assertion(source: source::Assertion) -> Result<AssertionRules> {
    let key_env = variable(source.key_env, "assertion.key_env")?;
    if source.audience.is_empty() {
        return Err(wrong(
            "assertion.audience",
            "write the audience that the upstream expects",
        ));
    }
    let ttl = source.ttl.0;
    let seconds = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
    if !(1..=3600).contains(&seconds) || ttl.subsec_nanos() != 0 {
        return Err(wrong("assertion.ttl", "write whole seconds from 1s to 1h"));
    }
    Ok(AssertionRules {
        key_env,
        audience: source.audience,
        ttl: seconds,
    })
}

/// The name of an environment variable, as POSIX has it: whatever else cannot be one.
fn variable(name: String, path: impl AsRef<str>) -> Result<String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(wrong(path, "write the name of an environment variable"));
    }
    Ok(name)
}

fn uri(text: &str, path: impl AsRef<str>) -> Result<Uri> {
    Uri::parse(text).ok_or_else(|| {
        let message = format!("{text:?}: write http://… or https://…, without user and fragment");
        wrong(path, message)
    })
}

fn between(span: source::Span, least: u64, most: u64, path: &str) -> Result<Duration> {
    let allowed = Duration::from_secs(least)..=Duration::from_secs(most);
    if allowed.contains(&span.0) {
        return Ok(span.0);
    }
    Err(wrong(
        path,
        format!("write a duration from {least}s to {most}s"),
    ))
}

#[cold]
fn wrong(path: impl AsRef<str>, message: impl ToString) -> ConfigError {
    ConfigError::new(path.as_ref(), message)
}
