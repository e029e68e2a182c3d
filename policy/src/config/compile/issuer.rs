//! Issuers, and where their keys come from.

use std::sync::Arc;
use std::time::Duration;

use tollgate_config::MOST_TOKEN_BYTES;

use super::{Result, between, pattern, source, uri, wrong};
use crate::algorithm::Algorithm;
use crate::fetching::LONGEST_WAIT;
use crate::issuer::Issuer;
use crate::key_source::{Location, Remote, Source};
use crate::keys::KeySet;
use crate::membership::{AdminClaim, ClaimPath, Membership, Shape};
use crate::route::RoutePattern;

/// Beyond this, skew is a way of accepting expired tokens.
const MAX_SKEW: Duration = Duration::from_secs(600);

/// `others`: whether there are other credentials than tokens.
pub(super) fn issuers(source: Vec<source::Issuer>, others: bool) -> Result<Vec<Issuer>> {
    if source.is_empty() && !others {
        return Err(wrong(
            "issuers",
            "an empty list: nobody could be admitted; write one issuer at least, or api_keys",
        ));
    }
    let mut issuers: Vec<Issuer> = Vec::with_capacity(source.len());
    for (number, source) in source.into_iter().enumerate() {
        let path = format!("issuers[{number}]");
        let issuer = issuer(source, &path)?;
        if issuers.iter().any(|other| other.issuer == issuer.issuer) {
            let message = format!("{:?} is listed twice; put both into one", issuer.issuer);
            return Err(wrong(format!("{path}.issuer"), message));
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

fn issuer(source: source::Issuer, path: &str) -> Result<Issuer> {
    let at = |field: &str| format!("{path}.{field}");
    if source.issuer.is_empty() {
        return Err(wrong(at("issuer"), "write the exact `iss` of the tokens"));
    }
    if source.audiences.is_empty() {
        return Err(wrong(
            at("audiences"),
            "an empty list: no token could be for this gate; write one at least",
        ));
    }
    if source.clock_skew.0 > MAX_SKEW {
        return Err(wrong(at("clock_skew"), "write 10m at most"));
    }
    if !(1..=MOST_TOKEN_BYTES).contains(&source.max_size.0) {
        return Err(wrong(
            at("max_size"),
            format!("write a number of bytes from 1 to {MOST_TOKEN_BYTES}"),
        ));
    }
    let jwks = jwks(source.jwks, &source.issuer, &at("jwks"))?;
    Ok(Issuer {
        issuer: source.issuer,
        audiences: source.audiences,
        authorized_parties: source.authorized_parties,
        algorithms: algorithms(&source.algorithms, &at("algorithms"))?,
        jwks,
        clock_skew: source.clock_skew.0,
        max_lifetime: source.max_lifetime.map(|span| span.0),
        max_size: usize::try_from(source.max_size.0).unwrap_or(usize::MAX),
        membership: membership(source.membership, &at("membership"))?,
        admin: source
            .admin
            .map(|admin| claim(admin.claim, &at("admin.claim")).map(AdminClaim))
            .transpose()?,
        routes: source
            .routes
            .map(|routes| accepted_on(&routes, &at("routes")))
            .transpose()?,
    })
}

fn accepted_on(routes: &[String], path: &str) -> Result<Arc<[RoutePattern]>> {
    if routes.is_empty() {
        let message = "an empty list: its tokens would be accepted nowhere; write patterns such as \"GET /x\", or leave it out for all routes";
        return Err(wrong(path, message));
    }
    let parse = |(number, text): (usize, &String)| pattern(text, || format!("{path}[{number}]"));
    routes.iter().enumerate().map(parse).collect()
}

fn algorithms(names: &[String], path: &str) -> Result<Vec<Algorithm>> {
    let available = || Algorithm::ALL.map(Algorithm::as_str).join(", ");
    if names.is_empty() {
        return Err(wrong(
            path,
            format!("an empty list; write any of {}", available()),
        ));
    }
    names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            Algorithm::parse(name).ok_or_else(|| {
                let message = format!("{name:?} is not available; write any of {}", available());
                wrong(format!("{path}[{number}]"), message)
            })
        })
        .collect()
}

fn jwks(source: source::Jwks, issuer: &str, path: &str) -> Result<Source> {
    let at = |field: &str| format!("{path}.{field}");
    let inline = source
        .inline
        .map(|set| KeySet::from_object(&set).map(Arc::new))
        .transpose()
        .map_err(|error| wrong(at("inline"), error))?;
    let named = source.uri.is_some() || source.discovery;
    let remote = match source.cluster {
        None if named => {
            return Err(wrong(
                at("cluster"),
                "missing; write the Envoy cluster that reaches the issuer",
            ));
        }
        None if inline.is_none() => {
            return Err(wrong(
                path,
                "write cluster and uri, or cluster and discovery: true, or inline",
            ));
        }
        None => None,
        Some(cluster) => Some(Remote {
            cluster,
            location: location(source.uri, source.discovery, issuer, path)?,
            refresh: between(source.refresh, 1, 86_400 * 7, &at("refresh"))?,
            timeout: between(source.timeout, 1, 60, &at("timeout"))?,
            unknown_kid_cooldown: between(
                source.unknown_kid_cooldown,
                1,
                86_400,
                &at("unknown_kid_cooldown"),
            )?,
            max_stale: between(source.max_stale, 1, 86_400 * 30, &at("max_stale"))?,
            max_wait: between(source.max_wait, 0, LONGEST_WAIT.as_secs(), &at("max_wait"))?,
        }),
    };
    if let Some(remote) = &remote {
        if remote.cluster.is_empty() {
            return Err(wrong(at("cluster"), "write the name of an Envoy cluster"));
        }
        if remote.max_stale < remote.refresh {
            return Err(wrong(
                at("max_stale"),
                "is less than refresh: keys would be dropped before they are fetched again",
            ));
        }
    }
    Ok(Source { inline, remote })
}

fn location(
    written: Option<String>,
    discovery: bool,
    issuer: &str,
    path: &str,
) -> Result<Location> {
    let parse = |text: &str, field: &str| uri(text, format!("{path}.{field}"));
    match (written, discovery) {
        (Some(_), true) => Err(wrong(path, "has uri and discovery; write one of them")),
        (Some(uri), false) => parse(&uri, "uri").map(Location::KeySet),
        (None, true) => {
            let issuer = issuer.trim_end_matches('/');
            let document = format!("{issuer}/.well-known/openid-configuration");
            parse(&document, "discovery").map(Location::Discovery)
        }
        (None, false) => Err(wrong(
            format!("{path}.uri"),
            "missing; write where the key set is, or discovery: true",
        )),
    }
}

pub(super) fn membership(source: source::Membership, path: &str) -> Result<Membership> {
    Ok(match source {
        source::Membership::Any => Membership::Any,
        source::Membership::Claim(source) => Membership::Claim {
            path: claim(source.claim, &format!("{path}.claim"))?,
            shape: match source.shape {
                source::Shape::String => Shape::String,
                source::Shape::List => Shape::List,
                source::Shape::Keys => Shape::Keys,
            },
        },
    })
}

fn claim(steps: Vec<String>, path: &str) -> Result<ClaimPath> {
    if steps.is_empty() {
        return Err(wrong(
            path,
            "an empty path; write the names of the members that lead to the claim",
        ));
    }
    Ok(ClaimPath(steps))
}
