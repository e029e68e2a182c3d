//! What the upstream gets.

use serde_json::json;

use super::*;
use crate::assertion::Assertion;
use crate::testing::NOW;

/// What the upstream would get: names removed, headers set.
fn edited(sent: &Sent, policy: &Policy) -> (Vec<String>, Vec<(String, String)>) {
    sent.decided(policy, &World::default(), |decision, request| {
        let Decision::Forward(forward) = decision else {
            panic!("{decision:?}")
        };
        let edits = forward.edits(request, policy);
        let text = |name: &&[u8]| String::from_utf8(name.to_vec()).unwrap();
        let removed = edits.remove.iter().map(text).collect();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        (removed, edits.set.iter().map(pair).collect())
    })
}

#[test]
fn the_next_hop_is_not_told_to_remove_what_the_gate_writes() {
    let upgrade = |connection| {
        let sent = send("GET /api/v1/agents").account("acme").member();
        let (_, set) = edited(&sent.with("connection", connection), &policy(|_| {}));
        let written = set.into_iter().find(|(name, _)| name == "connection");
        written.map(|(_, value)| value)
    };
    assert_eq!(upgrade("Upgrade"), None);
    let written = upgrade("Upgrade, X-Tollgate-Assertion");
    assert_eq!(written.as_deref(), Some("upgrade"));
}

#[test]
fn a_preflight_goes_on_without_identity() {
    let preflight = send("OPTIONS /api/v1/agents")
        .with("origin", "https://acme.com")
        .with("access-control-request-method", "GET")
        .account("acme")
        .member();
    let (removed, set) = edited(&preflight, &policy(|_| {}));
    assert_eq!(removed, [ACCOUNT, BEARER]);
    assert_eq!(set, []);
}

#[test]
fn a_verified_request_says_who_and_for_which_account() {
    let sent = send("GET /api/v1/agents").account("acme").member();
    let (removed, set) = edited(&sent, &policy(|_| {}));
    assert_eq!(removed, [BEARER]);
    let [(subject, value), (assertion, signed)] = &set[..] else {
        panic!("{set:?}")
    };
    assert_eq!((&**subject, &**value), ("x-tollgate-subject", "user-1"));
    assert_eq!(assertion, "x-tollgate-assertion");
    let key = AssertionKey::new(&[7; 32]).unwrap();
    let Assertion { account, admin, .. } = key.verify(signed, "upstream", NOW).unwrap();
    assert_eq!((account.as_str(), admin), ("acme", false));
}

#[test]
fn forged_identity_never_goes_on() {
    let forged = |line| {
        send(line)
            .with("x-tollgate-assertion", "a")
            .with("x_tollgate_subject", "root")
            .with("x_account_id", "globex")
            .with("x-admin", "true")
    };
    let (removed, set) = edited(
        &forged("GET /api/accounts").account("acme"),
        &policy(|_| {}),
    );
    let all = [
        "x-account-id",
        "x-admin",
        "x-tollgate-assertion",
        "x_account_id",
        "x_tollgate_subject",
    ];
    assert_eq!(removed, all);
    assert_eq!(set, []);

    let sent = forged("GET /x").account("acme").member();
    let (removed, set) = edited(&sent, &policy(|_| {}));
    assert_eq!(
        removed,
        ["x-admin", "x_account_id", "x_tollgate_subject", BEARER]
    );
    assert!(set.iter().any(|(name, _)| name == "x-tollgate-assertion"));
}

#[test]
fn authorization_goes_on_where_the_configuration_says_so() {
    let sent = || send("GET /x").account("acme").member();
    let (removed, _) = edited(&sent(), &policy(|_| {}));
    assert_eq!(removed, [BEARER]);
    let forwarding = policy(|configuration| configuration["forward_authorization"] = json!(true));
    assert_eq!(edited(&sent(), &forwarding).0, Vec::<String>::new());

    let public = |line| edited(&send(line).member(), &forwarding).0;
    assert_eq!(
        public("GET /api/accounts"),
        [BEARER],
        "a public route must say so itself"
    );
    assert_eq!(public("GET /api/user/org"), Vec::<String>::new());
}

#[test]
fn an_odd_subject_is_encoded() {
    let token = token(&json!({"sub": "a\r\nx-admin: true"}), &json!({}));
    let sent = send("GET /x").account("acme").bearer(&token);
    let (_, set) = edited(&sent, &policy(|_| {}));
    assert_eq!(set[0].1, "a%0D%0Ax-admin:%20true");
}
