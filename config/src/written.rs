//! The configuration, field by field; `envoy/CONFIGURATION.md` says more about each.

mod api_keys;
mod values;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::api_keys::{ApiKeys, Introspection, IntrospectionCache};
pub use self::values::{Span, Whole};

/// What an account's name is by default.
pub const DEFAULT_ACCOUNT_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

/// The default of `shared_counts.bytes`.
pub const DEFAULT_SHARED_BYTES: u32 = 64 << 20;

/// All of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"issuers\" and more")]
pub struct Configuration {
    /// Whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// What accounts may be called.
    #[serde(default)]
    pub accounts: Accounts,
    /// The prefixes under which the routes are served.
    #[serde(default = "at_the_root")]
    pub mounts: Vec<String>,
    /// The class of each endpoint; the first match decides.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// How long-lived keys are accepted; none: they are not.
    #[serde(default)]
    pub api_keys: Option<ApiKeys>,
    /// How many verified tokens a worker remembers.
    #[serde(default)]
    pub token_cache: TokenCache,
    /// What an account may use.
    #[serde(default)]
    pub caps: Vec<Cap>,
    /// What all counts may take.
    #[serde(default)]
    pub shared_counts: SharedCounts,
    /// Whether answers have `RateLimit` and `RateLimit-Policy`.
    #[serde(default = "yes")]
    pub rate_limit_fields: bool,
    /// How the upstream is told; none: by bare headers only.
    #[serde(default)]
    pub assertion: Option<Assertion>,
    /// Whether a verified request's credential goes on to the upstream.
    #[serde(default)]
    pub forward_authorization: bool,
    /// What is written into the filter state; none: all.
    #[serde(default)]
    pub filter_state: Option<Vec<FilterState>>,
    /// How refusals are written.
    #[serde(default)]
    pub errors: Errors,
    /// Whether they are.
    #[serde(default)]
    pub mode: Mode,
}

/// One of `issuers`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"issuer\": \"https://…\", …}"
)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// `aud` must have one of these.
    pub audiences: Vec<String>,
    /// `azp` must be one of these; empty: not checked.
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    /// Accepted in `alg`.
    #[serde(default = "rs256_and_es256")]
    pub algorithms: Vec<String>,
    /// Where the keys come from.
    pub jwks: Jwks,
    /// How far the issuer's clock may be off.
    #[serde(default = "sixty_seconds")]
    pub clock_skew: Span,
    /// The longest time from `iat` to `exp`.
    #[serde(default)]
    pub max_lifetime: Option<Span>,
    /// The longest token, in bytes.
    #[serde(default = "eight_kib")]
    pub max_size: Whole,
    /// Which accounts a token may act for.
    pub membership: Membership,
    /// Who is an administrator; none: nobody.
    #[serde(default)]
    pub admin: Option<Admin>,
    /// Where its tokens are accepted; none: everywhere.
    #[serde(default)]
    pub routes: Option<Vec<String>>,
}

/// `issuers[].jwks`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\" or \"discovery\", or with \"inline\""
)]
pub struct Jwks {
    /// The Envoy cluster that reaches the issuer.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Where the JWK set is.
    #[serde(default)]
    pub uri: Option<String>,
    /// Instead of `uri`: ask the issuer's OpenID configuration.
    #[serde(default)]
    pub discovery: bool,
    /// A JWK set that is used until the first fetch, or alone.
    #[serde(default)]
    pub inline: Option<Map<String, Value>>,
    /// How often it is fetched.
    #[serde(default = "ten_minutes")]
    pub refresh: Span,
    /// How long one request may take.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// How long after a fetch for an unknown `kid` the next may begin.
    #[serde(default = "thirty_seconds")]
    pub unknown_kid_cooldown: Span,
    /// How old keys may grow while fetching fails.
    #[serde(default = "one_day")]
    pub max_stale: Span,
    /// How long a request may wait for keys.
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
}

/// `any`, or a claim.
pub enum Membership {
    /// Every holder of a token may act for every account.
    Any,
    /// A claim names them.
    Claim(MembershipClaim),
}

/// Where the accounts are in a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipClaim {
    /// The path into the claims.
    pub claim: Vec<String>,
    /// What is there.
    pub shape: Shape,
}

/// `membership.shape`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The account.
    String,
    /// A list of accounts.
    List,
    /// An object whose keys are accounts.
    Keys,
}

/// `issuers[].admin`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"claim\": [\"…\"]}"
)]
pub struct Admin {
    /// The path into the claims; whoever has it is an administrator.
    pub claim: Vec<String>,
}

/// `accounts`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"reserved\": [\"…\"]}"
)]
pub struct Accounts {
    /// The header that names the account.
    pub header: String,
    /// The regular expression of a name.
    pub pattern: String,
    /// Names that nobody may act for.
    pub reserved: Vec<String>,
    /// Where the accounts are listed; none: all exist.
    pub directory: Option<Directory>,
}

/// `accounts.directory`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"cluster\" and \"uri\""
)]
pub struct Directory {
    /// The Envoy cluster that reaches it.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Where it is.
    #[serde(default)]
    pub uri: Option<String>,
    /// How often it is fetched.
    #[serde(default = "five_seconds")]
    pub refresh: Span,
    /// How long one request may take.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// How long a request may wait for the first.
    #[serde(default = "two_seconds")]
    pub max_wait: Span,
    /// The environment variable with the gate's own credential.
    #[serde(default)]
    pub authorization_env: Option<String>,
}

/// One of `routes`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"match\": \"GET /x\", \"access\": \"public\"}"
)]
pub struct Route {
    /// Method and path, such as `GET /x/{id}`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Who may call it.
    pub access: Access,
    /// Whether the credential goes on; none: as the whole configuration says.
    #[serde(default)]
    pub forward_authorization: Option<bool>,
}

/// `routes[].access`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody.
    Public,
    /// Members of the account.
    Protected,
    /// Administrators.
    Admin,
}

/// One of `caps`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"name\": \"requests\", \"limits\": {\"per_minute\": 60}}"
)]
pub struct Cap {
    /// Its name.
    pub name: String,
    /// What it counts; none: all protected requests.
    #[serde(default)]
    pub routes: Option<Vec<String>>,
    /// What each account may use.
    pub limits: Limits,
    /// What some may, field by field.
    #[serde(default)]
    pub accounts: BTreeMap<String, Limits>,
}

/// `token_cache`.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"entries\": 10000, \"bytes\": 8388608}"
)]
pub struct TokenCache {
    /// The most tokens.
    pub entries: Whole,
    /// The most that they take, in bytes.
    pub bytes: Whole,
}

/// `shared_counts`.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"bytes\": 67108864}"
)]
pub struct SharedCounts {
    /// The most that all counts take, in bytes.
    pub bytes: Whole,
}

/// Each field: not written, `null`, or a number.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"per_minute\": 60}"
)]
pub struct Limits {
    /// Requests at once.
    #[serde(default, deserialize_with = "values::written")]
    pub concurrent: Option<Option<Whole>>,
    /// Requests a minute.
    #[serde(default, deserialize_with = "values::written")]
    pub per_minute: Option<Option<Whole>>,
    /// Requests an hour.
    #[serde(default, deserialize_with = "values::written")]
    pub per_hour: Option<Option<Whole>>,
    /// Requests a day.
    #[serde(default, deserialize_with = "values::written")]
    pub per_day: Option<Option<Whole>>,
}

/// `assertion`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"key_env\" and \"audience\""
)]
pub struct Assertion {
    /// The environment variable with the key.
    pub key_env: String,
    /// `aud`.
    pub audience: String,
    /// How long one is valid.
    #[serde(default = "sixty_seconds")]
    pub ttl: Span,
}

/// `errors`.
#[derive(Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as {\"format\": \"text\"}"
)]
pub struct Errors {
    /// Their form.
    pub format: Format,
}

/// `errors.format`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 9457.
    #[default]
    ProblemJson,
    /// One line of text.
    Text,
}

/// What can be written into the filter state.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterState {
    /// Which account it is for.
    Account,
    /// Who has sent it.
    Subject,
    /// What became of it.
    Decision,
    /// Of which cap the least is left.
    Cap,
}

/// `mode`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What is refused is answered.
    #[default]
    Enforce,
    /// It is counted and marked, and goes on.
    Report,
}

impl Default for SharedCounts {
    fn default() -> Self {
        Self {
            bytes: Whole(DEFAULT_SHARED_BYTES),
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
            pattern: DEFAULT_ACCOUNT_PATTERN.to_owned(),
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
    ["RS256", "ES256"].map(str::to_owned).into()
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
