//! A gate whose neighbours do harm: an issuer of keys, one with discovery, the directory of accounts, and an introspection
//! endpoint. Beside them is an issuer that does none, whose tokens the good requests have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::hostile::{Behaviour, Hostile, Kind};
use tollgate_envoy::issuer::Draft;
use tollgate_envoy::random;
use tollgate_envoy::stack::Stack;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::world::{AGENTS, count, stack, wait_until};

/// How long a request may wait for any of them.
pub const MAX_WAIT: Duration = Duration::from_millis(300);

/// The issuer whose keys the first neighbour has, and one whose keys were never had.
const ISSUERS: [&str; 2] = ["http://keys.hostile", "http://cold.hostile"];

/// Every failure that there is a counter of.
const REASONS: [&str; 12] = [
    "cluster_unknown",
    "no_host",
    "connect",
    "timeout",
    "reset",
    "status",
    "too_large",
    "not_json",
    "no_usable_key",
    "discovery",
    "not_a_directory",
    "wrong_answer",
];

/// Each neighbour's counters.
pub const NEIGHBOURS: [(Kind, &str, &str); 4] = [
    (Kind::Keys, "issuer.1.keys", "fetched"),
    (Kind::Discovery, "issuer.2.keys", "fetched"),
    (Kind::Directory, "directory", "fetched"),
    (Kind::Introspection, "introspection", "answered"),
];

/// The gate and those around it.
pub struct World {
    pub stack: Stack,
    neighbours: [Hostile; 4],
    /// Never does well.
    cold: Hostile,
    workers: usize,
}

/// What good requests see.
#[derive(Default)]
pub struct Meanwhile {
    pub requests: AtomicU64,
    slowest: AtomicU64,
}

impl World {
    pub fn start(workers: usize) -> Self {
        let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let directory = json!({"accounts": {"acme": {}, "globex": {"status": "suspended"}}});
        let active = json!({"active": true, "sub": "key"});
        // The document and the keys that it leads to come from the same server, and so the same answer is both.
        let discovery = format!(
            r#"{{"issuer":"http://discovery.hostile","jwks_uri":"http://discovery.hostile/keys",{}"#,
            &keys[1..]
        );
        let start = |kind, good: String| Hostile::start(kind, good).unwrap();
        let neighbours = [
            start(Kind::Keys, keys.to_owned()),
            start(Kind::Discovery, discovery),
            start(Kind::Directory, directory.to_string()),
            start(Kind::Introspection, active.to_string()),
        ];
        let cold = start(Kind::Keys, json!({"keys": []}).to_string());
        let addresses = neighbours.each_ref().map(Hostile::address);
        let cold_address = cold.address();
        let stack = stack()
            .echo()
            .workers(workers)
            .policy(policy)
            .config(move |config| {
                let names = [
                    "hostile-keys",
                    "hostile-discovery",
                    "hostile-directory",
                    "hostile-introspection",
                ];
                let mut config = config.with_exact_balance()?;
                for (name, address) in names.into_iter().zip(addresses) {
                    config = config.and_cluster(name, address)?;
                }
                config.and_cluster("hostile-cold", cold_address)
            })
            .start()
            .unwrap();
        let world = Self {
            stack,
            neighbours,
            cold,
            workers,
        };
        wait_until("every neighbour was asked", || {
            let asked = |(_, prefix, good): &(_, &str, &str)| {
                count(&world.stack, &format!("{prefix}.{good}")) > 0
            };
            NEIGHBOURS[..3].iter().all(asked)
        });
        wait_until("every worker has the keys", || {
            (0..20).all(|_| world.good().send().unwrap().status == 200)
        });
        world
    }

    pub fn behave(&self, behaviour: Behaviour) {
        for neighbour in self.neighbours.iter().chain([&self.cold]) {
            neighbour.behave(behaviour);
        }
    }

    /// Waits until all do well again, so that nothing that comes later is of what was before.
    pub fn settle(&self) {
        self.behave(Behaviour::Good);
        let before = self.counts();
        let is_well = |place: usize| {
            let now = self.counts();
            now[place].last().unwrap().1 > before[place].last().unwrap().1
        };
        wait_until("all do well again", || (0..3).all(is_well));
    }

    /// Redirects that were followed.
    pub fn followed(&self) -> u64 {
        self.neighbours.iter().map(Hostile::followed).sum()
    }

    /// A request that needs no neighbour.
    pub fn good(&self) -> Request {
        let token = self.stack.issuer().member("acme");
        self.stack.get(AGENTS).account("acme").bearer(token)
    }

    /// A request that needs the keys that were never had.
    pub fn cold(&self) -> Response {
        let draft = Draft::member("acme").claim("iss", json!(ISSUERS[1]));
        let token = self.stack.issuer().mint(&draft);
        self.stack
            .get(AGENTS)
            .account("acme")
            .bearer(token)
            .send()
            .unwrap()
    }

    /// A request with a key that nobody has seen.
    pub fn key(&self) -> Response {
        let digits = random::hex(ENTROPY);
        let entropy = digits.as_bytes().first_chunk().unwrap();
        let key = ApiKey::write("sk_live_", "acme", entropy);
        self.stack.get(AGENTS).bearer(key).send().unwrap()
    }

    /// What each neighbour has come to, by the counters: how many times well, and each reason.
    pub fn counts(&self) -> [Vec<(String, u64)>; 4] {
        NEIGHBOURS.map(|(_, prefix, good)| {
            let ways = REASONS.map(|reason| format!("failed.{reason}"));
            let ways = ways.into_iter().chain([good.to_owned()]);
            ways.map(|way| {
                let value = count(&self.stack, &format!("{prefix}.{way}"));
                (way.trim_start_matches("failed.").to_owned(), value)
            })
            .collect()
        })
    }

    /// In which ways a neighbour has answered since its counters were these.
    pub fn ways(&self, place: usize, before: &[(String, u64)]) -> Vec<String> {
        let now = &self.counts()[place];
        let new = now
            .iter()
            .zip(before)
            .filter(|(now, before)| now.1 > before.1);
        new.map(|(now, _)| now.0.clone()).collect()
    }

    /// Good requests on each worker, until it is over.
    pub fn meanwhile(&self, meanwhile: &Meanwhile, is_over: impl Fn() -> bool + Sync) {
        let is_over = &is_over;
        thread::scope(|scope| {
            for _ in 0..self.workers {
                let mut connection = self.stack.gate().connect().unwrap();
                let good = self.good();
                scope.spawn(move || {
                    while !is_over() {
                        let begun = Instant::now();
                        let answer = connection.send(&good).unwrap();
                        assert_eq!(answer.outcome(), "200", "{}", answer.text());
                        meanwhile.note(begun.elapsed());
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
        });
    }
}

impl Meanwhile {
    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap();
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.slowest.fetch_max(took, Ordering::Relaxed);
    }

    /// The slowest since this was last asked.
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.swap(0, Ordering::Relaxed))
    }
}

fn policy(policy: &mut Value) {
    policy["caps"] = json!([]);
    let mut hostile = policy["issuers"][0].clone();
    hostile["jwks"] = json!({
        "cluster": "hostile-keys",
        "uri": "http://keys.hostile/keys",
        "refresh": "1s",
        "timeout": "1s",
        "max_wait": "300ms",
    });
    for (issuer, cluster, discovery) in [
        (ISSUERS[0], "hostile-keys", false),
        ("http://discovery.hostile", "hostile-discovery", true),
        (ISSUERS[1], "hostile-cold", false),
    ] {
        let mut hostile = hostile.clone();
        hostile["issuer"] = json!(issuer);
        hostile["jwks"]["cluster"] = json!(cluster);
        if discovery {
            hostile["jwks"]["discovery"] = json!(true);
            hostile["jwks"]["uri"] = json!(null);
        }
        policy["issuers"].as_array_mut().unwrap().push(hostile);
    }
    policy["accounts"]["directory"] = json!({
        "cluster": "hostile-directory",
        "uri": "http://directory.hostile/directory",
        "refresh": "1s",
        "timeout": "1s",
        "max_wait": "300ms",
    });
    let asking = &mut policy["api_keys"]["introspection"];
    asking["cluster"] = json!("hostile-introspection");
    asking["timeout"] = json!("1s");
    asking["max_wait"] = json!("300ms");
}
