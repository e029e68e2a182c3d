//! The configuration as it is written, field by field.

mod api_keys;
mod values;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::caps::DEFAULT_BYTES;

pub(super) use self::api_keys::{ApiKeys, Introspection, IntrospectionCache};
pub(super) use self::values::{Span, Whole};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"issuers\" and more")]
pub(super) struct Configuration {
    pub issuers: Vec<Issuer>,
    #[serde(default)]
    pub accounts: Accounts,
    #[serde(default = "at_the_root")]
    pub mounts: Vec<String>,
    #[serde(default)]
    pub routes: Vec<Route>,
    #[serde(default)]
    pub api_keys: Option<ApiKeys>,
    #[serde(default)]
    pub token_cache: TokenCache,
    #[serde(default)]
    pub caps: Vec<Cap>,
    #[serde(default)]
    pub shared_counts: SharedCounts,
    #[serde(default = "yes")]
    pub rate_limit_fields: bool,
    #[serde(default)]
    pub assertion: Option<Assertion>,
    #[serde(default)]
    pub forward_authorization: bool,
    #[serde(default)]
    pub filter_state: Option<Vec<FilterState>>,
    #[serde(default)]
    pub errors: Errors,
    #[serde(default)]
    pub mode: Mode,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"issuer\": \"https://…\", …}"
)]
pub(super) struct Issuer {
    pub issuer: String,
    pub audiences: Vec<String>,
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    #[serde(default = "rs256_and_es256")]
    pub algorithms: Vec<String>,
    pub jwks: Jwks,
    #[serde(default = "sixty_seconds")]
    pub clock_skew: Span,
    #[serde(default)]
    pub max_lifetime: Option<Span>,
    #[serde(default = "eight_kib")]
    pub max_size: Whole,
    pub membership: Membership,
    #[serde(default)]
    pub admin: Option<Admin>,
    #[serde(default)]
    pub routes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\" or \"discovery\", or with \"inline\""
)]
pub(super) struct Jwks {
    #[serde(default)]
    pub cluster: Option<String>,
    #[serde(default)]
    pub uri: Option<String>,
    #[serde(default)]
    pub discovery: bool,
    #[serde(default)]
    pub inline: Option<Map<String, Value>>,
    #[serde(default = "ten_minutes")]
    pub refresh: Span,
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    #[serde(default = "thirty_seconds")]
    pub unknown_kid_cooldown: Span,
    #[serde(default = "one_day")]
    pub max_stale: Span,
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
}

/// `any`, or a claim.
pub(super) enum Membership {
    Any,
    Claim(MembershipClaim),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipClaim {
    pub claim: Vec<String>,
    pub shape: Shape,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    String,
    List,
    Keys,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"claim\": [\"…\"]}"
)]
pub(super) struct Admin {
    pub claim: Vec<String>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"reserved\": [\"…\"]}"
)]
pub(super) struct Accounts {
    pub header: String,
    pub pattern: String,
    pub reserved: Vec<String>,
    pub directory: Option<Directory>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\""
)]
pub(super) struct Directory {
    #[serde(default)]
    pub cluster: Option<String>,
    #[serde(default)]
    pub uri: Option<String>,
    #[serde(default = "five_seconds")]
    pub refresh: Span,
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
    #[serde(default)]
    pub authorization_env: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"match\": \"GET /x\", \"access\": \"public\"}"
)]
pub(super) struct Route {
    #[serde(rename = "match")]
    pub pattern: String,
    pub access: Access,
    #[serde(default)]
    pub forward_authorization: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    Public,
    Protected,
    Admin,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"name\": \"requests\", \"limits\": {\"per_minute\": 60}}"
)]
pub(super) struct Cap {
    pub name: String,
    #[serde(default)]
    pub routes: Option<Vec<String>>,
    pub limits: Limits,
    #[serde(default)]
    pub accounts: BTreeMap<String, Limits>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"entries\": 10000, \"bytes\": 8388608}"
)]
pub(super) struct TokenCache {
    pub entries: Whole,
    pub bytes: Whole,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"bytes\": 67108864}"
)]
pub(super) struct SharedCounts {
    pub bytes: Whole,
}

/// Each field: not written, `null`, or a number.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"per_minute\": 60}"
)]
pub(super) struct Limits {
    #[serde(default, deserialize_with = "values::written")]
    pub concurrent: Option<Option<Whole>>,
    #[serde(default, deserialize_with = "values::written")]
    pub per_minute: Option<Option<Whole>>,
    #[serde(default, deserialize_with = "values::written")]
    pub per_hour: Option<Option<Whole>>,
    #[serde(default, deserialize_with = "values::written")]
    pub per_day: Option<Option<Whole>>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"key_env\" and \"audience\""
)]
pub(super) struct Assertion {
    pub key_env: String,
    pub audience: String,
    #[serde(default = "sixty_seconds")]
    pub ttl: Span,
}

#[derive(Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"format\": \"text\"}"
)]
pub(super) struct Errors {
    pub format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    #[default]
    ProblemJson,
    Text,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FilterState {
    Account,
    Subject,
    Decision,
    Cap,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    #[default]
    Enforce,
    Report,
}

impl Default for SharedCounts {
    fn default() -> Self {
        Self {
            bytes: Whole(DEFAULT_BYTES),
        }
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            entries: Whole(10_000),
            bytes: Whole(8 << 20),
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            header: "x-account-id".to_owned(),
            pattern: crate::account::DEFAULT_PATTERN.to_owned(),
            reserved: vec!["kataven-admin".to_owned()],
            directory: None,
        }
    }
}

fn yes() -> bool {
    true
}

fn at_the_root() -> Vec<String> {
    vec![String::new()]
}

fn rs256_and_es256() -> Vec<String> {
    Algorithm::DEFAULT
        .map(|algorithm| algorithm.as_str().to_owned())
        .into()
}

fn eight_kib() -> Whole {
    Whole(8192)
}

fn two_seconds() -> Span {
    Span::from_secs(2)
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

fn sixty_seconds() -> Span {
    Span::from_secs(60)
}

fn ten_minutes() -> Span {
    Span::from_secs(600)
}

fn one_day() -> Span {
    Span::from_secs(86_400)
}
