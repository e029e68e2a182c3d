//! All that happens to a virtual machine, in phases, so that a test can disturb one of them.

use std::time::Duration;

use host_tests::{
    Answer, Callout, Headers, Request, StreamId, Token, Worker, World, configuration, key_set,
};
use serde_json::{Value, json};

/// What the host does with the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Configure,
    Tick,
    Answer,
    Request,
    Trailers,
    Response,
    End,
    Retire,
}

pub const PHASES: [Phase; 8] = [
    Phase::Configure,
    Phase::Tick,
    Phase::Answer,
    Phase::Request,
    Phase::Trailers,
    Phase::Response,
    Phase::End,
    Phase::Retire,
];

/// Called when a phase begins.
pub type Disturb<'d> = &'d mut dyn FnMut(&mut Worker, Phase);

pub const SECOND: Duration = Duration::from_secs(1);

/// Keys, a directory and API keys, all of which are fetched; and two caps.
pub fn everything() -> Value {
    let fetched =
        configuration::with_directory(configuration::with_api_keys(configuration::remote()));
    let limits = json!({"concurrent": 1000, "per_minute": 10_000});
    configuration::limited(fetched, limits)
}

/// Keys that are in the configuration.
pub fn inline() -> Value {
    configuration::capped(configuration::inline(), 10_000)
}

fn to(path: &str) -> Request {
    Request::get(path).account("acme")
}

pub fn good() -> Request {
    to("/x").bearer(&Token::good().signed())
}

/// None of these may ever go on.
fn bad() -> [Request; 4] {
    let foreign = Token::good().claim("accounts", json!(["globex"]));
    [
        to("/x").bearer(&Token::good().other_key().signed()),
        to("/x").bearer(&foreign.signed()),
        to("/x").bearer("sk_live_acme_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        Request::get("/x"),
    ]
}

/// A worker in a world that goes on.
pub struct Life<'d> {
    pub world: World,
    pub worker: Worker,
    disturb: Disturb<'d>,
    text: Vec<u8>,
    bad: Vec<StreamId>,
    good: Vec<StreamId>,
}

impl<'d> Life<'d> {
    pub fn new(configuration: &Value, memory: usize, disturb: Disturb<'d>) -> Self {
        let world = World::new();
        let worker = Worker::start_within(&world, memory);
        Self {
            world,
            worker,
            disturb,
            text: configuration.to_string().into_bytes(),
            bad: Vec::new(),
            good: Vec::new(),
        }
    }

    /// From the first configuration to the end of the second.
    pub fn run(&mut self) {
        self.configure();
        self.tick();
        self.requests();
        self.tick();
        self.answers();
        self.requests();
        self.tick();
        self.answers();
        self.forward();
        self.configure();
        self.requests();
        self.phase(Phase::Retire);
        self.worker.retire_old();
        self.requests();
        self.world.clock.advance(SECOND * 3);
        self.tick();
        self.answers();
        self.forward();
    }

    /// How many seconds of an honest host it takes until a good request passes; nothing where it never does.
    pub fn recovers(&mut self) -> Option<usize> {
        self.worker.host().faults.clear();
        self.worker.host().memory.most = usize::MAX;
        (0..100).find(|_| {
            self.world.clock.advance(SECOND);
            self.worker.tick();
            while let Some(callout) = self.worker.callouts().first() {
                let answer = answer(callout);
                self.worker.answer_callout(answer);
            }
            self.worker.request(good()).is_forwarded()
        })
    }

    fn phase(&mut self, phase: Phase) {
        (self.disturb)(&mut self.worker, phase);
    }

    fn configure(&mut self) {
        self.phase(Phase::Configure);
        let text = self.text.clone();
        assert!(self.worker.configure(&text), "it would not be filtered");
    }

    fn tick(&mut self) {
        self.phase(Phase::Tick);
        self.world.clock.advance(SECOND / 4);
        self.worker.tick();
    }

    fn requests(&mut self) {
        self.phase(Phase::Request);
        self.bad
            .extend(bad().map(|request| self.worker.open(request)));
        self.good.push(self.worker.open(good()));
    }

    fn answers(&mut self) {
        for _ in 0..20 {
            let Some(callout) = self.worker.callouts().first() else {
                break;
            };
            let answer = answer(callout);
            self.phase(Phase::Answer);
            self.worker.answer_callout(answer);
        }
    }

    /// What has passed is answered, and all ends.
    fn forward(&mut self) {
        for stream in std::mem::take(&mut self.good) {
            if self.worker.outcome(stream).is_forwarded() {
                self.phase(Phase::Trailers);
                let mut trailers = Headers::new();
                trailers.add(b"x-tollgate-subject", b"root");
                trailers.add(b"x-checksum", b"1");
                if let Some(trailers) = self.worker.trailers(stream, trailers) {
                    assert_eq!(trailers.get("x-tollgate-subject"), None);
                }
                if !self.worker.is_over(stream) {
                    self.phase(Phase::Response);
                    self.worker.answer(stream, Answer::new(200, ""));
                }
            }
            self.end(stream);
        }
        for stream in std::mem::take(&mut self.bad) {
            let outcome = self.worker.outcome(stream);
            assert!(!outcome.is_forwarded(), "{outcome:?}");
            self.end(stream);
        }
    }

    fn end(&mut self, stream: StreamId) {
        if !self.worker.is_over(stream) {
            self.phase(Phase::End);
            self.worker.end(stream);
        }
    }
}

/// What an honest server says.
fn answer(callout: &Callout) -> Answer {
    match callout.headers.get(":path").as_deref() {
        Some("/internal/directory") => Answer::json(r#"{"accounts": {"acme": {}}}"#),
        Some("/internal/introspect") => Answer::json(r#"{"active": false}"#),
        _ => Answer::json(key_set().to_string()),
    }
}
