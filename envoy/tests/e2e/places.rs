//! What the tests of `concurrent` share: a gate that lets an account have some requests under way, and an upstream that
//! holds them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use tollgate_envoy::client::{Request, Underway};
use tollgate_envoy::scripted::{self, Scripted};
use tollgate_envoy::stack::{Builder, Stack};

use crate::streams::{Stream, Streams};
use crate::world::{WORKERS, count, stack, wait_until};

/// A gate with one cap, `requests`, that limits what is under way.
pub struct Places {
    pub stack: Stack,
    pub upstream: Scripted,
    token: String,
    names: AtomicUsize,
}

/// Requests that the upstream holds. Dropping them hangs up.
pub struct Held<'a> {
    places: &'a Places,
    name: String,
    pub clients: Vec<Underway>,
}

/// Does it for each number of workers, at the same time; where one fails, the others end first.
pub fn at_each_number_of_workers(test: impl Fn(usize) + Sync) {
    let test = &test;
    thread::scope(|scope| {
        for workers in WORKERS {
            let named = thread::Builder::new().name(format!("{workers} workers"));
            named.spawn_scoped(scope, move || test(workers)).unwrap();
        }
    });
}

impl Places {
    /// `limit` requests at a time of each account; what else there is comes from `change`.
    pub fn start(workers: usize, limit: u32, change: impl FnOnce(Builder) -> Builder) -> Self {
        let upstream = Scripted::start().unwrap();
        let builder = stack()
            .workers(workers)
            .upstream(upstream.address())
            .policy(move |policy| {
                let limits = json!({"concurrent": limit});
                policy["caps"] = json!([{"name": "requests", "limits": limits}]);
            });
        let stack = change(builder).start().unwrap();
        Self {
            token: stack.issuer().member("acme"),
            stack,
            upstream,
            names: AtomicUsize::default(),
        }
    }

    /// A good request of acme's with a script.
    pub fn request(&self, path: &str, script: &str) -> Request {
        let request = self.stack.get(scripted::path(path, script));
        request.account("acme").bearer(&self.token)
    }

    /// The same as an HTTP/2 stream.
    pub fn stream(&self, connection: &Streams, path: &str, script: &str) -> Stream {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("x-account-id", "acme"), ("authorization", &*bearer)];
        connection.begin(&scripted::path(path, script), &headers)
    }

    /// How many requests are under way, as the gauge has it: some hundred milliseconds late.
    pub fn in_flight(&self) -> u64 {
        count(&self.stack, "caps.requests.in_flight")
    }

    /// Waits until the gauge has this value.
    pub fn wait_for_gauge(&self, value: u64) {
        wait_until(&format!("the gauge is {value}"), || {
            self.in_flight() == value
        });
    }

    /// A name to hold requests under that nobody else has.
    pub fn name(&self) -> String {
        format!("held-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// So many more requests, which the upstream holds; none if one of them is refused, and then all are ended.
    pub fn try_hold(&self, number: usize) -> Option<Held<'_>> {
        let name = self.name();
        let request = self.request("/held", &format!("hold:{name}"));
        let clients: Vec<_> = (0..number).map(|_| request.begin().unwrap()).collect();
        wait_until("each is held or answered", || {
            let answered = clients
                .iter()
                .filter(|client| client.is_answered().unwrap());
            self.upstream.held(&name) + answered.count() >= number
        });
        if self.upstream.held(&name) == number {
            return Some(Held {
                places: self,
                name,
                clients,
            });
        }
        drop(clients);
        wait_until("those that passed are gone", || {
            self.upstream.held(&name) == 0
        });
        None
    }

    /// The same where all pass at once.
    pub fn hold(&self, number: usize) -> Held<'_> {
        let held = self.try_hold(number);
        assert!(held.is_some(), "{number} more do not pass at once");
        held.unwrap()
    }

    /// The same as soon as there is room.
    pub fn wait_to_hold(&self, number: usize) -> Held<'_> {
        let mut held = None;
        wait_until(&format!("{number} more pass"), || {
            held = self.try_hold(number);
            held.is_some()
        });
        held.unwrap()
    }

    /// Nobody passes.
    pub fn assert_full(&self) {
        let outcome = self.request("/held", "").send().unwrap().outcome();
        assert_eq!(outcome, "429 cap_exceeded");
    }
}

impl Held<'_> {
    /// Lets them go; each has its answer.
    pub fn finish(self) {
        self.places.upstream.release(&self.name);
        for client in self.clients {
            assert_eq!(client.finish().unwrap().outcome(), "200");
        }
    }
}
