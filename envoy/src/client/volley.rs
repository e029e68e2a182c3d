//! Many requests at once.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Barrier;
use std::thread;

use super::{Connection, Origin, Request};

/// How many answers there were of each [outcome](super::Response::outcome).
pub type Outcomes = BTreeMap<String, usize>;

/// Some connections, on each of which several requests are sent before the first is answered (RFC 9112 §9.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Volley {
    /// How many connections, each with a thread of its own.
    pub connections: usize,
    /// How many requests are sent at a time on each.
    pub depth: usize,
}

// === impl Volley ===

impl Volley {
    /// Sends so many requests, all connections beginning at the same time; `request` makes each from its number.
    ///
    /// # Errors
    ///
    /// One of them was not answered.
    pub fn send(
        self,
        to: Origin,
        number: usize,
        request: impl Fn(usize) -> Request + Sync,
    ) -> io::Result<Outcomes> {
        let begin = Barrier::new(self.connections);
        let run = |first: usize| {
            let connection = to.connect();
            begin.wait();
            let numbers = (first..number).step_by(self.connections);
            self.run(&mut connection?, numbers, &request)
        };
        let run = &run;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|first| scope.spawn(move || run(first)))
                .collect();
            let mut all = Outcomes::new();
            for thread in threads {
                let outcomes = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for (outcome, count) in outcomes? {
                    *all.entry(outcome).or_default() += count;
                }
            }
            Ok(all)
        })
    }

    fn run(
        self,
        connection: &mut Connection,
        mut numbers: impl Iterator<Item = usize>,
        request: impl Fn(usize) -> Request,
    ) -> io::Result<Outcomes> {
        let mut outcomes = Outcomes::new();
        loop {
            let requests: Vec<_> = numbers.by_ref().take(self.depth).map(&request).collect();
            if requests.is_empty() {
                return Ok(outcomes);
            }
            let bytes: Vec<_> = requests.iter().map(|request| request.bytes(true)).collect();
            connection.stream.write_all(&bytes.concat())?;
            for request in requests {
                let outcome = connection.receive(&request.method)?.outcome();
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn every_request_is_sent_once_and_every_answer_counted() {
        let upstream = Scripted::start().unwrap();
        let origin = Origin::parse(&format!("http://{}", upstream.address())).unwrap();
        let volley = Volley {
            connections: 3,
            depth: 4,
        };
        let request = |number: usize| match number {
            17 => origin.get("/?script=jump"),
            _ => origin.get("/"),
        };
        let outcomes = volley.send(origin, 50, request).unwrap();
        let expected = [("200".to_owned(), 49), ("500".to_owned(), 1)];
        assert_eq!(outcomes, Outcomes::from(expected));
        assert_eq!(upstream.requests(), 50);
        assert!(
            volley
                .send(origin, 9, |_| origin.get("/?script=close"))
                .is_err()
        );
    }
}
