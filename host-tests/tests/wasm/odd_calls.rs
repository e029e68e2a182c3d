//! Callbacks in any order, for any context, with any numbers: nothing traps, and no request goes on that was not decided
//! on.

use host_tests::{Answer, Request, Token, Worker, World, configuration, exports};

use crate::life::{everything, good};

/// xorshift64, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % most
    }

    /// Small numbers, which often are somebody's; and others.
    fn number(&mut self) -> u32 {
        match self.below(8) {
            0 => u32::MAX - self.below(3),
            1 => self.below(1 << 20),
            _ => self.below(12),
        }
    }
}

/// How many numbers each callback takes, and the host's number for `Continue` where it gives one.
const CALLBACKS: [(&str, usize, Option<u32>); 10] = [
    ("proxy_on_memory_allocate", 1, None),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_delete", 1, None),
    ("proxy_on_configure", 2, None),
    ("proxy_on_tick", 1, None),
    ("proxy_on_http_call_response", 5, None),
    ("proxy_on_request_headers", 3, Some(0)),
    ("proxy_on_request_trailers", 2, Some(0)),
    ("proxy_on_response_headers", 3, None),
    ("_initialize", 0, None),
];

#[test]
fn these_are_all_callbacks() {
    let mut called: Vec<_> = CALLBACKS
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    called.push("proxy_abi_version_0_2_1".to_owned());
    called.sort();
    assert_eq!(exports().into_iter().collect::<Vec<_>>(), called);
}

#[test]
fn any_callback_can_come_at_any_time() {
    for seed in 1..40 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut worker = Worker::start(&World::new());
        if seed % 2 == 0 {
            assert!(worker.configure(everything().to_string().as_bytes()));
        }
        for step in 0..500 {
            let callbacks = u32::try_from(CALLBACKS.len() - 1).unwrap();
            let (name, takes, goes_on) = CALLBACKS[random.below(callbacks) as usize];
            let mut numbers: Vec<_> = (0..takes).map(|_| random.number()).collect();
            if name == "proxy_on_memory_allocate" {
                // The host may have what there is; what it leaks is its own.
                numbers[0] %= 1 << 16;
            }
            let context = random.number();
            let action = worker.odd_call(context, name, &numbers);
            let what = format!("seed {seed}, step {step}: {name} {numbers:?}");
            assert!(goes_on != Some(action), "{what}");
            assert_eq!(worker.host().count("proxy_continue_stream"), 0, "{what}");
        }
    }
}

#[test]
fn a_request_that_was_not_announced_is_refused() {
    let mut worker = World::new().worker(&configuration::inline());
    let stream = worker.open(Request::get("/x"));
    let context = worker.context(stream);
    for unknown in [context, context + 1, 0, u32::MAX] {
        let before = worker.host().count("proxy_send_local_response");
        let action = worker.odd_call(unknown, "proxy_on_request_headers", &[unknown, 1, 1]);
        assert_ne!(action, 0);
        assert_eq!(worker.host().count("proxy_send_local_response"), before + 1);
    }
}

#[test]
fn a_context_that_begins_twice_has_ended_in_between() {
    let limits = serde_json::json!({"concurrent": 1});
    let configuration = configuration::limited(configuration::inline(), limits);
    let mut worker = World::new().worker(&configuration);
    let first = worker.open(good());
    assert!(worker.outcome(first).is_forwarded());
    assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
    let (context, root) = (worker.context(first), worker.root());
    worker.odd_call(context, "proxy_on_context_create", &[context, root]);
    assert_eq!(worker.request(good()).summary(), "forwarded");
}

#[test]
fn trailers_stop_behind_a_request_that_waits() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    let token = Token::good().signed();
    let stream = worker.open(Request::get("/x").account("acme").bearer(&token));
    let mut trailers = host_tests::Headers::new();
    trailers.add(b"x-checksum", b"1");
    assert_eq!(worker.trailers(stream, trailers.clone()), None);
    worker.answer_callout(Answer::new(200, host_tests::key_set().to_string()));
    assert!(worker.outcome(stream).is_forwarded());
    assert_eq!(worker.trailers(stream, trailers.clone()), Some(trailers));
}

/// The host calls the module while the module calls the host.
#[test]
fn what_comes_while_it_is_busy_is_refused() {
    let mut worker = World::new().worker(&configuration::inline());
    let busy = worker.open(good());
    worker.end(busy);
    worker.host().re_enter("proxy_get_current_time_nanoseconds");
    let outcome = worker.request(good());
    assert_eq!(
        worker.host().re_entered,
        Some(4),
        "it is held, and answered"
    );
    assert_eq!(outcome.summary(), "503 not_ready");
    assert_eq!(worker.request(good()).summary(), "forwarded");
}
