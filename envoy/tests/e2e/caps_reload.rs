//! Another configuration, or another module, in the middle of everything: nothing is counted anew, and nothing is lost.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_envoy::client::Origin;
use tollgate_envoy::minute;

use crate::places::{Places, at_each_number_of_workers};
use crate::world::{MODULE, wait_until};

const LIMIT: u32 = 5;

/// A gate whose module and configuration are replaced, again and again by others.
struct Reloads<'a> {
    places: &'a Places,
    folder: TempDir,
    number: Cell<u8>,
}

impl<'a> Reloads<'a> {
    fn new(places: &'a Places) -> Self {
        Self {
            places,
            folder: tempfile::tempdir().unwrap(),
            number: Cell::new(0),
        }
    }

    /// Another configuration, which differs in nothing that is tested here.
    fn policy(&self) {
        let entries = json!(1000 + u32::from(self.next()));
        let change = |policy: &mut Value| policy["token_cache"]["entries"] = entries;
        self.places.stack.reload(change).unwrap();
    }

    /// The same module with other bytes: Envoy starts new virtual machines for it.
    fn module(&self) {
        // A custom section: its number, size, and the size of its name (WebAssembly Core Specification, 5.5.3).
        let section = [0, 2, 1, b'a' + self.next()];
        let module = [fs::read(&*MODULE).unwrap(), section.to_vec()].concat();
        let path = self.folder.path().join("other.wasm");
        fs::write(&path, module).unwrap();
        self.places.stack.reload_module(&path).unwrap();
    }

    /// The same filters in another listener at the same place.
    fn listener(&self) {
        let bytes = 32 << 10 | u32::from(self.next());
        let stack = &self.places.stack;
        let reloaded = stack.reload_config(|config| config.with_buffer(bytes));
        reloaded.unwrap();
    }

    fn next(&self) -> u8 {
        self.number.update(|number| number + 1);
        self.number.get()
    }
}

#[test]
fn nothing_is_counted_anew_or_lost_by_a_reload() {
    at_each_number_of_workers(|workers| {
        let places = Places::start(workers, LIMIT, |stack| {
            let minute = json!({
                "name": "minute",
                "routes": ["GET /counted"],
                "limits": {"concurrent": null, "per_minute": 10},
            });
            stack
                // No connection is cut.
                .reloadable(Duration::from_secs(600))
                .policy(|policy| policy["caps"].as_array_mut().unwrap().push(minute))
        });
        let reloads = Reloads::new(&places);
        a_minute_goes_on(&reloads);
        what_is_under_way_counts(&places, || reloads.policy());
        what_is_under_way_counts(&places, || reloads.module());
        what_is_under_way_counts(&places, || {
            reloads.policy();
            reloads.module();
            reloads.listener();
        });
        what_ends_in_a_drain_is_given_back(&places);
    });
}

fn a_minute_goes_on(reloads: &Reloads<'_>) {
    let stack = &reloads.places.stack;
    let passed = minute::within_one(|attempt| {
        let account = format!("acme-{attempt}");
        let token = stack.issuer().member(&account);
        let request = stack.get("/counted").account(account).bearer(token);
        let pass = |number: usize| {
            let statuses = (0..number).map(|_| request.send().unwrap().status);
            statuses.filter(|status| *status == 200).count()
        };
        let first = pass(4);
        reloads.policy();
        let second = pass(3);
        reloads.module();
        (first, second, pass(20))
    });
    assert_eq!(passed, (4, 3, 3));
}

/// What the old has under way leaves room for the rest only, and is given back when it ends.
fn what_is_under_way_counts(places: &Places, replace: impl FnOnce()) {
    let old = places.hold(3);
    replace();
    let new = places.hold(2);
    places.assert_full();
    old.finish();
    let newer = places.wait_to_hold(3);
    places.assert_full();
    new.finish();
    newer.finish();
    places.wait_for_gauge(0);
}

/// Envoy takes no new connections and lets end what is under way.
fn what_ends_in_a_drain_is_given_back(places: &Places) {
    let held = places.hold(5);
    let admin = Origin::parse(places.stack.envoy().admin_url()).unwrap();
    let drained = admin.post("/drain_listeners").send().unwrap();
    assert_eq!(drained.status, 200);
    wait_until("nobody listens", || places.request("/", "").send().is_err());
    places.wait_for_gauge(5);
    held.finish();
    places.wait_for_gauge(0);
}

/// Envoy closes what is left of the old when its time is over.
#[test]
fn what_a_drain_cuts_is_given_back() {
    at_each_number_of_workers(|workers| {
        let drain = Duration::from_secs(1);
        let places = Places::start(workers, LIMIT, |stack| stack.reloadable(drain));
        let reloads = Reloads::new(&places);
        for replace in [Reloads::policy, Reloads::module, Reloads::listener] {
            let old = places.hold(3);
            replace(&reloads);
            let new = places.hold(2);
            let newer = places.wait_to_hold(3);
            for client in old.clients {
                assert!(client.finish().is_err(), "it was cut");
            }
            places.assert_full();
            new.finish();
            newer.finish();
            places.wait_for_gauge(0);
        }
    });
}
