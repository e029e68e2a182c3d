//! Long-lived keys, and other credentials that their issuer is asked about.

use tollgate_config::{LEAST_INTROSPECTIONS, MOST_INTROSPECTIONS};

use super::{Result, between, issuer, source, uri, variable, wrong};
use crate::fetching::LONGEST_WAIT;
use crate::introspection::{ApiKeys, CacheRules, Remote};

/// Longer, and a key that is revoked lives on for too long to be called so.
const LONGEST_KEPT: u64 = 300;

/// The first characters of a JWT: `{"`, `{ ` and `{` with a line's end, in base64url (RFC 7515 §7.1).
const JWT_BEGINS: [&str; 2] = ["ey", "ew"];

pub(super) fn api_keys(source: source::ApiKeys) -> Result<ApiKeys> {
    let membership = source
        .membership
        .map(|membership| issuer::membership(membership, "api_keys.membership"))
        .transpose()?;
    if source.audiences.iter().any(String::is_empty) {
        let message = "an empty text is no audience; leave it out";
        return Err(wrong("api_keys.audiences", message));
    }
    let remote = remote(source.introspection)?;
    let cache = cache(source.cache)?;
    if cache.active < remote.timeout {
        let message = "is less than introspection.timeout: an answer could be too old when it comes; write as much at least";
        return Err(wrong("api_keys.cache.active", message));
    }
    Ok(ApiKeys {
        prefix: prefix(source.prefix, membership.is_some())?,
        remote,
        cache,
        membership,
        audiences: source.audiences,
    })
}

fn prefix(prefix: String, is_opaque: bool) -> Result<String> {
    let refuse = |why: &str| Err(wrong("api_keys.prefix", format!("{prefix:?}: {why}")));
    if prefix.is_empty() {
        if !is_opaque {
            return refuse(
                "without membership the key's text names its account behind a prefix; write one such as \"sk_live_\", or membership",
            );
        }
        return Ok(prefix);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if prefix.len() > 32 || !prefix.bytes().all(fits) {
        return refuse("write 1 to 32 letters, digits, - and _");
    }
    let is_jwt = |begin: &&str| prefix.starts_with(*begin) || begin.starts_with(&prefix);
    if JWT_BEGINS.iter().any(is_jwt) {
        return refuse("a JWT can begin so; choose another, such as \"sk_live_\"");
    }
    Ok(prefix)
}

fn remote(source: source::Introspection) -> Result<Remote> {
    let at = |field: &str| format!("api_keys.introspection.{field}");
    if source.cluster.is_empty() {
        return Err(wrong(at("cluster"), "write the name of an Envoy cluster"));
    }
    Ok(Remote {
        cluster: source.cluster,
        uri: uri(&source.uri, at("uri"))?,
        authorization_env: variable(source.authorization_env, at("authorization_env"))?,
        timeout: between(source.timeout, 1, 60, &at("timeout"))?,
        max_wait: between(source.max_wait, 0, LONGEST_WAIT.as_secs(), &at("max_wait"))?,
    })
}

fn cache(source: source::IntrospectionCache) -> Result<CacheRules> {
    let at = |field: &str| format!("api_keys.cache.{field}");
    if !(LEAST_INTROSPECTIONS..=MOST_INTROSPECTIONS).contains(&source.entries.0) {
        let message =
            format!("write a number from {LEAST_INTROSPECTIONS} to {MOST_INTROSPECTIONS}");
        return Err(wrong(at("entries"), message));
    }
    Ok(CacheRules {
        active: between(source.active, 1, LONGEST_KEPT, &at("active"))?,
        inactive: between(source.inactive, 1, LONGEST_KEPT, &at("inactive"))?,
        entries: usize::try_from(source.entries.0).unwrap_or(usize::MAX),
    })
}
