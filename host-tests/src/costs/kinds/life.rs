//! What is done once, or for nobody's request.

use super::super::{Cost, meter};
use super::sent::{gate, good, key, token};
use crate::{Answer, Request, Worker, World, configuration, key_set};

/// Ticks that are counted: a minute of them.
const TICKS: u64 = 60;

/// It begins, without a configuration yet.
pub(super) fn begin() -> Cost {
    Worker::start(&World::new()).spent()
}

pub(super) fn configure() -> Cost {
    let configuration = gate().to_string();
    configured(&World::new(), configuration.as_bytes())
}

/// How much a configuration costs that is taken.
pub(super) fn configured(world: &World, configuration: &[u8]) -> Cost {
    let mut worker = Worker::start(world);
    meter::of(&mut worker, |worker| {
        let taken = worker.configure(configuration);
        assert!(taken, "{:?}", worker.host().log);
    })
}

/// The request, the keys' arrival, which lets it go on, and its end.
pub(super) fn waits_for_keys() -> Cost {
    let mut configuration = gate();
    configuration["issuers"][0]["jwks"] = configuration::remote()["issuers"][0]["jwks"].clone();
    let mut worker = World::new().fetching(&configuration);
    let keys = Answer::new(200, key_set().to_string());
    waits(&mut worker, good(&token(0).signed()), keys)
}

/// The same for an answer about a key, which is asked for at a tick.
pub(super) fn waits_for_answer() -> Cost {
    let configuration = configuration::with_api_keys(gate());
    let mut worker = World::new().fetching(&configuration);
    let active = Answer::json(r#"{"active":true,"sub":"key-1","account":"acme","exp":4000000000}"#);
    waits(&mut worker, good(&key()), active)
}

pub(super) fn tick() -> Cost {
    let world = World::new();
    let mut worker = world.worker(&gate());
    meter::become_of(&mut worker, "forwarded", good(&token(0).signed()));
    ticks(&world, &mut worker, |_| {})
}

/// The mean of a minute's ticks; what they ask is answered by `answer`, which does not count.
pub(super) fn ticks(world: &World, worker: &mut Worker, answer: impl Fn(&mut Worker)) -> Cost {
    let mut all = Cost::default();
    for _ in 0..TICKS {
        let period = worker.host().tick_period.expect("a period");
        world.clock.advance(period);
        all = all.and(&meter::of(worker, Worker::tick));
        answer(worker);
    }
    Cost::of(all.numbers().map(|number| number.div_ceil(TICKS)))
}

fn waits(worker: &mut Worker, request: Request, answer: Answer) -> Cost {
    meter::of(worker, |worker| {
        let stream = worker.open(request);
        assert_eq!(worker.outcome(stream).summary(), "waiting");
        if worker.callouts().is_empty() {
            worker.tick();
        }
        worker.answer_callout(answer);
        assert_eq!(worker.outcome(stream).summary(), "forwarded");
        worker.answer(stream, Answer::new(200, ""));
        worker.end(stream);
    })
}
