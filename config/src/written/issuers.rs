//! Whose tokens are accepted, where their keys come from, and what they may do.

use serde::Deserialize;
use serde_json::{Map, Value};

#[cfg(feature = "schema")]
use super::limits;
use super::{Span, Whole, five_seconds, sixty_seconds, two_seconds};

/// One of `issuers`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"issuer\": \"https://…\", …}"
)]
pub struct Issuer {
    /// The exact `iss`; each issuer once.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub issuer: String,
    /// `aud` must have one of these.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub audiences: Vec<String>,
    /// `azp` must be one of these; empty: not checked.
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    /// Accepted in `alg`. Never `none` or HS256.
    #[serde(default = "rs256_and_es256")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::schema::algorithms")
    )]
    pub algorithms: Vec<String>,
    /// Where the keys come from: `cluster` with `uri` or `discovery`, or `inline`, or both.
    pub jwks: Jwks,
    /// How far the issuer's clock may be off.
    #[serde(default = "sixty_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "10m at most")))]
    pub clock_skew: Span,
    /// The longest time from `iat` to `exp`; none: any.
    #[serde(default)]
    pub max_lifetime: Option<Span>,
    /// The longest token, in bytes.
    #[serde(default = "eight_kib")]
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = 1, max = limits::MOST_TOKEN_BYTES))
    )]
    pub max_size: Whole,
    /// Which accounts a token may act for.
    pub membership: Membership,
    /// Who is an administrator: `{claim: [PATH]}`; none: nobody is.
    #[serde(default)]
    pub admin: Option<Admin>,
    /// Patterns as in `routes`: this issuer's tokens are accepted there only, else 403 `credential_not_allowed`; the
    /// upstream is told `restricted_jwt`. For tokens that web pages have, say. None: everywhere.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(length(min = 1), inner(regex(pattern = limits::ROUTE)))
    )]
    pub routes: Option<Vec<String>>,
}

/// Where an issuer's keys come from.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\" or \"discovery\", or with \"inline\""
)]
pub struct Jwks {
    /// The Envoy cluster that reaches the issuer. With `https`, the cluster needs a TLS transport socket.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub cluster: Option<String>,
    /// Where the JWK set is, absolute. With Zitadel `https://YOUR-DOMAIN/oauth/v2/keys`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = limits::URI)))]
    pub uri: Option<String>,
    /// Instead of `uri`: at each fetch, ask `ISSUER/.well-known/openid-configuration`, whose `issuer` must be the configured
    /// one, for `jwks_uri`. Both go to `cluster`.
    #[serde(default)]
    pub discovery: bool,
    /// A JWK set, as an object, that is used until the first fetch succeeds, or alone.
    #[serde(default)]
    pub inline: Option<Map<String, Value>>,
    /// How often it is fetched. A key that left the set, and every token that it signed, stops working when that fetch ends;
    /// while fetching fails, at `max_stale`.
    #[serde(default = "ten_minutes")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 7d")))]
    pub refresh: Span,
    /// How long one request may take. Should the worker that fetches fail, another takes over a second later than this (with
    /// `discovery`, than twice this).
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 60s")))]
    pub timeout: Span,
    /// How long after one fetch for a `kid` that is not in the set the next such fetch may begin.
    #[serde(default = "thirty_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 1d")))]
    pub unknown_kid_cooldown: Span,
    /// How old keys may grow while fetching fails. Then requests get 503 `keys_unavailable`. Not less than `refresh`.
    #[serde(default = "one_day")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "1s to 30d")))]
    pub max_stale: Span,
    /// How long a request may wait for keys. Then 503 `keys_unavailable`.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "schema", schemars(extend("x-range" = "0s to 60s")))]
    pub max_wait: Span,
}

/// Which accounts a credential may act for.
pub enum Membership {
    /// Every holder of a token may act for every account.
    Any,
    /// A claim names them.
    Claim(MembershipClaim),
}

/// A claim that names the accounts.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MembershipClaim {
    /// A path into the claims: a list of member names.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub claim: Vec<String>,
    /// What is there.
    pub shape: Shape,
}

/// What a membership's claim is.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// the claim is the account
    String,
    /// a list of accounts
    List,
    /// an object whose keys are accounts
    Keys,
}

/// Who is an administrator.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"claim\": [\"…\"]}"
)]
pub struct Admin {
    /// A path into the claims: whoever has this claim (not `null` or `false`) is an administrator.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub claim: Vec<String>,
}

fn rs256_and_es256() -> Vec<String> {
    ["RS256", "ES256"].map(str::to_owned).into()
}

fn eight_kib() -> Whole {
    Whole(8192)
}

fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

fn ten_minutes() -> Span {
    Span::from_secs(600)
}

fn one_day() -> Span {
    Span::from_secs(86_400)
}
