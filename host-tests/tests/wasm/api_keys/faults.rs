//! A host that does not do what it is asked for. Nothing traps, and nobody passes who would not have.

use host_tests::{Fault, Lie, status};

use super::*;

#[test]
fn a_cluster_that_is_not_there_is_a_failure() {
    let mut world = World::new();
    world.clusters.clear();
    let mut worker = worker(&world);
    let stream = worker.open(with(&key("acme")));
    worker.tick();
    assert_eq!(seen(&mut worker, stream), "503 introspection_unavailable");
    assert_eq!(counted(&mut worker, "failed.cluster_unknown"), 1);
    let token = Token::good().signed();
    let request = Request::get("/x").account("acme").bearer(&token);
    assert_eq!(worker.request(request).summary(), "forwarded");

    world.clusters.insert("accounts".to_owned());
    worker.host().world.clusters = world.clusters.clone();
    world.clock.advance(SECOND);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn a_cluster_without_a_host_is_a_failure() {
    let mut worker = worker(&World::new());
    let fault = Fault::Status(status::INTERNAL_FAILURE);
    worker.host().faults.always("proxy_http_call", fault);
    let waiting: Vec<_> = (0..40)
        .map(|number| worker.open(with(&forged(number))))
        .collect();
    worker.tick();
    worker.tick();
    for stream in waiting {
        assert_eq!(seen(&mut worker, stream), "503 introspection_unavailable");
    }
    assert_eq!(counted(&mut worker, "failed.no_host"), 40);
}

#[test]
fn an_answer_that_cannot_be_read_is_a_failure() {
    let read = ["proxy_get_buffer_bytes", "proxy_get_header_map_value"];
    let statuses = status::FAILURES.map(Fault::Status).into_iter();
    for fault in statuses.chain(Lie::ALL.map(Fault::Data)) {
        for call in read {
            let mut worker = worker(&World::new());
            let stream = ask(&mut worker, &key("acme"));
            worker.host().faults.always(call, fault.clone());
            worker.answer_callout(active());
            let seen = seen(&mut worker, stream);
            assert_eq!(seen, "503 introspection_unavailable", "{call} {fault:?}");
        }
    }
}

/// Each call that is made from the request to the answer, with each fault.
#[test]
fn any_call_can_fail_once() {
    let run = |nth: Option<(usize, &Fault)>| {
        let world = World::new();
        let mut worker = worker(&world);
        worker.host().trace.clear();
        if let Some((nth, fault)) = nth {
            worker.host().faults.nth_of_all(nth, fault.clone());
        }
        let stream = worker.open(with(&key("acme")));
        worker.tick();
        if !worker.callouts().is_empty() {
            worker.answer_callout(inactive());
        }
        let calls = worker.host().trace.len();
        worker.host().faults.clear();
        for _ in 0..3 {
            world.clock.advance(SECOND * 2);
            worker.tick();
            if !worker.callouts().is_empty() {
                worker.answer_callout(inactive());
            }
        }
        let summary = seen(&mut worker, stream);
        assert!(!worker.outcome(stream).is_forwarded(), "{nth:?}");
        (summary, calls)
    };
    let (summary, calls) = run(None);
    assert_eq!(summary, "401 key_inactive");
    for nth in 0..calls {
        for fault in [
            Fault::Status(status::INTERNAL_FAILURE),
            Fault::Status(status::BAD_ARGUMENT),
            Fault::Data(Lie::Garbage),
            Fault::Data(Lie::Longer),
        ] {
            run(Some((nth, &fault)));
        }
    }
}

#[test]
fn a_callout_that_the_host_forgets_counts_as_lost() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = ask(&mut worker, &key("acme"));
    world.clock.advance(SECOND * 4);
    worker.tick();
    assert_eq!(seen(&mut worker, stream), "503 introspection_unavailable");
    assert_eq!(counted(&mut worker, "failed.timeout"), 1);
    world.clock.advance(SECOND);
    let stream = worker.open(with(&key("acme")));
    worker.tick();
    assert_eq!(worker.callouts().len(), 2, "it is asked anew");
    worker.answer_callout(active());
    assert_eq!(
        seen(&mut worker, stream),
        "waiting",
        "what comes too late is not believed"
    );
    worker.answer_callout(active());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn without_the_time_nobody_passes() {
    let mut worker = told(&World::new(), active());
    let fault = Fault::Status(status::INTERNAL_FAILURE);
    let call = "proxy_get_current_time_nanoseconds";
    worker.host().faults.always(call, fault);
    let outcome = worker.request(with(&key("acme")));
    assert_eq!(outcome.summary(), "503 not_ready");
}

#[test]
fn clients_that_leave_are_forgotten() {
    let mut worker = worker(&World::new());
    let gone = ask(&mut worker, &key("acme"));
    let stays = worker.open(with(&key("acme")));
    worker.end(gone);
    worker.answer_callout(active());
    assert!(worker.outcome(stays).is_forwarded());
    assert_eq!(worker.host().count("proxy_continue_stream"), 1);
}
