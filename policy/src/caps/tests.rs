use std::cell::{Cell, RefCell};

use super::*;
use crate::testing::{Slots, granted};
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(1_800_000_030);

/// A store that several workers share: on a swap, another worker may come first.
#[derive(Default)]
struct Shared {
    slots: Slots,
    /// Requests of other workers, still to come.
    others: Cell<usize>,
    /// Whether one of them comes first, swap by swap.
    races: RefCell<Vec<bool>>,
    admitted: Cell<u32>,
    broken: Cell<bool>,
}

impl Store for Shared {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        if self.broken.get() {
            return Err(StoreError);
        }
        self.slots.load(slot)
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        let race = self.races.borrow_mut().pop().unwrap_or(false);
        if race && self.others.get() > 0 {
            self.others.set(self.others.get() - 1);
            self.request(&caps(10), NOW);
        }
        self.slots.swap(slot, bytes, version)
    }
}

impl Shared {
    fn request(&self, caps: &Caps, now: Duration) -> Option<Refusal> {
        self.request_to("/api/v1/agents", caps, now)
    }

    fn request_to(&self, path: &str, caps: &Caps, now: Duration) -> Option<Refusal> {
        let path = Path::parse(path.as_bytes()).unwrap();
        let mounts = Mounts::parse(&[String::new()]).unwrap();
        let admitted = caps.admit(granted("acme"), &mounts, b"POST", &path, now, self);
        if admitted.is_ok() {
            self.admitted.set(self.admitted.get() + 1);
        }
        admitted.err()
    }
}

fn per_minute(limit: u32) -> Limits {
    Limits {
        per_minute: Some(limit),
        ..Limits::default()
    }
}

fn cap(name: &str, limits: Limits) -> Cap {
    Cap::new(name.to_owned(), None, limits, BTreeMap::new())
}

fn caps(limit: u32) -> Caps {
    Caps::new(vec![cap("requests", per_minute(limit))])
}

#[test]
fn the_limit_passes_and_no_more() {
    let store = Shared::default();
    let refused = (0..130)
        .filter_map(|_| store.request(&caps(60), NOW))
        .count();
    assert_eq!((store.admitted.get(), refused), (60, 70));
}

#[test]
fn a_refusal_says_which_cap_and_until_when() {
    let store = Shared::default();
    store.request(&caps(1), NOW);
    let refusal = store.request(&caps(1), NOW).unwrap();
    assert_eq!(refusal.retry_after, Some(30));
    let cap = refusal.cap.unwrap();
    assert_eq!(
        (cap.cap.as_str(), cap.window, cap.limit),
        ("requests", "per_minute", 1)
    );
}

#[test]
fn zero_blocks_and_none_lifts() {
    let store = Shared::default();
    assert!(store.request(&caps(0), NOW).is_some());
    let lifted = Caps::new(vec![cap("requests", Limits::default())]);
    assert_eq!(store.request(&lifted, NOW), None);
}

#[test]
fn an_account_can_have_limits_of_its_own() {
    let own = BTreeMap::from([("acme".to_owned(), per_minute(2))]);
    let caps = Caps::new(vec![Cap::new(
        "requests".to_owned(),
        None,
        per_minute(1),
        own,
    )]);
    let store = Shared::default();
    assert_eq!(store.request(&caps, NOW), None);
    assert_eq!(store.request(&caps, NOW), None);
    assert!(store.request(&caps, NOW).is_some());
}

#[test]
fn what_one_cap_refuses_uses_nothing_of_another() {
    let calls = RoutePattern::parse("POST /calls").unwrap();
    let narrow = |limit| {
        Cap::new(
            "calls".to_owned(),
            Some(vec![calls.clone()]),
            per_minute(limit),
            BTreeMap::new(),
        )
    };
    let caps = Caps::new(vec![cap("requests", per_minute(2)), narrow(1)]);
    let store = Shared::default();
    assert_eq!(store.request_to("/calls", &caps, NOW), None);
    let refused = store.request_to("/calls", &caps, NOW).unwrap();
    assert_eq!(refused.cap.unwrap().cap, "calls");
    assert_eq!(
        store.request_to("/other", &caps, NOW),
        None,
        "one of `requests` is left"
    );
    assert!(store.request_to("/other", &caps, NOW).is_some());
}

#[test]
fn a_new_minute_begins_at_the_minute() {
    let store = Shared::default();
    store.request(&caps(1), NOW);
    assert!(
        store
            .request(&caps(1), NOW + Duration::from_secs(29))
            .is_some()
    );
    assert_eq!(store.request(&caps(1), NOW + Duration::from_secs(30)), None);
}

#[test]
fn a_store_that_fails_admits_nobody() {
    let store = Shared::default();
    store.broken.set(true);
    let refusal = store.request(&caps(10), NOW).unwrap();
    assert_eq!(refusal.code, Code::NotReady);
}

proptest! {
    /// However the workers' loads and swaps fall between each other, exactly the limit passes.
    #[test]
    fn exact_under_any_interleaving(
        mine in 1_usize..20,
        others in 0_usize..20,
        races in proptest::collection::vec(any::<bool>(), 0..60),
    ) {
        let store = Shared::default();
        store.others.set(others);
        *store.races.borrow_mut() = races;
        for _ in 0..mine {
            store.request(&caps(10), NOW);
        }
        let came = mine + others - store.others.get();
        prop_assert_eq!(store.admitted.get() as usize, came.min(10));
    }
}
