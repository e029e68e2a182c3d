//! The kinds, in the table's order.

mod flat;
mod life;
mod passes;
mod reference;
mod refused;
mod sent;

use super::{Kind, Pair};

/// All of them.
pub(super) const ALL: [Kind; 44] = [
    Kind::new("public", passes::public),
    Kind::new("known token, caps off", passes::known_caps_off),
    Kind::new("known token", passes::known),
    Kind::new("known token, no RateLimit fields", passes::known_silent),
    Kind::new("known token, the reference configuration", reference::known),
    Kind::new("new token, RS256", passes::new_rs256),
    Kind::new("new token, ES256", passes::new_es256),
    Kind::new(
        "new token, EdDSA, verified in the module",
        passes::new_eddsa,
    ),
    Kind::new("known API key", passes::known_key),
    Kind::new("400 path_ambiguous", refused::path_ambiguous),
    Kind::new("400 account_missing", refused::account_missing),
    Kind::new("400 account_invalid", refused::account_invalid),
    Kind::new("400 account_unknown", refused::account_unknown),
    Kind::new("401 token_missing", refused::token_missing),
    Kind::new("401 token_malformed", refused::token_malformed),
    Kind::new(
        "401 token_malformed, three parts of 2.7 kB",
        refused::token_long,
    ),
    Kind::new("401 token_too_large", refused::token_too_large),
    Kind::new("401 token_expired", refused::token_expired),
    Kind::new("401 token_key", refused::token_key),
    Kind::new("401 token_signature", refused::token_signature),
    Kind::new("401 key_inactive", refused::key_inactive),
    Kind::new("403 account_reserved", refused::account_reserved),
    Kind::new("403 account_forbidden", refused::account_forbidden),
    Kind::new("403 account_suspended", refused::account_suspended),
    Kind::new("403 admin_required", refused::admin_required),
    Kind::new("429 cap_exceeded", refused::cap_exceeded),
    Kind::new("503 not_ready", refused::not_ready),
    Kind::new("new token that waits for the keys", life::waits_for_keys),
    Kind::new("new API key that is asked about", life::waits_for_answer),
    Kind::new(FEW_TOKENS, flat::tokens::<1>),
    Kind::new(MANY_TOKENS, flat::tokens::<10_000>),
    Kind::new(FEW_ACCOUNTS, flat::accounts::<1>),
    Kind::new(MANY_ACCOUNTS, flat::accounts::<10_000>),
    Kind::new(
        "known token, for 10000 accounts in turn",
        flat::accounts_of_one::<10_000>,
    ),
    Kind::new(FEW_ROUTES, flat::routes::<5>),
    Kind::new(MANY_ROUTES, flat::routes::<500>),
    Kind::new(FEW_ISSUERS, flat::issuers::<1>),
    Kind::new(MANY_ISSUERS, flat::issuers::<20>),
    Kind::new("begin of a virtual machine", life::begin),
    Kind::new("configuration, one issuer", life::configure),
    Kind::new("configuration, the reference", reference::configure),
    Kind::new("configuration, 500 routes", flat::configure_routes),
    Kind::new("tick without work", life::tick),
    Kind::new(
        "tick without work, the reference configuration",
        reference::tick,
    ),
];

const FEW_TOKENS: &str = "known token, 1 of one account";
const MANY_TOKENS: &str = "known token, 10000 of one account";
const FEW_ACCOUNTS: &str = "known token, 1 account";
const MANY_ACCOUNTS: &str = "known token, 10000 accounts with one each";
const FEW_ROUTES: &str = "known token, 5 routes";
const MANY_ROUTES: &str = "known token, 500 routes";
const FEW_ISSUERS: &str = "new token, 1 issuer";
const MANY_ISSUERS: &str = "new token, 20 issuers";

/// What must cost the same.
pub(super) const PAIRS: [Pair; 4] = [
    Pair::new(FEW_TOKENS, MANY_TOKENS),
    Pair::new(FEW_ACCOUNTS, MANY_ACCOUNTS),
    Pair::new(FEW_ROUTES, MANY_ROUTES),
    Pair::new(FEW_ISSUERS, MANY_ISSUERS),
];

impl Kind {
    const fn new(name: &'static str, count: fn() -> super::Cost) -> Self {
        Self { name, count }
    }
}

impl Pair {
    const fn new(few: &'static str, many: &'static str) -> Self {
        Self { few, many }
    }
}
