//! Whatever headers come, nobody gets through who was not verified, and nothing goes on that says who is calling but what the
//! gate says; what the gate writes has no control bytes, and nothing of the credential.
//!
//! Input: a digit for one of three gates, on a line of its own; a line `name: value` for each header; an empty line; and
//! claims. In a value, `$T` is a token of these claims, signed by the issuer, `$O` one by a stranger, `$K` a long-lived
//! key of `acme`, `$I` one that is not active.

mod gates;
mod sent;

use serde_json::Value;
use tollgate_policy::assertion::{AssertionKey, CredentialKind};
use tollgate_policy::config::Policy;
use tollgate_policy::decide::{Decision, Need, decide};
use tollgate_policy::forward::{Edits, Forward};
use tollgate_policy::path::Path;
use tollgate_policy::refusal::{Format, Refusal};
use tollgate_policy::request::Request;
use tollgate_policy::route::Access;

use self::gates::{GATES, Gate};
use self::sent::Sent;
use crate::world::{ASSERTION_KEY, NOW};

/// See the module.
pub fn check(input: &[u8]) {
    let (number, rest) = crate::line(input);
    let number = number.first().copied().unwrap_or_default();
    GATES.with(|gates| {
        let gate = &gates[usize::from(number) % gates.len()];
        let sent = Sent::read(rest);
        let request = Request::read(sent.headers(), &gate.policy.account_header);
        let decision = decide(&gate.policy, &request, &gate.world());
        match &decision {
            Decision::Forward(forward) => forwarded(gate, &sent, &request, forward),
            Decision::Refuse(refusal) => refused(&sent, refusal),
            Decision::Need(Need::Introspection(_)) => {
                assert!(gate.policy.api_keys.is_some());
                refused(&sent, &Need::Keys(0).refusal());
            }
            Decision::Need(need) => panic!("{need:?}"),
        }
        // What is only reported goes on as it came, but never with the gate's own headers.
        let reported = Forward::reported();
        let after = sent.after(&reported.edits(&request, &gate.policy));
        for (name, _) in &after {
            let folded = folded(name);
            assert!(
                !folded.starts_with(b"x-tollgate-"),
                "{}",
                name.escape_ascii()
            );
        }
    });
}

fn forwarded(gate: &Gate, sent: &Sent, request: &Request<'_>, forward: &Forward) {
    let path = Path::parse(request.target).expect("a readable path");
    let class = gate.policy.class(request, &path);
    let edits = forward.edits(request, &gate.policy);
    for (name, value) in &edits.set {
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
        assert!(
            value.bytes().all(|byte| byte.is_ascii_graphic()),
            "{name}: {value:?}"
        );
    }
    let after = sent.after(&edits);
    let one = |wanted: &str| {
        let mut found = after.iter().filter(|(name, _)| name == wanted.as_bytes());
        let first = found.next().map(|(_, value)| value.as_slice());
        assert!(found.next().is_none(), "{wanted}: twice");
        first
    };
    let account_header = gate.policy.account_header.as_str();
    let grant = forward.grant();
    // Whoever folds names finds the gate's own, or nothing.
    let gates = [
        account_header,
        "x-admin",
        "x-tollgate-subject",
        "x-tollgate-assertion",
    ];
    for (name, _) in &after {
        let folded = folded(name);
        if folded.starts_with(b"x-tollgate-") || gates.iter().any(|own| own.as_bytes() == folded) {
            assert!(grant.is_some(), "{}", name.escape_ascii());
            assert!(
                gates.iter().any(|own| own.as_bytes() == name),
                "{}",
                name.escape_ascii()
            );
        }
    }
    let has_authorization = sent.headers().any(|(name, _)| name == b"authorization");
    let goes_on = after.iter().any(|(name, _)| name == b"authorization");
    assert_eq!(goes_on, has_authorization && class.forward_authorization);
    let Some(grant) = grant else {
        assert_eq!(class.access, Access::Public);
        return;
    };
    assert_ne!(class.access, Access::Public);
    assert_eq!(
        one(account_header),
        Some(grant.account().as_str().as_bytes())
    );
    assert_eq!(grant.admin(), class.access == Access::Admin);
    assert_eq!(one("x-admin"), grant.admin().then_some(b"true".as_slice()));
    let subject = one("x-tollgate-subject").expect("a subject");
    let subject: Vec<u8> = percent_encoding::percent_decode(subject).collect();
    assert_eq!(subject, grant.subject().as_bytes());
    asserted(&gate.policy, one("x-tollgate-assertion"), forward);
    entitled(gate, sent, forward);
}

/// The assertion says the same as the headers.
fn asserted(policy: &Policy, assertion: Option<&[u8]>, forward: &Forward) {
    assert_eq!(assertion.is_some(), policy.assertion.is_some());
    let (Some(assertion), Some(grant)) = (assertion, forward.grant()) else {
        return;
    };
    let assertion = str::from_utf8(assertion).expect("text");
    let key = AssertionKey::new(ASSERTION_KEY).unwrap();
    let stated = key
        .verify(assertion, "upstream", NOW)
        .expect("an assertion");
    assert_eq!(&stated.account, grant.account());
    assert_eq!(stated.subject, grant.subject());
    assert_eq!(
        (stated.admin, stated.credential),
        (grant.admin(), grant.credential())
    );
    let shown = format!("{forward:?}");
    assert!(!shown.contains(assertion), "{shown}");
}

/// Whoever was let in has shown one good credential, and may act for the account.
fn entitled(gate: &Gate, sent: &Sent, forward: &Forward) {
    let grant = forward.grant().expect("somebody");
    let credentials: Vec<&[u8]> = sent.all("authorization");
    let [credential] = credentials[..] else {
        panic!("{} credentials", credentials.len());
    };
    let scheme = credential
        .trim_ascii()
        .get(..7)
        .map(<[u8]>::to_ascii_lowercase);
    assert_eq!(scheme.as_deref(), Some(b"bearer ".as_slice()));
    let text = credential.trim_ascii()[7..].trim_ascii();
    let accounts = sent.all(&gate.policy.account_header);
    let account = grant.account().as_str();
    assert!(accounts.len() <= 1);
    if grant.credential() == CredentialKind::ApiKey {
        assert!(!grant.admin());
        assert_eq!(text, gates::ACTIVE_KEY.with(|key| key.clone().into_bytes()));
        assert_eq!(account, "acme");
        assert_eq!(accounts.is_empty(), accounts != [b"acme"]);
        return;
    }
    assert_eq!(text, sent.token.as_bytes(), "nobody else signs");
    assert_eq!(accounts, [account.as_bytes()]);
    let claims: Value = serde_json::from_slice(&sent.claims).unwrap_or_default();
    let Ok(claims) = tollgate_policy::json::object(&sent.claims) else {
        panic!("{claims}");
    };
    assert!(gate.rules().allow(&claims));
    if grant.admin() {
        assert!(crate::claims::Rules::is_administrator(&claims));
        assert_eq!(sent.all("x-admin"), [b"true"]);
    } else {
        assert!(gate.rules().is_member(&claims, account));
    }
    let suspended = gate.policy.directory.is_some() && account != "acme";
    assert!(!suspended || grant.admin(), "{account}");
}

fn refused(sent: &Sent, refusal: &Refusal) {
    for (format, grpc) in [
        (Format::ProblemJson, false),
        (Format::Text, false),
        (Format::Text, true),
    ] {
        let answer = refusal.answer(format, grpc);
        assert!(matches!(answer.status, 400 | 401 | 403 | 429 | 503));
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.contains(&"www-authenticate"), answer.status == 401);
        assert!(answer.status < 429 || names.contains(&"retry-after"));
        let written = answer.headers.iter().map(|(_, value)| &**value);
        for text in written.chain([answer.body.trim_end_matches('\n')]) {
            assert!(
                text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)),
                "{text:?}"
            );
            for secret in sent.secrets() {
                let found = text
                    .as_bytes()
                    .windows(secret.len())
                    .any(|part| part == secret);
                assert!(!found, "{text:?}");
            }
        }
        if format == Format::ProblemJson {
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(body["status"], answer.status);
        }
    }
}

/// A header's name as servers read it that turn names into variables.
fn folded(name: &[u8]) -> Vec<u8> {
    let fold = |byte: &u8| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_lowercase()
        } else {
            b'-'
        }
    };
    name.iter().map(fold).collect()
}

/// Headers after the gate's changes, as Envoy makes them.
fn edited<'h>(
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    edits: &Edits<'_>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let is_set = |name: &[u8]| edits.set.iter().any(|(set, _)| set.as_bytes() == name);
    headers
        .filter(|(name, _)| !edits.remove.contains(name) && !is_set(name))
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .chain(
            edits
                .set
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())),
        )
        .collect()
}
