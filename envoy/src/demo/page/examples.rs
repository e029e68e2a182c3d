//! The rules, each with a request that shows it.

use super::{Bearer, Call, Example, Group};

const AGENTS: &str = "/api/v1/agents";
const MEMBER: Bearer = Bearer::Variable("TOLLGATE_TOKEN");
const OTHER: Bearer = Bearer::Variable("TOLLGATE_OTHER_TOKEN");
const ADMINISTRATOR: Bearer = Bearer::Variable("TOLLGATE_ADMIN_TOKEN");

/// A member of acme asks for acme's agents.
const GOOD: Call = Call {
    accounts: &["acme"],
    bearer: MEMBER,
    ..Call::new("GET", AGENTS)
};

/// A member of globex asks for globex's agents.
const OTHERS: Call = Call {
    accounts: &["globex"],
    bearer: OTHER,
    ..GOOD
};

/// An administrator creates an account.
const CREATE: Call = Call {
    accounts: &["acme"],
    bearer: ADMINISTRATOR,
    headers: &[("X-Admin", "true")],
    body: Some(r#"{"name": "initech"}"#),
    ..Call::new("POST", "/api/admin/accounts")
};

/// A program of acme asks for acme's agents.
const KEY: Call = Call {
    bearer: Bearer::Variable("KEY"),
    ..Call::new("GET", AGENTS)
};

const VISITOR: Bearer = Bearer::Variable("VISITOR");

/// A page has a token made for a guest.
const GUEST: Call = Call {
    headers: &[("Origin", "https://shop.example")],
    body: Some(r#"{"client_key": "$WIDGET_KEY", "agent_id": "$AGENT"}"#),
    names: Some(("VISITOR", "token")),
    ..Call::new("POST", "/api/v1/widget/auth/guest")
};

/// Acme calls somebody.
const ORIGINATE: Call = Call {
    method: "POST",
    path: "/api/v1/calls/originate",
    body: Some(
        r#"{"from_number": "+14155550100", "to_number": "+14155550101", "agent_id": "$AGENT"}"#,
    ),
    ..GOOD
};

const fn example(rule: &'static str, answer: &'static str, call: Call) -> Example {
    Example { rule, answer, call }
}

/// The same for an account header's values.
const fn named(
    rule: &'static str,
    answer: &'static str,
    accounts: &'static [&'static str],
) -> Example {
    example(rule, answer, Call { accounts, ..GOOD })
}

/// The same with a token made to order.
const fn minted(rule: &'static str, answer: &'static str, order: &'static str) -> Example {
    let bearer = Bearer::Minted(order);
    example(rule, answer, Call { bearer, ..GOOD })
}

/// The same with another path.
const fn path(rule: &'static str, answer: &'static str, path: &'static str) -> Example {
    example(rule, answer, Call { path, ..GOOD })
}

/// All of them.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Some endpoints are public",
        examples: &[
            example(
                "The accounts, for a login page",
                "200",
                Call::new("GET", "/api/accounts"),
            ),
            example(
                "Whether an account exists",
                "200",
                Call::new("GET", "/api/accounts/validate/acme"),
            ),
            example(
                "Only the listed method is public",
                "400 account_missing",
                Call::new("POST", "/api/accounts"),
            ),
        ],
    },
    Group {
        title: "All others are for one account",
        examples: &[
            named("No account", "400 account_missing", &[]),
            named("Not an account's name", "400 account_invalid", &["Acme"]),
            named("Two accounts", "400 account_duplicate", &["acme", "globex"]),
            named(
                "The system's own",
                "403 account_reserved",
                &["kataven-admin"],
            ),
        ],
    },
    Group {
        title: "The caller shows a token of the issuer",
        examples: &[
            example("A good one", "200", GOOD),
            example(
                "None",
                "401 token_missing",
                Call {
                    bearer: Bearer::None,
                    ..GOOD
                },
            ),
            minted("Expired", "401 token_expired", r#"{"claims": {"exp": 1}}"#),
            minted(
                "For somebody else",
                "401 token_audience",
                r#"{"claims": {"aud": ["other"]}}"#,
            ),
            minted(
                "Of another issuer",
                "401 token_issuer",
                r#"{"claims": {"iss": "https://other.example"}}"#,
            ),
            minted(
                "Not signed",
                "401 token_algorithm",
                r#"{"header": {"alg": "none"}}"#,
            ),
            minted(
                "Signed with the public key",
                "401 token_algorithm",
                r#"{"header": {"alg": "HS256"}}"#,
            ),
        ],
    },
    Group {
        title: "Each account has a database of its own",
        examples: &[
            example(
                "An agent of acme; its id goes into $AGENT",
                "201",
                Call {
                    method: "POST",
                    body: Some(r#"{"name": "Ada"}"#),
                    names: Some(("AGENT", "id")),
                    ..GOOD
                },
            ),
            path("acme sees it", "200", "/api/v1/agents/$AGENT"),
            path(
                "The same under the other mount",
                "200",
                "/hub-api/api/v1/agents/$AGENT",
            ),
            example(
                "globex does not",
                "404 agent_not_found",
                Call {
                    path: "/api/v1/agents/$AGENT",
                    accounts: &["globex"],
                    bearer: OTHER,
                    ..GOOD
                },
            ),
            named(
                "A member of acme may not act for globex",
                "403 account_forbidden",
                &["globex"],
            ),
        ],
    },
    Group {
        title: "Programs have keys of their own",
        examples: &[
            example(
                "One for acme, for 30 days; its text is shown this once, and goes into $KEY",
                "201",
                Call {
                    method: "POST",
                    path: "/api/v1/api-keys",
                    body: Some(r#"{"name": "CI", "expiry": "30d"}"#),
                    names: Some(("KEY", "key")),
                    ..GOOD
                },
            ),
            example("A key names its account", "200", KEY),
            example(
                "It opens no other",
                "403 account_forbidden",
                Call {
                    accounts: &["globex"],
                    ..KEY
                },
            ),
            example(
                "Mistyped, it is refused without asking anybody",
                "401 token_malformed",
                Call {
                    bearer: Bearer::Variable("{KEY}x"),
                    ..KEY
                },
            ),
            example(
                "A key that leaked cannot make others",
                "403 credential_not_allowed",
                Call {
                    method: "POST",
                    path: "/api/v1/api-keys",
                    body: Some(r#"{"name": "Another", "expiry": "never"}"#),
                    ..KEY
                },
            ),
        ],
    },
    Group {
        title: "Pages that embed a widget have visitors",
        examples: &[
            example(
                "A key for the pages of shop.example; everybody may read it",
                "201",
                Call {
                    method: "POST",
                    path: "/api/v1/widget-keys",
                    body: Some(r#"{"name": "Shop", "domain_allowlist": ["shop.example"]}"#),
                    names: Some(("WIDGET_KEY", "key")),
                    ..GOOD
                },
            ),
            example("A guest of such a page gets a token", "200", GUEST),
            example(
                "A guest of another page does not",
                "403 origin_not_allowed",
                Call {
                    headers: &[("Origin", "https://elsewhere.example")],
                    names: None,
                    ..GUEST
                },
            ),
            example(
                "The guest may look at the agent",
                "200",
                Call {
                    path: "/api/v1/agents/$AGENT",
                    bearer: VISITOR,
                    ..GOOD
                },
            ),
            example(
                "And at nothing else",
                "403 credential_not_allowed",
                Call {
                    bearer: VISITOR,
                    ..GOOD
                },
            ),
        ],
    },
    Group {
        title: "A call outlives its request, so the upstream counts it",
        examples: &[
            example("A call by acme's agent", "200", ORIGINATE),
            example(
                "An administrator has acme make one call at a time",
                "200",
                Call {
                    method: "PUT",
                    path: "/api/admin/accounts/acme/call-limits",
                    body: Some(
                        r#"{"concurrent_max": 1, "calls_per_minute": null, "daily_calls_max": null, "daily_minutes_max": null}"#,
                    ),
                    ..CREATE
                },
            ),
            example("The first is still active", "429 cap_exceeded", ORIGINATE),
        ],
    },
    Group {
        title: "Administrators say when they act as such",
        examples: &[
            example(
                "A member is none",
                "403 admin_required",
                Call {
                    bearer: MEMBER,
                    ..CREATE
                },
            ),
            example(
                "An administrator without X-Admin",
                "403 admin_required",
                Call {
                    headers: &[],
                    ..CREATE
                },
            ),
            example("An administrator with it", "201", CREATE),
        ],
    },
    Group {
        title: "Accounts change without a reload: the gate reads the directory every two seconds",
        examples: &[
            example(
                "Suspend globex",
                "200",
                Call {
                    method: "PATCH",
                    path: "/api/admin/accounts/globex",
                    body: Some(r#"{"status": "suspended"}"#),
                    ..CREATE
                },
            ),
            example("It gets nothing any more", "403 account_suspended", OTHERS),
            example(
                "Let it go on",
                "200",
                Call {
                    method: "PATCH",
                    path: "/api/admin/accounts/globex",
                    body: Some(r#"{"status": "active"}"#),
                    ..CREATE
                },
            ),
            example(
                "Caps of its own, field by field: null lifts one, 0 would block",
                "200",
                Call {
                    method: "PUT",
                    path: "/api/admin/accounts/globex/caps/requests",
                    body: Some(r#"{"per_minute": 600, "per_day": null}"#),
                    ..CREATE
                },
            ),
        ],
    },
    Group {
        title: "A path has one reading",
        examples: &[
            path(
                "Dot segments",
                "400 path_ambiguous",
                "/api/accounts/../v1/agents",
            ),
            path(
                "Encoded ones",
                "400 path_ambiguous",
                "/api/accounts/%2e%2e/v1/agents",
            ),
            path(
                "An encoded slash",
                "400 path_ambiguous",
                "/api/accounts%2fvalidate",
            ),
            path("An empty segment", "400 path_ambiguous", "/api//accounts"),
            path("A parameter", "400 path_ambiguous", "/api/accounts;x"),
        ],
    },
    Group {
        title: "The upstream believes the gate, and nobody else",
        examples: &[
            example(
                "Past the gate, with a good token",
                "401 assertion_missing",
                Call {
                    past_the_gate: true,
                    ..GOOD
                },
            ),
            example(
                "With an identity of one's own making, which the gate removes",
                "200",
                Call {
                    headers: &[
                        ("X-Tollgate-Subject", "root"),
                        ("X-Tollgate-Assertion", "forged"),
                    ],
                    ..GOOD
                },
            ),
        ],
    },
];
