//! What the clients have: accounts, tokens and keys; and the requests that they make with them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use super::ChaosError;
use super::dice::Dice;
use super::model::Kind;
use crate::client::{Origin, Request, Response};
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE, Draft, Issuer, KEYS_PATH};
use crate::random;
use crate::stack::{Builder, Stack};
use crate::trials::accounts;
use crate::upstream;

/// How long a revoked key may work here.
pub const ACTIVE: Duration = Duration::from_secs(3);

/// Requests that the account `capped` may make in a minute, as in the reference.
pub const LIMIT: usize = 60;

/// How long all may take to be as it should, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each worker reads the directory for itself; so many times of everything meets all of them.
const SEVERAL: usize = 4;

/// The accounts of clients who check their rows.
pub const ROWS: [&str; 2] = ["rows-one", "rows-two"];

pub const AGENTS: &str = "/api/v1/agents";
pub const API_KEYS: &str = "/api/v1/api-keys";
const ACCOUNTS: &str = "/api/admin/accounts";
const GUEST: &str = "/api/v1/widget/auth/guest";
const PAGE: &str = "https://alpha.example";

/// A stack with accounts and all that belongs to them.
pub struct World {
    pub stack: Stack,
    /// An issuer whose keys are believed for two seconds after the last fetch.
    pub strict: Issuer,
    member: String,
    /// An agent of `alpha`, and its name.
    agent: (String, String),
    api_key: String,
    widget_key: String,
    visitor: Mutex<String>,
}

// === impl World ===

impl World {
    /// Starts it: the reference configuration with shorter times, and with caps for two accounts only.
    pub fn start(stack: Builder, workers: usize) -> Result<Self, ChaosError> {
        let strict = Issuer::start()?;
        let url = strict.url().to_owned();
        let address = Origin::parse(&url)?.address();
        let stack = stack
            .restartable()
            .workers(workers)
            .reloadable(Duration::from_secs(2))
            .config(move |config| config.and_cluster("strict", address))
            .policy(move |policy| shorten(policy, &url))
            .start()?;
        let names = ["alpha", "beta", "writes", "capped", "closed", "suspended"];
        let names: Vec<_> = names
            .iter()
            .chain(&ROWS)
            .map(|name| (*name).to_owned())
            .collect();
        let upstream = Origin::parse(&stack.upstream_url())?;
        accounts::create(upstream, stack.assertion_key(), &names)?;

        let direct = |method: &str, path: &str, admin: bool, body: &Value| {
            let assertion = upstream::assertion(stack.assertion_key(), "alpha", admin);
            let request = upstream.request(method, path);
            let request = request.header("X-Tollgate-Assertion", assertion.unwrap_or_default());
            let answer = request.json(body).send()?;
            match answer.status {
                200 | 201 => Ok(answer),
                _ => Err(ChaosError::Prepare(format!(
                    "{method} {path}: {}",
                    answer.text()
                ))),
            }
        };
        let suspended = format!("{ACCOUNTS}/suspended");
        direct("PATCH", &suspended, true, &json!({"status": "suspended"}))?;
        let name = format!("alpha's {}", random::hex(8));
        let agent = direct("POST", AGENTS, false, &json!({"name": name}))?;
        let key = direct(
            "POST",
            API_KEYS,
            false,
            &json!({"name": "chaos", "expiry": "never"}),
        )?;
        let widget = json!({"name": "chaos", "domain_allowlist": ["alpha.example"]});
        let widget = direct("POST", "/api/v1/widget-keys", false, &widget)?;
        let world = Self {
            member: stack.issuer().member("alpha"),
            agent: (format!("{AGENTS}/{}", text(&agent, "id")), name),
            api_key: text(&key, "key"),
            widget_key: text(&widget, "key"),
            visitor: Mutex::default(),
            strict,
            stack,
        };
        world.wait_until_known()?;
        Ok(world)
    }

    /// Every kind of request gets its right answer: the gate knows the accounts.
    fn wait_until_known(&self) -> Result<(), ChaosError> {
        let mut dice = Dice::new(0);
        // Not of `capped`, whose requests are counted from the first on; the directory that has these has that one too.
        let rows = ROWS.iter().map(|account| self.of_member(AGENTS, account));
        let rows: Vec<_> = rows.map(|request| (Kind::Member, request)).collect();
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..SEVERAL {
            // A visitor needs a guest's token.
            let kinds = [Kind::Guest]
                .into_iter()
                .chain(Kind::WHOLE)
                .chain(Kind::EDGE);
            let kinds = kinds.map(|kind| (kind, self.request(kind, &mut dice)));
            for (kind, request) in kinds.chain(rows.iter().cloned()) {
                loop {
                    let answer = request.send()?;
                    self.learn(kind, &answer);
                    if answer.outcome() == kind.right() {
                        break;
                    }
                    if Instant::now() > deadline {
                        let outcome = answer.outcome();
                        return Err(ChaosError::Prepare(format!("{kind:?}: {outcome}")));
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
        Ok(())
    }

    fn of_member(&self, path: &str, account: &str) -> Request {
        let token = self.stack.issuer().member(account);
        self.stack.get(path).account(account).bearer(token)
    }

    /// A request of this kind.
    pub fn request(&self, kind: Kind, dice: &mut Dice) -> Request {
        let (issuer, agent) = (self.stack.issuer(), self.agent.0.as_str());
        let get = |path: &str| self.stack.get(path);
        let read = |account: &str| get(agent).account(account);
        let admin = || get(ACCOUNTS).account("acme");
        let new = || {
            let draft = Draft::member("alpha").algorithm("ES256");
            draft.claim("jti", json!(random::hex(8)))
        };
        let minted = |draft: Draft| read("alpha").bearer(issuer.mint(&draft));
        let member_of = |account: &str| self.of_member(AGENTS, account);
        match kind {
            Kind::Member => read("alpha").bearer(&self.member),
            Kind::NewToken => minted(new()),
            Kind::StrictToken => read("alpha").bearer(self.strict.mint(&new())),
            Kind::Write => {
                let body = json!({"name": random::hex(8)});
                let request = self.stack.post(AGENTS).account("writes").json(&body);
                request.bearer(issuer.mint(&Draft::member("writes").algorithm("ES256")))
            }
            Kind::Admin => admin().as_admin().bearer(issuer.administrator()),
            Kind::ApiKey => self.with_key(&self.api_key),
            Kind::Public => get("/api/accounts"),
            Kind::Guest => self.guest(PAGE),
            Kind::Visitor => read("alpha").bearer(&*self.visitor()),
            Kind::SelfVerified => get("/api/user/org").bearer(&self.member),
            Kind::Revoked | Kind::MadeUpKey => {
                let mut entropy = [0; ENTROPY];
                entropy.fill_with(|| u8::try_from(dice.below(256)).unwrap_or_default());
                get(agent).bearer(ApiKey::write("sk_live_", "alpha", &entropy))
            }
            Kind::UnknownKey => minted(new().header("kid", json!(random::id()))),
            Kind::StrangePage => self.guest("https://elsewhere.example"),
            Kind::KeyOnAdminRoute => get(ACCOUNTS).as_admin().bearer(&self.api_key),
            Kind::VisitorElsewhere => get(AGENTS).account("alpha").bearer(&*self.visitor()),
            Kind::Forged => read("alpha").bearer(forged(&self.member, &issuer.mint(&new()))),
            Kind::Unsigned => minted(Draft::member("alpha").algorithm("none")),
            Kind::Expired => minted(new().claim("exp", json!(1))),
            Kind::Foreign => minted(new().claim(ACCOUNTS_CLAIM, json!(["beta"]))),
            Kind::NoAdministrator => admin().as_admin().bearer(issuer.member("acme")),
            Kind::AdminUnsaid => admin().bearer(issuer.administrator()),
            Kind::UnknownAccount => member_of("nobody-here"),
            Kind::Suspended => member_of("suspended"),
            Kind::Reserved => read("kataven-admin").bearer(&self.member),
            Kind::NoToken => read("alpha"),
            Kind::NoAccount => get(agent).bearer(&self.member),
            Kind::Ambiguous => get("/api/v1//agents").account("alpha").bearer(&self.member),
            Kind::Closed => member_of("closed"),
        }
    }

    /// A read with an API key.
    pub fn with_key(&self, key: &str) -> Request {
        self.stack.get(&self.agent.0).bearer(key)
    }

    /// What is wrong with what was read, where the answer has the right status.
    pub fn misread(&self, kind: Kind, answer: &Response) -> Option<String> {
        let reads = matches!(
            kind,
            Kind::Member | Kind::NewToken | Kind::StrictToken | Kind::ApiKey | Kind::Visitor
        );
        let wrong = reads && answer.status == 200 && text(answer, "name") != self.agent.1;
        wrong.then(|| format!("{kind:?} has read what is not alpha's: {}", answer.text()))
    }

    /// Keeps what an answer gives.
    pub fn learn(&self, kind: Kind, answer: &Response) {
        if kind == Kind::Guest && answer.status == 200 {
            *self.visitor() = text(answer, "token");
        }
    }

    fn visitor(&self) -> MutexGuard<'_, String> {
        self.visitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guest(&self, page: &str) -> Request {
        let body = json!({"client_key": self.widget_key});
        self.stack.post(GUEST).header("Origin", page).json(&body)
    }
}

/// The reference with times that are over within a fault, a second issuer, and caps for two accounts only.
fn shorten(policy: &mut Value, strict: &str) {
    let unlimited =
        json!({"concurrent": null, "per_minute": null, "per_hour": null, "per_day": null});
    let lifted = ["acme", "alpha", "beta", "writes", "suspended"]
        .iter()
        .chain(&ROWS);
    let mut accounts: serde_json::Map<_, _> = lifted
        .map(|account| ((*account).to_owned(), unlimited.clone()))
        .collect();
    accounts.insert("closed".to_owned(), json!({"per_minute": 0}));
    for (pointer, value) in [
        ("/issuers/0/jwks/refresh", json!("1s")),
        ("/issuers/0/jwks/timeout", json!("1s")),
        ("/accounts/directory/refresh", json!("1s")),
        ("/api_keys/cache", json!({"active": "3s", "inactive": "1s"})),
        ("/caps/0/accounts", Value::Object(accounts)),
    ] {
        if let Some(place) = policy.pointer_mut(pointer) {
            *place = value;
        }
    }
    if let Some(issuers) = policy.pointer_mut("/issuers").and_then(Value::as_array_mut) {
        issuers.push(json!({
            "issuer": strict,
            "audiences": [AUDIENCE],
            "jwks": {
                "cluster": "strict",
                "uri": format!("{strict}{KEYS_PATH}"),
                "refresh": "1s",
                "timeout": "1s",
                "max_stale": "2s",
                "max_wait": "1s",
            },
            "membership": {"claim": [ACCOUNTS_CLAIM], "shape": "list"},
        }));
    }
}

/// One token's words with another's signature.
fn forged(token: &str, other: &str) -> String {
    let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
    let signature = other
        .rsplit_once('.')
        .map_or("", |(_, signature)| signature);
    format!("{signed}.{signature}")
}

fn text(answer: &Response, field: &str) -> String {
    let json = answer.json();
    let text = json.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
