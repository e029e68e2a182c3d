//! The upstream's own keys, in use by many clients at once, when they end, and when the upstream is away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Request};
use tollgate_envoy::stack::Stack;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use super::relay::Relay;
use super::{ACTIVE, all_get, outcomes, with};
use crate::database::{Database, SYSTEM};
use crate::world::{AGENTS, Stop, count, stack, wait_until};

const WORKERS: usize = 4;
const CLIENTS: usize = 6;
const KEYS: &str = "/api/v1/api-keys";

/// The whole, with a way to the upstream's internal listener that can be cut.
pub(super) struct World {
    pub(super) stack: Stack,
    relay: Relay,
}

pub(super) struct Key {
    pub(super) text: String,
    id: String,
}

/// One request with a key.
struct Attempt {
    sent: Instant,
    sent_at: SystemTime,
    outcome: String,
}

impl World {
    pub(super) fn start() -> Self {
        let relay = Relay::start().unwrap();
        let address = relay.address();
        let stack = stack()
            .workers(WORKERS)
            .policy(|policy: &mut Value| {
                policy["caps"] = json!([]);
                policy["accounts"]["directory"] = Value::Null;
                policy["api_keys"]["cache"] = json!({"active": "2s", "inactive": "1s"});
            })
            .config(move |config| config.with_cluster("accounts", address))
            .start()
            .unwrap();
        let internal = Origin::parse(stack.internal_url().unwrap()).unwrap();
        relay.lead_to(internal.address());
        Self { stack, relay }
    }

    pub(super) fn member(&self, method: &str, path: &str) -> Request {
        let token = self.stack.issuer().member("acme");
        let request = self.stack.request(method, path);
        request.account("acme").bearer(token)
    }

    /// Makes one, as a user does.
    pub(super) fn mint(&self) -> Key {
        let wanted = json!({"name": "CI", "expiry": "never"});
        let answer = self.member("POST", KEYS).json(&wanted).send().unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
        Key {
            text: text("key"),
            id: text("id"),
        }
    }

    fn path(key: &Key) -> String {
        format!("{KEYS}/{}", key.id)
    }

    /// Sets when it expires, past the service, whose keys live for a month at least.
    fn expire(&self, key: &Key, after: &str) {
        let sql = format!(
            "update api_keys set expires_at = now() + interval '{after}' where id = '{}'",
            key.id
        );
        Database::open(&self.stack, SYSTEM).run(&sql);
    }

    /// What clients get who use a key all the time, each request over a connection of its own, until `end` is `over`.
    fn under_load<E>(
        &self,
        key: &Key,
        end: impl FnOnce() -> E,
        over: Duration,
    ) -> (E, Vec<Attempt>) {
        let request = with(&self.stack, &key.text);
        let (stop, attempts) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let client = || {
            while !stop.load(Ordering::Relaxed) {
                let (sent, sent_at) = (Instant::now(), SystemTime::now());
                let outcome = request.send().unwrap().outcome();
                let attempt = Attempt {
                    sent,
                    sent_at,
                    outcome,
                };
                attempts.lock().unwrap().push(attempt);
            }
        };
        let ended = thread::scope(|scope| {
            let _stop = Stop(&stop);
            for _ in 0..CLIENTS {
                scope.spawn(client);
            }
            let before = count(&self.stack, "introspection.answered");
            wait_until("every worker has asked, and some again", || {
                count(&self.stack, "introspection.answered") >= before + 2 * WORKERS as u64
            });
            let ended = end();
            let since = Instant::now();
            wait_until("it is over", || since.elapsed() > over);
            ended
        });
        (ended, attempts.into_inner().unwrap())
    }
}

/// All of them passed, or were refused with this; returns when the last one that passed was sent.
fn last_pass(attempts: &[Attempt], refused: &str) -> Instant {
    for attempt in attempts {
        let outcome = &*attempt.outcome;
        assert!(outcome == "200" || outcome == refused, "{outcome}");
    }
    assert_eq!(attempts.last().unwrap().outcome, refused);
    let passed = attempts.iter().filter(|attempt| attempt.outcome == "200");
    passed.map(|attempt| attempt.sent).max().unwrap()
}

#[test]
fn a_key_that_is_ended_under_load_stops_within_its_time() {
    let world = World::start();
    let disable = |key: &Key| {
        let change = world.member("PATCH", &World::path(key));
        change.json(&json!({"disabled": true}))
    };
    let delete = |key: &Key| world.member("DELETE", &World::path(key));
    for (how, request, status) in [
        ("disabled", &disable as &dyn Fn(&Key) -> Request, 200),
        ("deleted", &delete, 204),
    ] {
        let key = world.mint();
        let end = || {
            let answer = request(&key).send().unwrap();
            assert_eq!(answer.status, status, "{}", answer.text());
            Instant::now()
        };
        let (ended, attempts) = world.under_load(&key, end, ACTIVE * 3 / 2);
        let passed = last_pass(&attempts, "401 key_inactive").saturating_duration_since(ended);
        eprintln!(
            "{how}: {} requests; the last pass {passed:?} after",
            attempts.len()
        );
        assert!(passed <= ACTIVE, "{how}: a pass {passed:?} after");
        all_get(&world.stack, &key.text, "401 key_inactive");
    }
}

#[test]
fn a_key_stops_at_the_second_it_expires() {
    let world = World::start();
    let key = world.mint();
    world.expire(&key, "6 s");
    let sql = format!(
        "select floor(extract(epoch from expires_at)) from api_keys where id = '{}'",
        key.id
    );
    let ends = Database::open(&world.stack, SYSTEM).number(&sql);
    let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(ends.try_into().unwrap());
    let ((), attempts) = world.under_load(&key, || (), Duration::from_secs(6));
    last_pass(&attempts, "401 key_inactive");
    for attempt in attempts {
        let passes = attempt.outcome == "200";
        assert!(!passes || attempt.sent_at < ends, "it passes after its end");
    }
}

#[test]
fn a_key_ends_with_its_account() {
    let world = World::start();
    let key = world.mint();
    all_get(&world.stack, &key.text, "200");
    let set = |status: &str| {
        let request = world.stack.request("PATCH", "/api/admin/accounts/acme");
        let token = world.stack.issuer().administrator();
        let request = request.account("acme").bearer(token).as_admin();
        let answer = request.json(&json!({"status": status})).send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        Instant::now()
    };
    let ended = set("suspended");
    let mut seen = Vec::new();
    wait_until("no worker knows the key any more", || {
        seen = outcomes(&world.stack, &key.text);
        assert!(!seen.iter().any(|outcome| outcome == "200"), "{seen:?}");
        seen.iter().all(|outcome| outcome == "401 key_inactive")
    });
    let (after, longest) = (ended.elapsed(), ACTIVE * 3 / 2);
    assert!(after < longest, "only {after:?} after it");
    set("active");
    wait_until("it passes everywhere", || {
        let seen = outcomes(&world.stack, &key.text);
        seen.iter().all(|outcome| outcome == "200")
    });
}

#[test]
fn an_upstream_that_is_away_makes_no_key_wrong() {
    const AWAY: &str = "503 introspection_unavailable";
    let mut world = World::start();
    let key = world.mint();
    let unknown = ApiKey::write("sk_live_", "acme", &[9; ENTROPY]);
    let tick = |stack: &Stack, key: &str| with(stack, key).send().unwrap().outcome();
    // The kernel gives connections to workers at random, and one that has not seen the key has nothing to remember.
    for _ in 0..4 {
        all_get(&world.stack, &key.text, "200");
    }
    let (mut passed, mut first) = (0, None);
    world.relay.cut();
    let gone = Instant::now();
    while gone.elapsed() < ACTIVE * 5 / 4 {
        let sent = gone.elapsed();
        let outcome = tick(&world.stack, &key.text);
        match &*outcome {
            "200" => {
                assert!(sent <= ACTIVE, "it passes {sent:?} after");
                passed += 1;
            }
            AWAY => first = first.or(Some(sent)),
            other => panic!("{other}"),
        }
    }
    let first = first.expect("all workers have forgotten the key");
    assert!(
        passed > 0 && first > ACTIVE / 4,
        "503 after {first:?} already"
    );
    all_get(&world.stack, &key.text, AWAY);
    assert_eq!(tick(&world.stack, &unknown), AWAY);
    let member = world.member("GET", AGENTS).send().unwrap();
    assert_eq!(member.outcome(), "200", "tokens need nobody");

    world.relay.mend().unwrap();
    wait_until("it passes everywhere", || {
        let seen = outcomes(&world.stack, &key.text);
        assert!(seen.iter().all(|seen| seen == "200" || seen == AWAY));
        seen.iter().all(|outcome| outcome == "200")
    });
    // That there was no answer about it is remembered for a moment.
    wait_until("what is unknown is so again", || {
        let seen = tick(&world.stack, &unknown);
        assert!(seen == "401 key_inactive" || seen == AWAY, "{seen}");
        seen == "401 key_inactive"
    });
}

/// As when a server closes a connection that was idle just when the question is sent.
#[test]
fn a_connection_that_breaks_is_nobodys_refusal() {
    let world = World::start();
    let key = world.mint();
    world.relay.break_next(1);
    let answer = with(&world.stack, &key.text).send().unwrap();
    assert_eq!(answer.outcome(), "200", "{}", answer.text());
    assert_eq!(world.relay.unbroken(), 0);
}
