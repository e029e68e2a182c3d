//! Answers that are none: they say nothing, neither for a key nor against it.

use super::*;

/// What becomes of a request when this is answered, and what was counted.
fn answered(answer: Answer) -> (String, Worker) {
    let mut worker = worker(&World::new());
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(answer);
    (seen(&mut worker, stream), worker)
}

#[test]
fn wrong_answers_are_failures_of_the_server() {
    let typed = |content_type: &str| {
        let mut answer = Answer::new(200, active().body);
        answer.headers.add(b"content-type", content_type.as_bytes());
        answer
    };
    let with_status = |status: u16| Answer {
        body: active().body,
        ..Answer::new(status, "")
    };
    let too_large = format!("{{\"active\":true,\"sub\":\"a\"{}}}", " ".repeat(64 << 10));
    for (answer, reason) in [
        (Answer::broken(), "reset"),
        (with_status(500), "status"),
        (with_status(302), "status"),
        (with_status(201), "status"),
        (with_status(204), "status"),
        (with_status(304), "status"),
        (with_status(401), "status"),
        (with_status(403), "status"),
        (Answer::new(503, "no healthy upstream"), "no_host"),
        (
            Answer::new(503, "upstream connect error or disconnect"),
            "connect",
        ),
        (Answer::new(504, "upstream request timeout"), "timeout"),
        (Answer::new(200, active().body), "not_json"),
        (typed("text/html"), "not_json"),
        (typed("application/jsonp"), "not_json"),
        (Answer::json(""), "not_json"),
        (Answer::json("[]"), "not_json"),
        (Answer::json("<html>"), "not_json"),
        (
            Answer::json("{\"active\":false,\"active\":true,\"sub\":\"a\"}"),
            "not_json",
        ),
        (Answer::json([0xff, 0xfe]), "not_json"),
        (Answer::json(too_large), "too_large"),
        (Answer::json("{}"), "wrong_answer"),
        (
            Answer::json("{\"active\":\"true\",\"sub\":\"a\"}"),
            "wrong_answer",
        ),
        (Answer::json("{\"active\":true}"), "wrong_answer"),
        (Answer::json("{\"active\":true,\"sub\":7}"), "wrong_answer"),
        (
            Answer::json("{\"active\":true,\"sub\":\"a\",\"exp\":\"1\"}"),
            "wrong_answer",
        ),
        (
            Answer::json("{\"active\":true,\"sub\":\"a\",\"account\":\"globex\"}"),
            "wrong_answer",
        ),
    ] {
        let shown = format!("{answer:?}");
        let shown: String = shown.chars().take(200).collect();
        let (summary, mut worker) = answered(answer);
        assert_eq!(summary, "503 introspection_unavailable", "{shown}");
        assert_eq!(
            counted(&mut worker, &format!("failed.{reason}")),
            1,
            "{shown}"
        );
        assert_eq!(counted(&mut worker, "answered"), 0);
        let host = worker.host();
        assert!(
            host.logged(3, "introspection: not answered: "),
            "{:?}",
            host.log
        );
    }
}

#[test]
fn types_may_have_parameters() {
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        let mut answer = Answer::new(200, active().body);
        answer.headers.add(b"content-type", content_type.as_bytes());
        assert_eq!(answered(answer).0, "forwarded", "{content_type}");
    }
}

#[test]
fn a_failure_holds_for_a_second() {
    let world = World::new();
    let mut worker = told(&world, Answer::broken());
    world.clock.advance(SECOND - MILLISECOND);
    let request = || with(&key("acme"));
    assert_eq!(
        worker.request(request()).summary(),
        "503 introspection_unavailable"
    );
    world.clock.advance(MILLISECOND);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn the_log_says_once_that_there_are_no_answers_and_once_that_there_are() {
    let world = World::new();
    let mut worker = worker(&world);
    let mut number = 0;
    let mut round = |worker: &mut Worker, answer: Answer| {
        number += 1;
        ask(worker, &forged(number));
        worker.answer_callout(answer);
        world.clock.advance(SECOND);
    };
    let before = worker.host().log.len();
    for _ in 0..5 {
        round(&mut worker, Answer::new(401, ""));
    }
    for _ in 0..5 {
        round(&mut worker, inactive());
    }
    let mut log = worker.host().log[before..].to_vec();
    log.retain(|(_, line)| line.contains("introspection"));
    let variable = configuration::INTROSPECTION_VARIABLE;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].1.contains(variable), "{log:?}");
    assert!(log[1].1.contains("answered again"), "{log:?}");
}

/// Whichever worker is answered first: also one that has not asked before.
#[test]
fn another_worker_says_that_there_are_answers_again() {
    let world = World::new();
    let mut workers = [worker(&world), worker(&world)];
    ask(&mut workers[0], &forged(1));
    workers[0].answer_callout(Answer::new(401, ""));
    world.clock.advance(SECOND);
    for (number, worker) in [(2, 1), (3, 0)] {
        ask(&mut workers[worker], &forged(number));
        workers[worker].answer_callout(inactive());
        world.clock.advance(SECOND);
    }
    let logged = workers.map(|mut worker| worker.host().logged(2, "answered again"));
    assert_eq!(logged, [false, true]);
}

#[test]
fn the_server_is_gone_for_new_keys_only() {
    let world = World::new();
    let mut worker = told(&world, active());
    let gone = || Answer::new(503, "no healthy upstream");
    let stream = ask(&mut worker, &forged(1));
    worker.answer_callout(gone());
    assert_eq!(seen(&mut worker, stream), "503 introspection_unavailable");
    assert_eq!(worker.request(with(&key("acme"))).summary(), "forwarded");
}

#[test]
fn without_a_credential_of_the_gates_nobody_is_asked() {
    for value in [None, Some(""), Some("a\nb")] {
        let mut world = World::new();
        world.environment.truncate(1);
        let variable = configuration::INTROSPECTION_VARIABLE.to_owned();
        world
            .environment
            .extend(value.map(|value| (variable, value.to_owned())));
        let mut worker = worker(&world);
        let outcome = worker.request(with(&key("acme")));
        assert_eq!(outcome.summary(), "503 introspection_unavailable");
        let token = Token::good().signed();
        let request = Request::get("/x").account("acme").bearer(&token);
        assert_eq!(worker.request(request).summary(), "forwarded");
        worker.request(with(&key("acme")));
        let said = worker.host().log.clone();
        let said = said
            .iter()
            .filter(|(_, line)| line.contains("refusing API keys"));
        assert_eq!(said.count(), 1);
    }
}

#[test]
fn the_gates_credential_may_name_its_scheme() {
    let mut world = World::new();
    world.environment[1].1 = "Basic Z2F0ZTpzZWNyZXQ=".to_owned();
    let mut worker = worker(&world);
    ask(&mut worker, &key("acme"));
    let shown = worker.callouts()[0].headers.get("authorization");
    assert_eq!(shown.as_deref(), Some("Basic Z2F0ZTpzZWNyZXQ="));
}

#[test]
fn the_directory_can_be_shown_the_same() {
    let mut configuration = configuration::with_directory(configuration::inline());
    let directory = &mut configuration["accounts"]["directory"];
    directory["authorization_env"] = json!(configuration::INTROSPECTION_VARIABLE);
    let world = World::new();
    let worker = world.fetching(&configuration);
    let shown = worker.callouts()[0].headers.get("authorization");
    assert_eq!(shown.as_deref(), Some("Bearer the-gates-own-secret"));

    let plain = configuration::with_directory(configuration::inline());
    let worker = World::new().fetching(&plain);
    assert_eq!(worker.callouts()[0].headers.get("authorization"), None);
}
