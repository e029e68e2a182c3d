//! The store's slots: who has room, who makes room, and what is no slot.

use super::*;

#[test]
fn an_account_has_room_in_the_least_that_can_be_configured() {
    let all = limits(9, 9, 9, 9);
    for number in [1, MAX_CAPS] {
        let admitted = |bytes| {
            let named = (0..number).map(|number| cap(&number.to_string(), all));
            let rules = Rules {
                bytes,
                ..Rules::default()
            };
            let caps = Caps::new(named.collect(), rules);
            let workers = Workers::new(8);
            (0..8).all(|worker| {
                let counts = workers.counts(&workers, worker);
                admit(&caps, &"a".repeat(63), "/x", None, NOW, counts).is_ok()
            })
        };
        let least = Caps::least_bytes(number);
        assert_eq!((admitted(least), admitted(least - 1)), (true, false));
    }
}

#[test]
fn a_full_slot_takes_nobody_new_until_somebody_is_done() {
    let rules = Rules {
        // Half of a slot is for new accounts, and two of them fill it.
        bytes: 4096 * 220,
        ..Rules::default()
    };
    let caps = Caps::new(vec![cap("requests", per_minute(5))], rules);
    let workers = Workers::new(1);
    // All accounts that share a slot with the first.
    let counts = workers.counts(&workers, 0);
    let slot = |name: &String| counts.slot_of(&AccountName::parse(name.as_bytes()).unwrap());
    let mut names = (0..).map(|number| format!("a{number}"));
    let first = names.next().unwrap();
    let mut together = names.filter(|name| slot(name) == slot(&first));
    workers.admit(&caps, &first, "/x").unwrap();
    let second = together.next().unwrap();
    workers.admit(&caps, &second, "/x").unwrap();
    let third = together.next().unwrap();
    let refusal = workers.admit(&caps, &third, "/x").unwrap_err();
    assert_eq!(
        (refusal.code, refusal.retry_after),
        (Code::NotReady, Some(30))
    );
    for _ in 0..4 {
        workers.admit(&caps, &first, "/x").unwrap();
    }
    assert!(
        workers.admit(&caps, &first, "/x").is_err(),
        "it has its count"
    );
    workers.step(30);
    workers.admit(&caps, &third, "/x").unwrap();
}

#[test]
fn tidying_drops_what_is_over_and_nothing_else() {
    let caps = one(limits(5, 5, FREE, FREE));
    let workers = Workers::new(1);
    let admitted = workers.admit(&caps, "acme", "/x").unwrap();
    let slot = workers.store.slots()[0];
    let tidy = || {
        caps.tidy(slot, workers.now.get(), &workers.counts(&workers, 0))
            .unwrap()
    };
    assert_eq!(tidy().accounts, 1);
    workers.step(30);
    assert_eq!(tidy().accounts, 1, "it is still under way");
    workers.release(&caps, admitted);
    workers.step(4 * 60);
    assert_eq!(tidy().accounts, 1, "the clock may be ahead");
    workers.step(60);
    let after = tidy();
    assert_eq!((after.accounts, after.bytes), (0, 2));
}

#[test]
fn what_has_all_ended_takes_no_room_in_the_store() {
    let caps = one(concurrent(2));
    let workers = Workers::new(1);
    let admitted = workers.admit(&caps, "acme", "/x").unwrap();
    assert_ne!(workers.store.bytes(), 0);
    workers.release(&caps, admitted);
    assert_eq!(workers.store.bytes(), 2, "a header");
}

#[test]
fn a_part_of_a_slot_is_no_slot() {
    let workers = Workers::new(1);
    let caps = one(limits(5, 5, 5, 5));
    workers.admit(&caps, "acme", "/x").unwrap();
    let (bytes, _) = workers.store.load(workers.store.slots()[0]).unwrap();
    let account = AccountName::parse(b"acme").unwrap();
    let is_read = |bytes: &[u8]| {
        let slot = Slot::read(bytes, &account);
        slot.is_some_and(|slot| slot.tally().is_some())
    };
    assert!(is_read(&bytes));
    for size in 1..bytes.len() {
        assert!(!is_read(&bytes[..size]), "{size}");
    }
    assert!(!is_read(&[&bytes[..], b"x"].concat()));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let account = AccountName::parse(b"acme").unwrap();
        if let Some(slot) = Slot::read(&bytes, &account) {
            let _ = slot.tally();
        }
        let _ = slot::tidy(&bytes, NOW, GRACE, &Roster::new([0; 16]));
        let _ = Tally::read(&bytes);
        let _ = Roster::decode(&bytes);
    }
}
