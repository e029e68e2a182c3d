mod api_keys;
mod edits;

use super::*;
use crate::testing::{World, policy, token};
use serde_json::json;

const BEARER: &str = "authorization";
const ACCOUNT: &str = "x-account-id";

/// A request line and its headers.
struct Sent {
    line: &'static str,
    headers: Vec<(&'static str, String)>,
}

fn send(line: &'static str) -> Sent {
    Sent {
        line,
        headers: Vec::new(),
    }
}

impl Sent {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn account(self, name: &str) -> Self {
        self.with(ACCOUNT, name)
    }

    fn member(self) -> Self {
        self.bearer(&token(&json!({}), &json!({})))
    }

    fn administrator(self) -> Self {
        let claims = json!({"accounts": [], "roles": {"platform-admin": {"1": "x"}}});
        self.bearer(&token(&claims, &json!({})))
    }

    fn bearer(self, token: &str) -> Self {
        self.with(BEARER, format!("Bearer {token}"))
    }

    /// Asks `found` about the decision, while the request it borrows from is there.
    fn decided<T>(
        &self,
        policy: &Policy,
        world: &World,
        found: impl FnOnce(&Decision, &Request<'_>) -> T,
    ) -> T {
        let (method, target) = self.line.split_once(' ').unwrap();
        let pseudo = [(":method", method), (":path", target)];
        let headers = self.headers.iter().map(|(name, value)| (*name, &**value));
        let all = pseudo.into_iter().chain(headers);
        let bytes = all.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let request = Request::read(bytes, &policy.account_header);
        found(&decide(policy, &request, world), &request)
    }

    /// The refusal's code, or `None` when the request goes on.
    fn refused(&self) -> Option<Code> {
        self.decided(
            &policy(|_| {}),
            &World::default(),
            |decision, _| match decision {
                Decision::Forward(_) => None,
                Decision::Refuse(refusal) => Some(refusal.code),
                Decision::Need(need) => panic!("{need:?}"),
            },
        )
    }
}

#[test]
fn the_table() {
    use Code::{
        AccountDuplicate, AccountForbidden, AccountInvalid, AccountMissing, AccountReserved,
        AdminRequired, PathAmbiguous, TokenDuplicate, TokenMissing,
    };
    let agents = || send("GET /api/v1/agents");
    let admin = || send("POST /api/admin/accounts").account("acme");
    for (sent, expected) in [
        (send("GET /api/accounts"), None),
        (send("GET /hub-api/api/accounts"), None),
        (send("POST /api/accounts"), Some(AccountMissing)),
        (send("HEAD /api/accounts"), Some(AccountMissing)),
        (agents(), Some(AccountMissing)),
        (agents().account("Acme"), Some(AccountInvalid)),
        (agents().account(""), Some(AccountInvalid)),
        (
            agents().account("acme").account("acme"),
            Some(AccountDuplicate),
        ),
        (
            agents().account("kataven-admin").member(),
            Some(AccountReserved),
        ),
        (agents().account("postgres"), Some(AccountReserved)),
        (agents().account("acme"), Some(TokenMissing)),
        (
            agents().account("acme").with(BEARER, "Basic YTpi"),
            Some(TokenMissing),
        ),
        (
            agents().account("acme").with(BEARER, "Bearer a,Bearer b"),
            Some(TokenDuplicate),
        ),
        (agents().account("acme").member(), None),
        (agents().account("globex").member(), Some(AccountForbidden)),
        (
            agents()
                .account("acme")
                .administrator()
                .with("x-admin", "true"),
            Some(AccountForbidden),
        ),
        (
            admin().member().with("x-admin", "true"),
            Some(AdminRequired),
        ),
        (admin().administrator(), Some(AdminRequired)),
        (
            admin().administrator().with("x-admin", "TRUE"),
            Some(AdminRequired),
        ),
        (
            admin()
                .administrator()
                .with("x-admin", "true")
                .with("x-admin", "true"),
            Some(AdminRequired),
        ),
        (admin().administrator().with("x-admin", "true"), None),
        (send("GET /api/accounts/../v1/agents"), Some(PathAmbiguous)),
        (
            send("GET /hub-api/api/v1/agents").account("acme").member(),
            None,
        ),
        (send("GET /hub-api/api/v1/agents"), Some(AccountMissing)),
    ] {
        assert_eq!(sent.refused(), expected, "{} {:?}", sent.line, sent.headers);
    }
}

#[test]
fn the_order_of_the_questions() {
    // Each request has every fault of the ones below it.
    let token = token(&json!({"accounts": []}), &json!({}));
    let table = [
        (send("GET /api//accounts").account("A"), Code::PathAmbiguous),
        (
            send("GET /x").account("A").with(BEARER, "x"),
            Code::AccountInvalid,
        ),
        (
            send("GET /x").account("postgres").with(BEARER, "x"),
            Code::AccountReserved,
        ),
        (
            send("GET /x").account("acme").with(BEARER, "x"),
            Code::TokenMissing,
        ),
        (
            send("GET /x").account("acme").bearer("x"),
            Code::TokenMalformed,
        ),
        (
            send("GET /x").account("acme").bearer(&token),
            Code::AccountForbidden,
        ),
    ];
    for (sent, expected) in table {
        assert_eq!(sent.refused(), Some(expected));
    }
}

#[test]
fn without_the_assertions_key_nobody_is_admitted() {
    let world = World {
        assertion_key: None,
        ..World::default()
    };
    let sent = send("GET /x").account("acme").member();
    sent.decided(&policy(|_| {}), &world, |decision, _| {
        let Decision::Refuse(refusal) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(refusal.code, Code::NotReady);
        assert!(refusal.detail.contains("assertion's key"));
    });
    send("GET /api/accounts").decided(&policy(|_| {}), &world, |decision, _| {
        assert!(matches!(decision, Decision::Forward(_)));
    });
}

#[test]
fn caps_come_last() {
    let policy = policy(|configuration| {
        configuration["caps"] = json!([{"name": "requests", "limits": {"per_minute": 1}}]);
    });
    let world = World::default();
    let code = |sent: Sent| {
        sent.decided(&policy, &world, |decision, _| match decision {
            Decision::Refuse(refusal) => Some(refusal.code),
            _ => None,
        })
    };
    let good = || send("GET /x").account("acme").member();
    let forbidden = token(&json!({"accounts": []}), &json!({}));
    let refused = send("GET /x").account("acme").bearer(&forbidden);
    assert_eq!(
        code(refused),
        Some(Code::AccountForbidden),
        "and uses nothing up"
    );
    assert_eq!(code(good()), None);
    assert_eq!(code(good()), Some(Code::CapExceeded));
    assert_eq!(
        code(send("GET /api/accounts").account("acme").member()),
        None
    );
}

#[test]
fn the_directory_says_which_accounts_there_are() {
    let policy = policy(|configuration| {
        configuration["accounts"] = json!({
            "directory": {"cluster": "accounts", "uri": "http://accounts.internal/directory"},
        });
    });
    let text = br#"{"accounts":{"acme":{},"globex":{"status":"suspended"}}}"#;
    let directory = Directory::parse(text, &policy.accounts).unwrap();
    let mut world = World {
        directory: Some(Arc::new(directory)),
        ..World::default()
    };
    let members = token(
        &json!({"accounts": ["acme", "globex", "initech"]}),
        &json!({}),
    );
    let get = |account| send("GET /x").account(account).bearer(&members);
    let admin = |account| {
        let sent = send("POST /api/admin/x").account(account);
        sent.administrator().with("x-admin", "true")
    };
    let code = |world: &World, sent: Sent| {
        sent.decided(&policy, world, |decision, _| match decision {
            Decision::Refuse(refusal) => Some(refusal.code),
            Decision::Forward(_) => None,
            Decision::Need(need) => panic!("{need:?}"),
        })
    };
    for (sent, expected) in [
        (get("acme"), None),
        (get("globex"), Some(Code::AccountSuspended)),
        (get("initech"), Some(Code::AccountUnknown)),
        (admin("acme"), None),
        (admin("globex"), None),
        (admin("initech"), None),
        // Who may not act for an account does not learn whether there is one.
        (
            send("GET /x").account("hooli").bearer(&members),
            Some(Code::AccountForbidden),
        ),
        (
            send("POST /api/admin/x").account("globex").bearer(&members),
            Some(Code::AdminRequired),
        ),
        (send("GET /x").account("globex"), Some(Code::TokenMissing)),
        (send("GET /api/accounts").account("globex"), None),
    ] {
        let what = format!("{} {:?}", sent.line, sent.headers.first());
        assert_eq!(code(&world, sent), expected, "{what}");
    }

    world.directory = None;
    get("acme").decided(&policy, &world, |decision, _| {
        assert_eq!(decision, &Decision::Need(Need::Directory));
    });
    let refusal = Need::Directory.refusal();
    assert_eq!(
        (refusal.code, refusal.retry_after),
        (Code::NotReady, Some(1))
    );
    assert!(refusal.detail.contains("directory"));
    assert_eq!(code(&world, send("GET /api/accounts")), None);
    assert_eq!(
        code(&world, send("GET /x").account("hooli").bearer(&members)),
        Some(Code::AccountForbidden)
    );
}
