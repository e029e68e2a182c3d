//! How long an answer holds.

use super::*;

fn seen_now(worker: &mut Worker) -> String {
    worker.request(with(&key("acme"))).summary()
}

/// The key is used so often that nobody notices how it is asked about again.
fn used_until_due(world: &World, worker: &mut Worker) {
    world.clock.advance(SECOND * 15 / 2);
    worker.tick();
    assert_eq!(seen_now(worker), "forwarded");
    worker.tick();
    assert_eq!(worker.callouts().len(), 1, "it is due");
}

#[test]
fn a_revoked_key_stops_at_its_time_exactly() {
    let world = World::new();
    let mut worker = told(&world, active());
    // Revoked now. Nobody uses it when it is due.
    world.clock.advance(SECOND * 5);
    assert_eq!(seen_now(&mut worker), "forwarded");
    world.clock.advance(SECOND * 5);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(inactive());
    assert_eq!(seen(&mut worker, stream), "401 key_inactive");
    assert_eq!(seen_now(&mut worker), "401 key_inactive");
}

#[test]
fn it_holds_from_the_question_and_not_from_the_answer() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = ask(&mut worker, &key("acme"));
    world.clock.advance(SECOND * 3 / 2);
    worker.answer_callout(active());
    assert!(worker.outcome(stream).is_forwarded());
    world.clock.advance(SECOND * 17 / 2 - MILLISECOND);
    assert_eq!(seen_now(&mut worker), "forwarded");
    world.clock.advance(MILLISECOND);
    assert_eq!(seen_now(&mut worker), "waiting");
}

#[test]
fn a_key_in_use_is_asked_about_ahead_and_never_waits() {
    let world = World::new();
    let mut worker = told(&world, active());
    for round in 0..5 {
        for _ in 0..7 {
            world.clock.advance(SECOND);
            worker.tick();
            assert_eq!(seen_now(&mut worker), "forwarded");
            worker.tick();
            assert_eq!(worker.callouts(), [], "not yet, in round {round}");
        }
        world.clock.advance(SECOND);
        for _ in 0..10 {
            assert_eq!(seen_now(&mut worker), "forwarded");
        }
        worker.tick();
        assert_eq!(worker.callouts().len(), 1, "once, in round {round}");
        assert_eq!(seen_now(&mut worker), "forwarded");
        worker.answer_callout(active());
    }
}

#[test]
fn a_refresh_goes_out_with_the_next_tick() {
    let world = World::new();
    let mut worker = told(&world, active());
    worker.tick();
    world.clock.advance(SECOND * 8);
    assert_eq!(seen_now(&mut worker), "forwarded");
    assert_eq!(worker.host().tick_period, Some(MILLISECOND));
}

#[test]
fn a_key_that_is_not_in_use_is_not_asked_about() {
    let world = World::new();
    let mut worker = told(&world, active());
    for _ in 0..20 {
        world.clock.advance(SECOND);
        worker.tick();
    }
    assert_eq!(worker.callouts(), []);
}

#[test]
fn a_refresh_that_says_inactive_counts_at_once() {
    let world = World::new();
    let mut worker = told(&world, active());
    used_until_due(&world, &mut worker);
    worker.answer_callout(inactive());
    assert_eq!(seen_now(&mut worker), "401 key_inactive");
}

#[test]
fn a_refresh_that_fails_leaves_the_key_until_its_time() {
    let world = World::new();
    let mut worker = told(&world, active());
    used_until_due(&world, &mut worker);
    worker.answer_callout(Answer::new(503, "no healthy upstream"));
    assert_eq!(seen_now(&mut worker), "forwarded");
    worker.tick();
    assert_eq!(worker.callouts(), [], "not at once again");
    world.clock.advance(SECOND);
    assert_eq!(seen_now(&mut worker), "forwarded");
    worker.tick();
    worker.answer_callout(Answer::broken());
    world.clock.advance(SECOND * 3 / 2 - MILLISECOND);
    assert_eq!(seen_now(&mut worker), "forwarded");
    worker.tick();
    worker.answer_callout(Answer::broken());
    world.clock.advance(MILLISECOND);
    assert_eq!(seen_now(&mut worker), "503 introspection_unavailable");
}

#[test]
fn it_never_outlives_its_expiry() {
    let world = World::new();
    let ends = world.clock.now().as_secs() + 3;
    let until = Answer::json(json!({"active": true, "sub": "a", "exp": ends}).to_string());
    let mut worker = told(&world, until.clone());
    world.clock.advance(SECOND * 3 - MILLISECOND);
    assert_eq!(seen_now(&mut worker), "forwarded");
    world.clock.advance(MILLISECOND);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(until);
    assert_eq!(seen(&mut worker, stream), "401 key_inactive");
}

#[test]
fn an_inactive_answer_holds_for_less_long() {
    let world = World::new();
    let mut worker = told(&world, inactive());
    world.clock.advance(SECOND * 5 - MILLISECOND);
    assert_eq!(seen_now(&mut worker), "401 key_inactive");
    world.clock.advance(MILLISECOND);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    assert!(
        worker.outcome(stream).is_forwarded(),
        "made in the meantime"
    );
}

#[test]
fn a_clock_that_steps_back_prolongs_nothing() {
    let world = World::new();
    let mut worker = told(&world, active());
    world.clock.advance(SECOND * 5);
    worker.tick();
    world.clock.step_back(SECOND * 3);
    let stream = worker.open(with(&key("acme")));
    assert_eq!(
        seen(&mut worker, stream),
        "waiting",
        "nobody knows how old it is"
    );
}

#[test]
fn the_wait_ends_after_max_wait() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = ask(&mut worker, &key("acme"));
    world.clock.advance(SECOND * 2 - MILLISECOND);
    worker.tick();
    assert_eq!(seen(&mut worker, stream), "waiting");
    world.clock.advance(MILLISECOND);
    worker.tick();
    let outcome = worker.outcome(stream);
    assert_eq!(outcome.summary(), "503 introspection_unavailable");
    assert_eq!(
        outcome.reply().headers.get("retry-after").as_deref(),
        Some("1")
    );
    // And the answer is for who comes next.
    worker.answer_callout(active());
    assert_eq!(seen_now(&mut worker), "forwarded");
}
