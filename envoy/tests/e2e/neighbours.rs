//! Neighbours that do harm: whatever they answer, and if they never do, the time and the memory that it takes are bounded,
//! operators are told why, and the rest of the traffic goes on.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_envoy::client::Response;
use tollgate_envoy::hostile::Behaviour;
use tollgate_envoy::hostile::Behaviour::*;

use self::world::{MAX_WAIT, Meanwhile, NEIGHBOURS, World};
use crate::world::Stop;

/// On a machine that does other work, too.
const SLACK: Duration = Duration::from_secs(2);

/// How long it may take until each was asked, and its answer is over.
const JUDGED: Duration = Duration::from_secs(10);

/// What all neighbours together may take of Envoy's memory, in bytes: an answer of each that Envoy keeps, as much as it
/// may be, and the largest documents as they are read, in two workers and in shared data.
const MEMORY: u64 = 160 << 20;

/// What becomes of an answer: the reasons for the keys, the discovery document, the directory, and the introspection.
type Expected = [&'static str; 4];

const TIMEOUT: Expected = ["timeout"; 4];
const RESET: Expected = ["reset"; 4];
const STATUS: Expected = ["status"; 4];
const TOO_LARGE: Expected = ["too_large"; 4];
const GOOD: Expected = ["fetched", "fetched", "fetched", "answered"];

/// What must become of each behaviour.
fn expected(behaviour: Behaviour) -> Expected {
    match behaviour {
        Silence | DripHead | DripBody | EndlessInterim => TIMEOUT,
        // What is no HTTP to Envoy, what it does not keep, and what broke.
        EndlessHead
        | EndlessChunks
        | HundredMegabytes
        | HundredMegabytesOfNothing
        | BadChunk
        | NotHttp
        | TwoLengths
        | LengthAndChunks
        | LengthTooLong
        | ResetAtOnce
        | ResetBeforeHead
        | ResetMidHead
        | ResetAfterHead
        | ResetMidBody
        | CloseBeforeHead
        | CloseMidBody => RESET,
        Redirect(_) | Status(_) | SwitchingProtocols => STATUS,
        Many => TOO_LARGE,
        // An account's name that no request can have is left out.
        LongName => ["too_large", "too_large", "fetched", "too_large"],
        Good | Full | OldProtocol | TwoAnswers => GOOD,
        NoType | OtherType | OddHeaders => ["fetched", "fetched", "fetched", "not_json"],
        Deep | Twice => ["no_usable_key", "discovery", "not_a_directory", "not_json"],
        // Other members of a key set mean nothing, whatever is in them.
        DeepBeside => ["fetched", "discovery", "not_a_directory", "not_json"],
        NotUtf8 => ["fetched", "discovery", "not_json", "not_json"],
        Gzip | ByteOrderMark | GarbageBehind | Empty | LengthTooShort => {
            ["not_json", "discovery", "not_json", "not_json"]
        }
    }
}

/// One of each kind.
const SOME: [Behaviour; 9] = [
    Silence,
    DripBody,
    EndlessHead,
    EndlessInterim,
    HundredMegabytes,
    Redirect(302),
    Deep,
    Many,
    CloseMidBody,
];

#[test]
fn whatever_neighbours_do_the_rest_goes_on() {
    all_go_on(&SOME);
}

#[test]
#[ignore = "three minutes"]
fn whatever_else_neighbours_do_the_rest_goes_on() {
    all_go_on(&Behaviour::ALL);
}

fn all_go_on(behaviours: &[Behaviour]) {
    let world = World::start(2);
    let (meanwhile, over) = (Meanwhile::default(), AtomicBool::new(false));
    let before = world.stack.envoy().resident().unwrap();
    println!(
        "| behaviour | keys | discovery | directory | introspection | refused after | memory | slowest good |"
    );
    println!("|---|---|---|---|---|---:|---:|---:|");
    let mut problems = Vec::new();
    thread::scope(|scope| {
        let _stop = Stop(&over);
        scope.spawn(|| world.meanwhile(&meanwhile, || over.load(Ordering::Relaxed)));
        for behaviour in behaviours.iter().copied().chain([Good]) {
            problems.extend(round(&world, &meanwhile, behaviour));
            let now = world.stack.envoy().resident().unwrap();
            if now > before + MEMORY {
                problems.push(format!("{behaviour:?}: from {before} to {now} bytes"));
            }
        }
    });
    let after = world.stack.envoy().resident().unwrap();
    let requests = meanwhile.requests.load(Ordering::Relaxed);
    let (from, to) = (before >> 20, after >> 20);
    println!("{requests} good requests passed meanwhile; memory from {from} to {to} MB");
    assert_eq!(problems, [""; 0]);
    assert_eq!(world.followed(), 0, "a redirect was followed");
    assert!(requests > 100, "{requests}");
    let log = world.stack.envoy().log();
    assert!(!log.contains("unreachable"), "{log}");
}

/// All neighbours behave so until each has been asked, and judged; says what is wrong.
fn round(world: &World, meanwhile: &Meanwhile, behaviour: Behaviour) -> Vec<String> {
    let expected = expected(behaviour);
    meanwhile.slowest();
    world.settle();
    let before = world.counts();
    world.behave(behaviour);
    let (cold, cold_took) = timed(|| world.cold());
    let (key, key_took) = timed(|| world.key());
    let mut problems = Vec::new();
    for (place, (kind, _, good)) in NEIGHBOURS.iter().enumerate() {
        let mut seen = Vec::new();
        let deadline = Instant::now() + JUDGED;
        while !seen.iter().any(|way| way == expected[place]) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
            seen = world.ways(place, &before[place]);
        }
        // An answer from before can be under way.
        seen.retain(|way| way != good || expected[place] == *good);
        if seen != [expected[place]] {
            problems.push(format!("{behaviour:?} of {kind:?} is {seen:?}"));
        }
    }
    let introspected = match expected[3] {
        "answered" => "200",
        _ => "503 introspection_unavailable",
    };
    let slowest = meanwhile.slowest();
    for (answer, took, outcome) in [
        (&cold, cold_took, "503 keys_unavailable"),
        (&key, key_took, introspected),
    ] {
        if answer.outcome() != outcome || took > MAX_WAIT + SLACK {
            problems.push(format!(
                "{behaviour:?}: {} after {took:?}",
                answer.outcome()
            ));
        }
    }
    if slowest > SLACK {
        problems.push(format!("{behaviour:?}: a good request took {slowest:?}"));
    }
    println!(
        "| {behaviour:?} | {} | {} ms | {} MB | {} ms |",
        expected.join(" | "),
        cold_took.max(key_took).as_millis(),
        world.stack.envoy().resident().unwrap() >> 20,
        slowest.as_millis(),
    );
    problems
}

fn timed(send: impl FnOnce() -> Response) -> (Response, Duration) {
    let begun = Instant::now();
    (send(), begun.elapsed())
}
