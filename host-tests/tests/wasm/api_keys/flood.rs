//! Keys that nobody has made, in great numbers: anybody can write one of the right form.

use super::*;

/// How many questions about keys that are not known a worker has under way.
const NEW_AT_ONCE: usize = 16;

/// Streams that wait for the answers to this many forged keys.
fn flood(worker: &mut Worker, from: u32, number: u32) -> Vec<StreamId> {
    (from..from + number)
        .map(|number| worker.open(with(&forged(number))))
        .collect()
}

fn answer_all(worker: &mut Worker, answer: &Answer) {
    while !worker.callouts().is_empty() {
        worker.answer_callout(answer.clone());
    }
}

#[test]
fn questions_and_those_who_wait_are_bounded() {
    let mut worker = worker(&World::new());
    let waiting = flood(&mut worker, 0, 512);
    for _ in 0..5 {
        worker.tick();
    }
    assert_eq!(worker.callouts().len(), NEW_AT_ONCE);
    let crowded = worker.request(with(&forged(1000)));
    assert_eq!(crowded.summary(), "503 introspection_unavailable");
    assert!(crowded.reply().headers.get("retry-after").is_some());
    for _ in 0..=512 / NEW_AT_ONCE {
        answer_all(&mut worker, &inactive());
        worker.tick();
    }
    for stream in waiting {
        assert_eq!(seen(&mut worker, stream), "401 key_inactive");
    }
}

#[test]
fn what_comes_beyond_is_counted() {
    let mut worker = worker(&World::new());
    // They give up at once; what they asked for is still to be asked.
    let waiting = flood(&mut worker, 0, 400);
    worker.end_all(waiting);
    let waiting = flood(&mut worker, 400, 112);
    assert_eq!(counted(&mut worker, "crowded"), 0);
    let crowded = worker.request(with(&forged(1000)));
    assert_eq!(crowded.summary(), "503 introspection_unavailable");
    worker.tick();
    assert_eq!(counted(&mut worker, "crowded"), 1);
    worker.end_all(waiting);
}

#[test]
fn questions_that_nobody_waits_for_make_room() {
    let world = World::new();
    let mut worker = worker(&world);
    let waiting = flood(&mut worker, 0, 512);
    worker.tick();
    worker.end_all(waiting);
    let more = flood(&mut worker, 512, 16);
    worker.end_all(more);
    let crowded = worker.request(with(&forged(1000)));
    assert_eq!(crowded.summary(), "503 introspection_unavailable");
    world.clock.advance(SECOND * 5 / 2);
    worker.tick();
    let stream = worker.open(with(&key("acme")));
    assert_eq!(seen(&mut worker, stream), "waiting");
    answer_all(&mut worker, &active());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn a_flood_stops_neither_tokens_nor_keys_in_use() {
    let world = World::new();
    let mut worker = told(&world, active());
    world.clock.advance(SECOND * 8);
    let waiting = flood(&mut worker, 0, 512);
    worker.tick();
    assert_eq!(worker.callouts().len(), NEW_AT_ONCE);
    assert_eq!(worker.request(with(&key("acme"))).summary(), "forwarded");
    worker.tick();
    let asked = worker.callouts().last().unwrap().body.clone();
    assert_eq!(
        asked,
        format!("token={}", key("acme")).into_bytes(),
        "before the others"
    );
    worker.answer_callout_at(NEW_AT_ONCE, active());
    world.clock.advance(SECOND * 7);
    assert_eq!(worker.request(with(&key("acme"))).summary(), "forwarded");
    let token = Token::good().signed();
    let request = Request::get("/x").account("acme").bearer(&token);
    assert_eq!(worker.request(request).summary(), "forwarded");
    worker.end_all(waiting);
}

#[test]
fn a_flood_keeps_no_key_out_that_was_active_once() {
    let world = World::new();
    let mut worker = told(&world, active());
    // Long out of use.
    world.clock.advance(SECOND * 60);
    let waiting = flood(&mut worker, 0, 512);
    worker.tick();
    assert_eq!(worker.callouts().len(), NEW_AT_ONCE);
    let stream = worker.open(with(&key("acme")));
    assert_eq!(seen(&mut worker, stream), "waiting");
    worker.tick();
    worker.answer_callout_at(NEW_AT_ONCE, active());
    assert!(worker.outcome(stream).is_forwarded(), "before the others");

    worker.end_all(waiting);
}

#[test]
fn a_key_that_is_active_no_more_waits_with_the_others() {
    let world = World::new();
    let mut worker = told(&world, active());
    world.clock.advance(SECOND * 60);
    ask(&mut worker, &key("acme"));
    worker.answer_callout(inactive());
    world.clock.advance(SECOND * 60);
    let waiting = flood(&mut worker, 0, 512);
    let outcome = worker.request(with(&key("acme")));
    assert_eq!(outcome.summary(), "503 introspection_unavailable");
    worker.end_all(waiting);
}

#[test]
fn those_who_wait_for_keys_of_an_issuer_have_room_of_their_own() {
    let configuration = configuration::with_api_keys(configuration::remote());
    let mut worker = World::new().fetching(&configuration);
    let same: Vec<_> = (0..512).map(|_| worker.open(with(&forged(1)))).collect();
    let refused = worker.request(with(&forged(1)));
    assert_eq!(refused.summary(), "503 introspection_unavailable");
    let token = Token::good().signed();
    let stream = worker.open(Request::get("/x").account("acme").bearer(&token));
    assert_eq!(seen(&mut worker, stream), "waiting");
    worker.end_all(same);
    let stream = worker.open(with(&forged(1)));
    assert_eq!(
        seen(&mut worker, stream),
        "waiting",
        "and all room comes back"
    );
}

#[test]
fn a_good_key_keeps_those_out_neither() {
    let configuration = configuration::with_api_keys(configuration::remote());
    let world = World::new();
    let mut worker = world.fetching(&configuration);
    let stream = worker.open(with(&key("acme")));
    worker.tick();
    worker.answer_callout_at(1, active());
    assert!(worker.outcome(stream).is_forwarded());
    world.clock.advance(SECOND * 60);
    let same: Vec<_> = (0..768).map(|_| worker.open(with(&key("acme")))).collect();
    let refused = worker.request(with(&key("acme")));
    assert_eq!(refused.summary(), "503 introspection_unavailable");
    let token = Token::good().signed();
    let stream = worker.open(Request::get("/x").account("acme").bearer(&token));
    assert_eq!(seen(&mut worker, stream), "waiting");
    worker.end_all(same);
}

#[test]
fn inactive_answers_push_no_active_one_out() {
    let world = World::new();
    let mut configuration = configuration();
    configuration["api_keys"]["cache"] = json!({"entries": 1000});
    let mut worker = world.fetching(&configuration);
    ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    for round in 0..12 {
        flood(&mut worker, round * 100, 100);
        for _ in 0..4 {
            worker.tick();
            answer_all(&mut worker, &inactive());
        }
        worker.host().trace.clear();
    }
    assert_eq!(counted(&mut worker, "answered"), 1201);
    assert_eq!(worker.request(with(&key("acme"))).summary(), "forwarded");
}

#[test]
fn memory_levels_off() {
    let world = World::new();
    let mut configuration = configuration();
    configuration["api_keys"]["cache"] = json!({"entries": 1000});
    let mut worker = world.fetching(&configuration);
    let mut run = |from: u32| {
        for round in 0..12 {
            flood(&mut worker, from + round * 100, 100);
            for _ in 0..4 {
                worker.tick();
                answer_all(&mut worker, &inactive());
            }
            worker.host().trace.clear();
        }
        worker.memory()
    };
    run(0);
    let before = run(10_000);
    let after = run(20_000);
    assert!(after <= before + (64 << 10), "{before} → {after}");
}
