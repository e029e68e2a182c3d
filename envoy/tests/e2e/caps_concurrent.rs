//! No more at once than the limit, whoever comes and however they leave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_envoy::client::Underway;

use crate::places::Places;
use crate::world::{WORKERS, count, wait_until};

const LIMIT: u32 = 5;

const CLIENTS: usize = 200;

/// How soon after the last request the gauge is right.
const SETTLED: Duration = Duration::from_secs(1);

/// How a request ends that was let in.
#[derive(Clone, Copy)]
enum End {
    /// The client hangs up while it waits for an answer.
    HangUp,
    /// The client resets when it has a part of the answer.
    Reset,
    /// It comes to this.
    Answer(&'static str),
}

/// A third of the clients leave, a third are reset by the upstream.
const ENDS: [(&str, End); 6] = [
    ("hold:NAME", End::HangUp),
    ("headers,hold:NAME", End::Reset),
    ("delay:20,reset", End::Answer("503")),
    ("headers,delay:20,reset", End::Answer("broken off")),
    ("delay:20", End::Answer("200")),
    ("headers,delay:20", End::Answer("200")),
];

/// A client that comes again until it is let in.
fn client(places: &Places, (script, end): (&str, End)) {
    let name = places.name();
    let request = places.request("/", &script.replace("NAME", &name));
    let is_held = |client: &Underway| {
        wait_until("it is held or answered", || {
            places.upstream.held(&name) == 1 || client.is_answered().unwrap()
        });
        places.upstream.held(&name) == 1
    };
    wait_until("it is let in", || {
        let mut client = request.begin().unwrap();
        match end {
            End::HangUp => is_held(&client),
            End::Reset => client.head().unwrap().status == 200 && client.reset().is_ok(),
            End::Answer(expected) => {
                let answer = client.finish().map(|answer| answer.outcome());
                let outcome = answer.unwrap_or("broken off".to_owned());
                let is_refused = outcome == "429 cap_exceeded";
                assert!(is_refused || outcome == expected, "{script}: {outcome}");
                !is_refused
            }
        }
    });
}

/// The highest value that the gauge has while something is done.
fn highest_gauge(places: &Places, act: impl FnOnce()) -> u64 {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut highest = 0;
            while !is_over.load(Ordering::Relaxed) {
                highest = highest.max(places.in_flight());
                thread::sleep(Duration::from_millis(50));
            }
            highest
        });
        act();
        is_over.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    })
}

#[test]
fn two_hundred_clients_are_never_more_than_five_at_once() {
    for workers in WORKERS {
        let places = Places::start(workers, LIMIT, |stack| stack);
        let begun = Instant::now();
        let highest = highest_gauge(&places, || {
            thread::scope(|scope| {
                for number in 0..CLIENTS {
                    let places = &places;
                    scope.spawn(move || client(places, ENDS[number % ENDS.len()]));
                }
            });
        });
        let last = Instant::now();
        places.wait_for_gauge(0);
        let settled = last.elapsed();
        let refused = count(&places.stack, "requests.refused.cap_exceeded");
        println!(
            "{workers} workers: {:?}, {refused} refused, gauge at most {highest}, 0 after {settled:?}",
            last - begun
        );
        assert_eq!(places.upstream.most_at_once(), 5, "{workers} workers");
        assert_eq!(places.upstream.requests(), CLIENTS as u64);
        assert!(refused > 0, "they were too few");
        assert!(highest < 100, "the gauge was below 0: {highest}");
        assert!(settled < SETTLED, "{settled:?}");

        let more = places.wait_to_hold(5);
        places.assert_full();
        more.finish();
    }
}
