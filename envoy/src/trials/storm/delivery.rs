//! How requests are sent: over either version of HTTP, on connections that stay, two at a time or many; by people who wait
//! for the answer, and by people who hang up at any point.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use super::http2::{End, Http2, is_closed};
use super::requests::{Body, Shot};
use super::tally::Tally;
use super::wire::{fields_2, half, one, two};
use crate::client::{Connection, Origin};

/// How long an answer may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is counted where none came.
const NO_ANSWER: &str = "no answer in time";

/// So many streams of a connection at once.
const STREAMS: usize = 20;

/// Sends requests, one after the other.
pub struct Client {
    to: Origin,
    /// Whether virtual machines are ended meanwhile: then any request may be answered 503, or not.
    traps: bool,
    one: Option<Connection>,
    two: Option<Http2>,
    /// What has become of its requests.
    pub tally: Tally,
}

/// Where a client hangs up.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Head,
    AfterHead,
    Body,
    AtOnce,
    Answer,
    Websocket,
}

const PHASES: [Phase; 6] = [
    Phase::Head,
    Phase::AfterHead,
    Phase::Body,
    Phase::AtOnce,
    Phase::Answer,
    Phase::Websocket,
];

// === impl Client ===

impl Client {
    /// A client of the gate.
    pub fn new(to: Origin, traps: bool) -> Self {
        Self {
            to,
            traps,
            one: None,
            two: None,
            tally: Tally::default(),
        }
    }

    /// Sends some, as chance has it.
    ///
    /// # Errors
    ///
    /// There is nobody to connect to, or an answer did not come in time.
    pub fn send_some(
        &mut self,
        next: &mut impl FnMut(&mut Rng) -> Shot,
        rng: &mut Rng,
    ) -> io::Result<()> {
        match rng.u8(..20) {
            0..=8 => {
                let shot = next(rng);
                self.send_1(&[shot])
            }
            9..=11 => {
                // Envoy closes the connection behind an odd one, and behind one whose body it has not waited for.
                let two = [next(rng), next(rng)];
                let together = |shot: &Shot| shot.expected.is_some() && shot.body.is_none();
                if two.iter().all(together) {
                    return self.send_1(&two);
                }
                two.iter()
                    .try_for_each(|shot| self.send_1(std::slice::from_ref(shot)))
            }
            12..=16 => {
                let number = rng.usize(1..STREAMS);
                let shots: Vec<_> = (0..number).map(|_| next(rng)).collect();
                // One that the codec refuses ends the connection, and the others with it.
                let (odd, even): (Vec<_>, Vec<_>) =
                    shots.into_iter().partition(|shot| shot.expected.is_none());
                for shot in odd {
                    self.send_2(&[shot])?;
                }
                self.send_2(&even)
            }
            _ => {
                let shot = next(rng);
                self.tally.given_up += 1;
                let phase = rng.choice(PHASES).unwrap_or(Phase::AtOnce);
                let given_up = if rng.u8(..3) == 0 {
                    self.give_up_2(&shot, phase)
                } else {
                    self.give_up_1(shot.clone(), phase, rng)
                };
                match given_up {
                    Err(error) if is_late(&error) => self.late(&shot, &format!("{phase:?}")),
                    Err(error) if !is_closed(&error) => return Err(error),
                    _ => {}
                }
                Ok(())
            }
        }
    }

    /// On the connection that there is, or on a new one where that turns out to be closed.
    fn send_1(&mut self, shots: &[Shot]) -> io::Result<()> {
        self.tally.over_1 += shots.len() as u64;
        let mut left = shots;
        if let Some(connection) = self.one.take() {
            left = self.exchange_1(connection, left)?;
        }
        // The second of two may find a connection closed behind the first (RFC 9112 §9.3.2); the first may not.
        while let Some(first) = left.first() {
            let connection = self.connect()?;
            let still = self.exchange_1(connection, left)?;
            if still.len() == left.len() {
                self.count(None, first);
                left = left.get(1..).unwrap_or_default();
            } else {
                left = still;
            }
        }
        Ok(())
    }

    /// Two at a time are answered in their order. Those are left that the other side has closed the connection before.
    fn exchange_1<'a>(
        &mut self,
        mut connection: Connection,
        shots: &'a [Shot],
    ) -> io::Result<&'a [Shot]> {
        let bytes: Vec<_> = shots.iter().flat_map(|shot| one(shot, false)).collect();
        // It may have been answered and closed before all of it was sent.
        let _ = connection.write(&bytes);
        for (number, shot) in shots.iter().enumerate() {
            let left = shots.get(number..).unwrap_or_default();
            match connection.receive(shot.method) {
                Ok(answer) => {
                    self.count(Some(&answer.outcome()), shot);
                    let closes = answer.header("connection").is_some_and(|it| it == "close");
                    if closes || shot.expected.is_none() {
                        return Ok(shots.get(number + 1..).unwrap_or_default());
                    }
                }
                Err(error) if is_closed(&error) => return Ok(left),
                Err(error) if is_late(&error) => {
                    for shot in left {
                        self.late(shot, &format!("HTTP/1.1, of {}", shots.len()));
                    }
                    return Ok(&[]);
                }
                Err(error) => return Err(error),
            }
        }
        self.one = Some(connection);
        Ok(&[])
    }

    /// The same over HTTP/2.
    fn send_2(&mut self, shots: &[Shot]) -> io::Result<()> {
        self.tally.over_2 += shots.len() as u64;
        let mut left: Vec<&Shot> = shots.iter().collect();
        if let Some(connection) = self.two.take() {
            left = self.exchange_2(connection, &left)?;
        }
        if !left.is_empty() {
            let connection = self.connect_2()?;
            left = self.exchange_2(connection, &left)?;
        }
        for shot in left {
            self.count(None, shot);
        }
        Ok(())
    }

    fn exchange_2<'a>(
        &mut self,
        mut connection: Http2,
        shots: &[&'a Shot],
    ) -> io::Result<Vec<&'a Shot>> {
        let mut sent = BTreeMap::new();
        let mut left = Vec::new();
        for shot in shots {
            match two(&mut connection, shot) {
                Ok(number) => drop(sent.insert(number, *shot)),
                Err(error) if is_closed(&error) => left.push(*shot),
                Err(error) => return Err(error),
            }
        }
        let mut stays = shots.iter().all(|shot| shot.expected.is_some());
        loop {
            match connection.end() {
                Ok(None) => break,
                Ok(Some((number, end))) => {
                    stays &= matches!(end, End::Answered(_));
                    match (sent.remove(&number), outcome(&end)) {
                        (Some(shot), Some(outcome)) => self.count(Some(&outcome), shot),
                        (Some(shot), None) => left.push(shot),
                        (None, _) => {}
                    }
                }
                Err(error) if is_late(&error) => {
                    for shot in sent.values() {
                        self.late(shot, &format!("HTTP/2, of {}", shots.len()));
                    }
                    return Ok(left);
                }
                Err(error) => return Err(error),
            }
        }
        left.extend(sent.values());
        if stays && left.is_empty() {
            self.two = Some(connection);
        }
        Ok(left)
    }

    /// `found` is none where the connection or the stream was closed instead.
    fn count(&mut self, found: Option<&str>, shot: &Shot) {
        let name = found.unwrap_or("closed");
        *self.tally.outcomes.entry(name.to_owned()).or_default() += 1;
        let Some(expected) = &shot.expected else {
            return;
        };
        if expected.contains(&name) {
            return;
        }
        if self.traps && may_be_trapped(name) {
            self.tally.excused += 1;
        } else {
            self.tally.wrong(shot, name);
        }
    }

    /// No answer has come; a virtual machine that fails leaves those behind that wait in it.
    fn late(&mut self, shot: &Shot, how: &str) {
        *self.tally.outcomes.entry(NO_ANSWER.to_owned()).or_default() += 1;
        if self.traps {
            self.tally.excused += 1;
        } else {
            self.tally.wrong(shot, &format!("{NO_ANSWER} ({how})"));
        }
    }

    fn give_up_1(&self, mut shot: Shot, phase: Phase, rng: &mut Rng) -> io::Result<()> {
        let mut connection = self.connect()?;
        if matches!(phase, Phase::AfterHead | Phase::Body) {
            shot.body = Body::Sized(vec![b'x'; 2000]);
        }
        match phase {
            Phase::Answer => shot.target = half(&shot.target),
            // What follows its head belongs to the other protocol already.
            Phase::Websocket => shot.body = Body::None,
            _ => {}
        }
        let bytes = one(&shot, matches!(phase, Phase::Websocket));
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.map_or(bytes.len(), |place| place + 4);
        let part = match phase {
            Phase::Head => rng.usize(..head),
            Phase::AfterHead => head,
            Phase::Body => rng.usize(head..bytes.len().max(head + 1)),
            Phase::AtOnce | Phase::Answer | Phase::Websocket => bytes.len(),
        };
        connection.write(bytes.get(..part).unwrap_or(&bytes))?;
        if matches!(phase, Phase::Answer | Phase::Websocket) {
            connection.wait()?;
        }
        if rng.bool() {
            connection.reset()?;
        }
        Ok(())
    }

    fn give_up_2(&self, shot: &Shot, phase: Phase) -> io::Result<()> {
        let mut connection = self.connect_2()?;
        let mut shot = shot.clone();
        if matches!(phase, Phase::Answer) {
            shot.target = half(&shot.target);
        }
        let fields = fields_2(&shot);
        let number = connection.begin(&fields, false)?;
        match phase {
            Phase::Head | Phase::AfterHead => connection.cancel(number),
            Phase::Body => {
                connection.body(number, &[b'x'; 500], false)?;
                connection.cancel(number)
            }
            Phase::Answer => {
                connection.body(number, b"", true)?;
                connection.wait()
            }
            // Without a word.
            Phase::AtOnce | Phase::Websocket => connection.body(number, b"", true),
        }
    }

    fn connect_2(&self) -> io::Result<Http2> {
        let connection = Http2::connect(self.to)?;
        connection.set_patience(PATIENCE)?;
        Ok(connection)
    }

    fn connect(&self) -> io::Result<Connection> {
        let connection = self.to.connect()?;
        connection.set_patience(PATIENCE)?;
        Ok(connection)
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// What a client sees whose worker has lost its virtual machine.
fn may_be_trapped(outcome: &str) -> bool {
    outcome.starts_with("503") || matches!(outcome, "closed" | "empty")
}

/// The outcome as HTTP/1.1 has it. Fields of answers are not read, so a body tells: the gate's has its status.
fn outcome(end: &End) -> Option<String> {
    let End::Answered(body) = end else {
        return None;
    };
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return Some("empty".to_owned());
    };
    let code = answer.get("code").and_then(Value::as_str);
    Some(match (answer.get("status"), code) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        _ => "200".to_owned(),
    })
}
