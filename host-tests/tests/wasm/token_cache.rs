//! A token that was verified is not verified again, and means no more than it did.

use std::time::Duration;

use host_tests::{
    Answer, Outcome, Request, Threads, Token, VerifySignature, Worker, World, configuration, jwk,
    key_set, other_jwk,
};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn by(token: &str) -> Request {
    Request::get("/x").account("acme").bearer(token)
}

/// A good token that differs from all others.
fn token(subject: &str) -> String {
    Token::good().claim("sub", subject).signed()
}

fn with_cache(cache: Value) -> Value {
    let mut configuration = configuration::inline();
    configuration["token_cache"] = cache;
    configuration
}

/// What became of a request, and how often the host was asked to verify a signature.
fn costs(worker: &mut Worker, request: Request) -> (Outcome, usize) {
    let verified = |worker: &mut Worker| worker.host().count("proxy_call_foreign_function");
    let before = verified(worker);
    let outcome = worker.request(request);
    (outcome, verified(worker) - before)
}

/// Whether a request passes without any verification.
fn is_cached(worker: &mut Worker, token: &str) -> bool {
    let (outcome, verified) = costs(worker, by(token));
    assert!(outcome.is_forwarded(), "{outcome:?}");
    verified == 0
}

#[test]
fn the_second_request_verifies_nothing_and_is_the_same() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    let token = token("me");
    let (first, verified) = costs(&mut worker, by(&token));
    assert!(first.is_forwarded());
    assert_eq!(verified, 1);
    let (second, verified) = costs(&mut worker, by(&token));
    assert_eq!(verified, 0);
    assert_eq!(second, first);
    worker.tick();
    assert_eq!(world.statistics.value("tollgate.tokens.cached"), 1);
}

#[test]
fn each_worker_has_its_own() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration::inline(), 2);
    let token = token("me");
    for worker in threads.workers() {
        assert!(!is_cached(worker, &token));
        assert!(is_cached(worker, &token));
    }
}

#[test]
fn every_byte_of_the_token_counts() {
    let mut worker = World::new().worker(&configuration::inline());
    let token = token("me");
    worker.request(by(&token));
    let flip = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let dots: Vec<_> = token.match_indices('.').map(|(at, _)| at).collect();
    for at in [
        0,
        5,
        dots[0] + 1,
        dots[0] + 30,
        dots[1] + 1,
        dots[1] + 100,
        token.len() - 3,
    ] {
        let outcome = worker.request(by(&flip(at)));
        assert!(!outcome.is_forwarded(), "byte {at}");
    }
    let longer = worker.request(by(&format!("{token}A")));
    assert!(!longer.is_forwarded());
    assert!(is_cached(&mut worker, &token));
}

#[test]
fn a_token_expires_in_the_cache() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    let token = token("me");
    worker.request(by(&token));
    world.clock.advance(MINUTE * 10 + SECOND * 59);
    assert!(is_cached(&mut worker, &token), "a minute of skew");
    world.clock.advance(SECOND * 2);
    assert_eq!(worker.request(by(&token)).summary(), "401 token_expired");
    world.clock.step_back(SECOND * 2);
    assert!(worker.request(by(&token)).is_forwarded());
}

#[test]
fn a_clock_that_steps_back_counts_as_well() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    let now = world.clock.now().as_secs();
    let token = Token::good().claim("nbf", now).signed();
    worker.request(by(&token));
    world.clock.step_back(MINUTE * 60);
    assert_eq!(
        worker.request(by(&token)).summary(),
        "401 token_not_yet_valid"
    );
}

#[test]
fn a_cached_token_opens_no_other_door() {
    let mut worker = World::new().worker(&configuration::inline());
    let token = token("me");
    worker.request(by(&token));
    let to = |path: &str, account: &str| Request::get(path).account(account).bearer(&token);
    for (request, expected) in [
        (to("/x", "globex"), "403 account_forbidden"),
        (to("/api/admin/x", "acme"), "403 admin_required"),
        (
            to("/api/admin/x", "acme").header("X-Admin", "true"),
            "403 admin_required",
        ),
        (to("/x", "kataven-admin"), "403 account_reserved"),
        (to("/a/../x", "acme"), "400 path_ambiguous"),
        (Request::get("/x").bearer(&token), "400 account_missing"),
    ] {
        assert_eq!(worker.request(request).summary(), expected);
    }
}

#[test]
fn caps_count_what_is_cached() {
    let configuration = configuration::capped(configuration::inline(), 2);
    let mut worker = World::new().worker(&configuration);
    let token = token("me");
    let mut outcome = || worker.request(by(&token)).summary();
    assert_eq!(
        [outcome(), outcome(), outcome()],
        ["forwarded", "forwarded", "429 cap_exceeded"]
    );
}

/// Tokens that are refused, each another one.
fn refused(number: usize) -> (String, &'static str) {
    let token = Token::good().claim("jti", number);
    match number % 5 {
        0 => (token.unsigned(), "401 token_signature"),
        1 => (token.claim("exp", 1).unsigned(), "401 token_expired"),
        2 => (token.claim("aud", "x").unsigned(), "401 token_audience"),
        3 => (
            token.header("kid", format!("k{number}")).unsigned(),
            "401 token_key",
        ),
        _ => (
            token.header("alg", "none").unsigned(),
            "401 token_algorithm",
        ),
    }
}

#[test]
fn refused_tokens_do_not_push_a_good_one_out() {
    let mut worker = World::new().worker(&with_cache(json!({"entries": 8, "bytes": 100_000})));
    let good = token("me");
    worker.request(by(&good));
    for number in 0..10_000 {
        let (token, expected) = refused(number);
        assert_eq!(worker.request(by(&token)).summary(), expected);
    }
    assert!(is_cached(&mut worker, &good));
}

#[test]
fn a_refused_token_is_refused_again() {
    let mut worker = World::new().worker(&configuration::inline());
    for number in 0..5 {
        let (token, expected) = refused(number);
        for _ in 0..3 {
            assert_eq!(worker.request(by(&token)).summary(), expected);
        }
    }
}

#[test]
fn it_is_as_small_as_it_was_configured() {
    for (cache, most) in [
        (json!({"entries": 4}), 4),
        (json!({"entries": 2}), 2),
        // The subject of each has 200.
        (json!({"bytes": 3000}), 3000 / 200),
    ] {
        let mut worker = World::new().worker(&with_cache(cache.clone()));
        let token = |number: usize| token(&format!("{number:0200}"));
        let tokens: Vec<_> = (0..40).map(token).collect();
        for token in &tokens {
            worker.request(by(token));
        }
        // From the newest, because each that is not there pushes another out.
        let newest = tokens.iter().rev();
        let cached = newest.take_while(|token| is_cached(&mut worker, token));
        let cached = cached.count();
        assert!((1..=most).contains(&cached), "{cache}: {cached}");
    }
}

#[test]
fn it_can_be_switched_off() {
    let world = World::new();
    let mut worker = world.worker(&with_cache(json!({"entries": 0})));
    let token = token("me");
    for _ in 0..3 {
        assert!(!is_cached(&mut worker, &token));
    }
    worker.tick();
    assert_eq!(world.statistics.value("tollgate.tokens.cached"), 0);
}

#[test]
fn memory_stays_where_it_is() {
    let cache = json!({"entries": 50});
    let mut worker = World::new().worker(&with_cache(cache));
    let mut fill = |from: usize| {
        for number in from..from + 300 {
            worker.request(by(&token(&format!("{number}"))));
        }
        worker.memory()
    };
    fill(0);
    let full = fill(300);
    assert_eq!(fill(600), full);
    assert_eq!(fill(900), full);
}

fn keys(keys: &[Value]) -> Answer {
    Answer::new(200, json!({"keys": keys}).to_string())
}

/// A fetch that is answered, and seen by those who tick.
fn fetched(threads: &mut Threads, answer: Answer, ticking: &[usize]) {
    threads.until_asked(SECOND * 2).expect("somebody asks");
    threads.answer(answer);
    for thread in ticking {
        threads[*thread].tick();
    }
}

/// Refused: at once, or as soon as the issuer has been asked for a key that is not there.
fn is_refused(threads: &mut Threads, thread: usize, token: &str, set: Answer) -> String {
    let stream = threads[thread].open(by(token));
    if threads[thread].outcome(stream) == Outcome::Waiting {
        if threads.asking().is_empty() {
            threads.tick();
        }
        threads.answer(set);
        threads.tick();
    }
    threads[thread].outcome(stream).summary()
}

#[test]
fn a_key_that_leaves_the_set_takes_its_tokens_with_it() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration::remote(), 2);
    fetched(
        &mut threads,
        Answer::new(200, key_set().to_string()),
        &[0, 1, 2],
    );
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    for worker in threads.workers() {
        worker.request(by(&token));
        assert!(is_cached(worker, &token));
    }
    world.clock.advance(MINUTE * 10);
    let without = || keys(&[other_jwk("2")]);
    fetched(&mut threads, without(), &[0, 1, 2]);
    for thread in [1, 2] {
        let outcome = is_refused(&mut threads, thread, &token, without());
        assert_eq!(outcome, "401 token_key");
    }
}

#[test]
fn another_key_of_the_same_id_does_not_keep_the_old_ones_tokens() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration::remote(), 2);
    fetched(
        &mut threads,
        Answer::new(200, key_set().to_string()),
        &[0, 1, 2],
    );
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    for worker in threads.workers() {
        worker.request(by(&token));
    }
    world.clock.advance(MINUTE * 10);
    fetched(&mut threads, keys(&[other_jwk("1")]), &[0, 1, 2]);
    for worker in threads.workers() {
        assert_eq!(worker.request(by(&token)).summary(), "401 token_signature");
    }
}

#[test]
fn keys_that_stay_keep_their_tokens_or_verify_them_again() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration::remote(), 1);
    fetched(
        &mut threads,
        Answer::new(200, key_set().to_string()),
        &[0, 1],
    );
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    threads[1].request(by(&token));
    world.clock.advance(MINUTE * 10);
    fetched(&mut threads, keys(&[jwk("1"), other_jwk("2")]), &[0, 1]);
    assert!(threads[1].request(by(&token)).is_forwarded());
    assert!(is_cached(&mut threads[1], &token));
}

#[test]
fn keys_that_are_too_old_take_the_tokens_with_them() {
    let world = World::new();
    let mut worker = world.worker(&configuration::remote());
    worker.tick();
    worker.answer_callout(Answer::new(200, key_set().to_string()));
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    worker.request(by(&token));
    assert!(is_cached(&mut worker, &token));
    world.clock.advance(MINUTE * 60 * 24 + SECOND);
    let outcome = worker.request(by(&token));
    assert!(!outcome.is_forwarded(), "{outcome:?}");
}

#[test]
fn a_new_configuration_reads_a_cached_token_by_its_own_rules() {
    let mut worker = World::new().worker(&configuration::inline());
    let token = token("me");
    worker.request(by(&token));
    for (field, value, expected) in [
        ("audiences", json!(["other"]), "401 token_audience"),
        ("max_size", json!(64), "401 token_too_large"),
        ("max_lifetime", json!("1m"), "401 token_lifetime"),
        (
            "jwks",
            json!({"inline": {"keys": [other_jwk("1")]}}),
            "401 token_signature",
        ),
    ] {
        let mut changed = configuration::inline();
        changed["issuers"][0][field] = value;
        worker.reload(&changed);
        assert_eq!(worker.request(by(&token)).summary(), expected, "{field}");
    }
}

#[test]
fn what_the_module_verified_itself_is_cached_too() {
    let mut world = World::new();
    world.verify_signature = VerifySignature::Missing;
    let mut worker = world.worker(&configuration::all_algorithms());
    for algorithm in host_tests::ALGORITHMS {
        let token = Token::by(algorithm).signed();
        let counted = || world.statistics.value("tollgate.signatures.module");
        let before = counted();
        for _ in 0..3 {
            assert!(worker.request(by(&token)).is_forwarded(), "{algorithm}");
        }
        worker.tick();
        assert_eq!(counted() - before, 1, "{algorithm}");
    }
    assert_eq!(world.statistics.value("tollgate.tokens.cached"), 18);
}
