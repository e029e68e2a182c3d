mod left;
mod model;
mod room;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::*;
use crate::path::Path;
use crate::route::{Mounts, RoutePattern};
use crate::testing::{Slots, granted};
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(1_800_000_030);

/// Some workers, and the store that they share.
struct Workers {
    store: Slots,
    roster: RefCell<Roster>,
    ids: Vec<WorkerId>,
    broken: Cell<bool>,
    now: Cell<Duration>,
}

impl Workers {
    fn new(count: usize) -> Self {
        let mut roster = Roster::new([7; 16]);
        let ids = (0..count).map(|_| roster.join()).collect();
        Self {
            store: Slots::default(),
            roster: RefCell::new(roster),
            ids,
            broken: Cell::new(false),
            now: Cell::new(NOW),
        }
    }

    fn counts<'s, S: Store>(&self, store: &'s S, worker: usize) -> Counts<'s, S> {
        Counts {
            store,
            roster: Rc::new(self.roster.borrow().clone()),
            worker: self.ids[worker],
        }
    }

    fn admit(&self, caps: &Caps, account: &str, path: &str) -> Result<Admitted, Refusal> {
        self.admit_own(caps, account, path, None)
    }

    fn admit_own(
        &self,
        caps: &Caps,
        account: &str,
        path: &str,
        own: Option<&Overrides>,
    ) -> Result<Admitted, Refusal> {
        admit(
            caps,
            account,
            path,
            own,
            self.now.get(),
            self.counts(self, 0),
        )
    }

    fn release(&self, caps: &Caps, admitted: Admitted) {
        let holding = admitted.into_parts().0.unwrap();
        caps.release(&holding, &self.counts(self, 0)).unwrap();
    }

    fn step(&self, seconds: i64) {
        let now = i64::try_from(self.now.get().as_secs()).unwrap() + seconds;
        self.now.set(Duration::from_secs(now.try_into().unwrap()));
    }

    /// How many requests to `/x` pass now.
    fn passed(&self, caps: &Caps, requests: usize) -> usize {
        let admitted = (0..requests).map(|_| self.admit(caps, "acme", "/x"));
        admitted.flatten().count()
    }
}

impl Store for Workers {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        if self.broken.get() {
            return Err(StoreError::Unreachable);
        }
        self.store.load(slot)
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        self.store.swap(slot, bytes, version)
    }
}

fn admit<S: Store>(
    caps: &Caps,
    account: &str,
    path: &str,
    own: Option<&Overrides>,
    now: Duration,
    counts: Counts<'_, S>,
) -> Result<Admitted, Refusal> {
    let path = Path::parse(path.as_bytes()).unwrap();
    let asked = Asked {
        mounts: &Mounts::parse(&[String::new()]).unwrap(),
        method: b"POST",
        path: &path,
        own,
    };
    caps.admit(granted(account), &asked, now, || Ok(counts))
}

fn limits(concurrent: u32, per_minute: u32, per_hour: u32, per_day: u32) -> Limits {
    let some = |limit: u32| (limit != u32::MAX).then_some(limit);
    Limits {
        concurrent: some(concurrent),
        per_minute: some(per_minute),
        per_hour: some(per_hour),
        per_day: some(per_day),
    }
}

const FREE: u32 = u32::MAX;

fn per_minute(limit: u32) -> Limits {
    limits(FREE, limit, FREE, FREE)
}

fn concurrent(limit: u32) -> Limits {
    limits(limit, FREE, FREE, FREE)
}

fn cap(name: &str, limits: Limits) -> Cap {
    Cap::new(name.to_owned(), None, limits, BTreeMap::new())
}

fn calls(limits: Limits) -> Cap {
    let route = RoutePattern::parse("POST /calls").unwrap();
    Cap::new(
        "calls".to_owned(),
        Some(vec![route]),
        limits,
        BTreeMap::new(),
    )
}

fn one(limits: Limits) -> Caps {
    Caps::new(vec![cap("requests", limits)], Rules::default())
}

fn refused(admitted: Result<Admitted, Refusal>) -> (String, &'static str, Option<u32>) {
    let refusal = admitted.unwrap_err();
    let cap = refusal.cap.unwrap();
    (cap.cap, cap.window.as_str(), refusal.retry_after)
}

#[test]
fn the_limit_passes_and_no_more() {
    for limits in [
        concurrent(60),
        per_minute(60),
        limits(FREE, FREE, 60, FREE),
        limits(FREE, FREE, FREE, 60),
    ] {
        assert_eq!(Workers::new(1).passed(&one(limits), 130), 60, "{limits:?}");
    }
}

#[test]
fn a_refusal_says_which_cap_and_until_when() {
    let table = [
        (concurrent(1), "concurrent", 1),
        (per_minute(1), "per_minute", 30),
        (limits(FREE, FREE, 1, FREE), "per_hour", 3570),
        (limits(FREE, FREE, FREE, 1), "per_day", 57_570),
        (limits(1, 1, 1, FREE), "per_hour", 3570),
    ];
    for (limits, window, seconds) in table {
        let workers = Workers::new(1);
        workers.admit(&one(limits), "acme", "/x").unwrap();
        let refusal = workers.admit(&one(limits), "acme", "/x");
        let expected = ("requests".to_owned(), window, Some(seconds));
        assert_eq!(refused(refusal), expected);
    }
}

#[test]
fn zero_blocks_and_none_lifts() {
    for blocked in [concurrent(0), per_minute(0), limits(FREE, FREE, FREE, 0)] {
        assert_eq!(Workers::new(1).passed(&one(blocked), 1), 0);
    }
    let workers = Workers::new(1);
    assert_eq!(workers.passed(&one(Limits::default()), 100), 100);
    assert!(workers.store.is_empty(), "nothing to count");
}

#[test]
fn an_account_can_have_limits_of_its_own() {
    let configured = BTreeMap::from([("acme".to_owned(), per_minute(2))]);
    let cap = Cap::new("requests".to_owned(), None, per_minute(1), configured);
    let caps = Caps::new(vec![cap], Rules::default());
    assert_eq!(Workers::new(1).passed(&caps, 9), 2);

    let workers = Workers::new(1);
    let three = Override {
        per_minute: Some(Some(3)),
        ..Override::default()
    };
    let own = Overrides::from([("requests".to_owned(), three), ("none".to_owned(), three)]);
    let admitted = (0..9).map(|_| workers.admit_own(&caps, "acme", "/x", Some(&own)));
    assert_eq!(admitted.flatten().count(), 3);
}

#[test]
fn what_one_cap_refuses_uses_nothing_of_another() {
    let caps = Caps::new(
        vec![
            cap("requests", limits(FREE, 2, FREE, FREE)),
            calls(concurrent(1)),
        ],
        Rules::default(),
    );
    let workers = Workers::new(1);
    workers.admit(&caps, "acme", "/calls").unwrap();
    let (cap, ..) = refused(workers.admit(&caps, "acme", "/calls"));
    assert_eq!(cap, "calls");
    assert_eq!(workers.passed(&caps, 9), 1, "one of `requests` is left");
}

#[test]
fn what_ends_makes_room_and_only_once() {
    let caps = one(concurrent(2));
    let workers = Workers::new(1);
    let first = workers.admit(&caps, "acme", "/x").unwrap();
    let _second = workers.admit(&caps, "acme", "/x").unwrap();
    workers.release(&caps, first);
    assert_eq!(workers.passed(&caps, 9), 1);
}

#[test]
fn windows_end_at_the_edge() {
    let table = [
        (per_minute(1), 30),
        (limits(FREE, FREE, 1, FREE), 3570),
        (limits(FREE, FREE, FREE, 1), 57_570),
    ];
    for (limits, seconds) in table {
        let workers = Workers::new(1);
        assert_eq!(workers.passed(&one(limits), 2), 1);
        workers.step(seconds - 1);
        assert_eq!(workers.passed(&one(limits), 2), 0, "{limits:?}");
        workers.step(1);
        assert_eq!(workers.passed(&one(limits), 2), 1, "{limits:?}");
    }
}

#[test]
fn a_clock_that_steps_back_admits_nothing_twice() {
    let table = [
        (per_minute(1), 5 * 60, 6 * 60),
        (limits(FREE, FREE, 1, FREE), 3600, 2 * 3600),
        (limits(FREE, FREE, FREE, 1), 86_400, 2 * 86_400),
    ];
    for (limits, step, larger) in table {
        let workers = Workers::new(1);
        assert_eq!(workers.passed(&one(limits), 2), 1);
        workers.step(-step);
        assert_eq!(workers.passed(&one(limits), 2), 0, "{limits:?}");
        workers.step(step - larger);
        let passed = workers.passed(&one(limits), 2);
        assert_eq!(passed, 1, "{limits:?}: the clock was wrong before");
    }
}

#[test]
fn the_dead_hold_nothing_and_those_who_come_back_do() {
    let caps = one(concurrent(1));
    let workers = Workers::new(2);
    let held = admit(&caps, "acme", "/x", None, NOW, workers.counts(&workers, 1));
    let held = held.unwrap().into_parts().0.unwrap();
    assert_eq!(workers.passed(&caps, 1), 0);
    let stuck = workers.ids[1];
    workers.roster.borrow_mut().mark_dead(stuck);
    assert_eq!(workers.passed(&caps, 2), 1);
    assert!(workers.roster.borrow_mut().beat(stuck, Vec::new()));
    assert_eq!(workers.passed(&caps, 1), 0);
    caps.release(&held, &workers.counts(&workers, 1)).unwrap();
    assert_eq!(workers.passed(&caps, 1), 0, "the other one is still there");
}

#[test]
fn what_a_worker_had_before_it_was_removed_gives_back_nothing_of_what_it_has_now() {
    let caps = one(concurrent(1));
    let mut workers = Workers::new(2);
    let admitted = |workers: &Workers| {
        let counts = workers.counts(workers, 1);
        admit(&caps, "acme", "/x", None, NOW, counts).unwrap()
    };
    let before = admitted(&workers).into_parts().0.unwrap();
    let removed = workers.ids[1];
    workers.roster.borrow_mut().leave(removed);
    assert!(!workers.roster.borrow_mut().beat(removed, Vec::new()));
    workers.ids[1] = workers.roster.borrow_mut().join();
    let _now = admitted(&workers);
    let counts = workers.counts(&workers, 1);
    caps.release(&before, &counts).unwrap();
    assert_eq!(workers.passed(&caps, 1), 0);
}

#[test]
fn a_store_that_fails_admits_nobody() {
    let workers = Workers::new(1);
    workers.broken.set(true);
    let refusal = workers
        .admit(&one(per_minute(10)), "acme", "/x")
        .unwrap_err();
    assert_eq!(refusal.code, Code::NotReady);
}

#[test]
fn clients_are_told_what_is_left() {
    let all = Caps::new(
        vec![
            cap("requests", limits(20, 60, FREE, 1000)),
            calls(per_minute(10)),
        ],
        Rules::default(),
    );
    let admitted = Workers::new(1).admit(&all, "acme", "/calls").unwrap();
    let fields = admitted.standing().rate_limit.as_ref().unwrap();
    assert_eq!(
        fields.policy,
        "\"requests.per_day\";q=1000;w=86400, \"requests.per_minute\";q=60;w=60, \
         \"requests.concurrent\";q=20;qu=\"concurrent-requests\", \"calls.per_minute\";q=10;w=60"
    );
    assert_eq!(
        fields.remaining,
        "\"requests.per_day\";r=999;t=57570, \"requests.per_minute\";r=59;t=30, \
         \"requests.concurrent\";r=19, \"calls.per_minute\";r=9;t=30"
    );
    assert_eq!(
        admitted.standing().tightest.as_deref(),
        Some("calls.per_minute=9")
    );
}

#[test]
fn what_is_only_reported_passes_and_counts_nowhere() {
    let rules = Rules {
        is_enforced: false,
        ..Rules::default()
    };
    let caps = Caps::new(vec![cap("requests", limits(FREE, 1, FREE, FREE))], rules);
    let workers = Workers::new(1);
    let first = workers.admit(&caps, "acme", "/x").unwrap();
    assert_eq!(
        (first.exceeded(), first.counted().contains(0)),
        (None, true)
    );
    let more = workers.admit(&caps, "acme", "/x").unwrap();
    assert_eq!(more.exceeded().unwrap().code, Code::CapExceeded);
    assert!(!more.counted().contains(0));
    assert_eq!(more.standing(), &Standing::default());
}
