use super::*;
use crate::membership::Accounts;
use proptest::prelude::*;

const RULES: CacheRules = CacheRules {
    active: Duration::from_secs(8),
    inactive: Duration::from_secs(5),
    entries: 1000,
};

/// A cache, and the time in milliseconds since it was made.
struct World {
    cache: IntrospectionCache,
    now: u64,
}

fn world() -> World {
    World {
        cache: IntrospectionCache::new(RULES),
        now: 0,
    }
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn active(ends: Option<Duration>) -> Answer {
    let principal = Principal::introspected("key-1".to_owned(), Accounts::Any);
    Answer::Active(Active {
        principal: Rc::new(principal),
        ends,
    })
}

impl World {
    fn time(&self) -> Duration {
        Duration::from_secs(1_000_000) + Duration::from_millis(self.now)
    }

    fn at(&mut self, now: u64) -> &mut Self {
        self.now = now;
        self
    }

    fn learn(&self, name: &str, answer: Answer) {
        self.cache
            .learn(digest(name), answer, self.time(), self.time());
    }

    fn tick(&self) {
        self.cache.keep_time(self.time());
    }

    fn fail(&self, name: &str) {
        self.cache.fail(digest(name), self.time());
    }

    /// `ask`, `active`, or a code.
    fn find(&self, name: &str) -> &'static str {
        match self.cache.find(&digest(name), self.time()) {
            None => "ask",
            Some(Ok(_)) => "active",
            Some(Err(code)) => code.as_str(),
        }
    }

    fn is_due(&self, name: &str) -> bool {
        self.find(name);
        self.cache.take_due() == Some(digest(name))
    }
}

#[test]
fn an_active_credential_is_asked_about_again_after_its_time() {
    let mut world = world();
    assert_eq!(world.find("a"), "ask");
    world.learn("a", active(None));
    assert_eq!(world.at(7_999).find("a"), "active");
    assert_eq!(world.at(8_000).find("a"), "ask");
    assert_eq!(world.find("b"), "ask");
}

#[test]
fn it_holds_from_when_it_was_asked_about() {
    let mut world = world();
    let asked = world.time();
    world.at(2_000);
    world
        .cache
        .learn(digest("a"), active(None), asked, world.time());
    assert_eq!(world.at(7_999).find("a"), "active");
    assert_eq!(world.at(8_000).find("a"), "ask");
}

#[test]
fn it_never_outlives_its_expiry() {
    let mut world = world();
    let ends = world.time() + Duration::from_secs(3);
    world.learn("a", active(Some(ends)));
    assert!(!world.at(2_999).is_due("a"), "nothing to gain by asking");
    assert_eq!(world.find("a"), "active");
    assert_eq!(world.at(3_000).find("a"), "ask");
}

#[test]
fn an_inactive_one_is_remembered_for_less_long() {
    let mut world = world();
    world.learn("a", Answer::Refused(Code::KeyInactive));
    assert_eq!(world.at(4_999).find("a"), "key_inactive");
    assert_eq!(world.at(5_000).find("a"), "ask");
}

#[test]
fn a_failure_holds_for_a_second_and_spoils_nothing() {
    let mut world = world();
    world.fail("a");
    assert_eq!(world.at(999).find("a"), "introspection_unavailable");
    assert_eq!(world.at(1_000).find("a"), "ask");
    world.learn("a", active(None));
    world.fail("a");
    assert_eq!(world.find("a"), "active");
    assert_eq!(world.at(8_999).find("a"), "active");
    assert_eq!(world.at(9_000).find("a"), "ask");
}

#[test]
fn the_last_answer_counts() {
    let world = world();
    world.learn("a", active(None));
    world.learn("a", Answer::Refused(Code::KeyInactive));
    assert_eq!(world.find("a"), "key_inactive");
    world.learn("a", active(None));
    assert_eq!(world.find("a"), "active");
}

#[test]
fn one_in_use_is_asked_about_ahead_of_its_end() {
    let mut world = world();
    world.learn("a", active(None));
    assert!(!world.at(5_999).is_due("a"));
    assert!(world.at(6_000).is_due("a"));
    assert!(world.is_due("a"), "until somebody asks");
    world.fail("a");
    assert!(!world.at(6_999).is_due("a"), "but not at once again");
    assert!(world.at(7_000).is_due("a"));
    world.learn("a", active(None));
    assert!(!world.at(12_999).is_due("a"));
}

#[test]
fn a_clock_that_steps_back_prolongs_nothing() {
    let mut world = world();
    for answer in [active(None), Answer::Refused(Code::KeyInactive)] {
        world.at(4_000).learn("a", answer);
        assert_ne!(world.at(4_500).find("a"), "ask");
        assert_eq!(world.at(4_499).find("a"), "ask");
        assert_eq!(world.at(4_600).find("a"), "ask", "and for good");
    }
    // Also where nobody used it in between.
    world.at(10_000).learn("a", active(None));
    world.at(15_000).tick();
    assert_eq!(world.at(11_000).find("a"), "ask");
}

#[test]
fn an_answer_to_a_question_of_the_future_holds_no_longer() {
    let mut world = world();
    let asked = world.at(60_000).time();
    world.at(0);
    world
        .cache
        .learn(digest("a"), active(None), asked, world.time());
    assert_eq!(world.at(7_999).find("a"), "active");
    assert_eq!(world.at(8_000).find("a"), "ask");
}

#[test]
fn a_flood_of_others_pushes_no_active_one_out() {
    let world = world();
    world.learn("a", active(None));
    for number in 0..10_000 {
        world.learn(&format!("x{number}"), Answer::Refused(Code::KeyInactive));
        world.fail(&format!("y{number}"));
    }
    assert_eq!(world.find("a"), "active");
    let entries = world.cache.entries.borrow();
    let counted = [entries.refused.len(), entries.failed.len()];
    assert!(
        counted.iter().all(|count| (500..=1000).contains(count)),
        "{counted:?}"
    );
}

#[test]
fn active_ones_are_bounded_and_those_in_use_stay() {
    let world = world();
    for number in 0..10_000 {
        world.learn(&number.to_string(), active(None));
        if number == 0 || number % 100 == 0 {
            assert_eq!(world.find("0"), "active");
        }
    }
    let entries = world.cache.entries.borrow();
    assert!(entries.active.len() <= 1000);
}

#[test]
fn bytes_are_bounded_and_the_newest_is_always_there() {
    let world = world();
    let many: Vec<Box<str>> = (0..20_000)
        .map(|number| number.to_string().into())
        .collect();
    for number in 0..100 {
        let accounts = Accounts::Named(many.clone());
        let principal = Rc::new(Principal::introspected("a".to_owned(), accounts));
        let ends = None;
        let name = number.to_string();
        world.learn(&name, Answer::Active(Active { principal, ends }));
        assert_eq!(world.find(&name), "active");
        assert!(world.cache.entries.borrow().active.bytes() <= BYTES);
    }
}

proptest! {
    /// However the clock goes and whatever is answered: nobody is served for longer than the rules say after the last
    /// question that was answered so, as time really passes.
    #[test]
    fn never_served_beyond_the_time(steps in prop::collection::vec((0u64..4_000, 0u64..6_000, 0u8..4), 1..60)) {
        let mut world = world();
        let (mut real, mut shown): (u64, u64) = (0, 1_000_000);
        let mut known: Option<u64> = None;
        for (passes, back, what) in steps {
            // Seen by a tick before it steps.
            real += passes;
            shown += passes;
            world.at(shown).tick();
            if what == 3 {
                shown -= back.min(shown);
                world.at(shown);
            }
            match what {
                0 => {
                    world.learn("a", active(None));
                    known = Some(real);
                }
                1 => {
                    world.learn("a", Answer::Refused(Code::KeyInactive));
                    known = None;
                }
                _ => {}
            }
            if world.find("a") == "active" {
                prop_assert!(known.is_some_and(|known| real - known < 8_000));
            }
        }
    }
}
