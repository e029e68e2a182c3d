//! Many requests at once.

use std::collections::BTreeMap;
use std::io;
use std::sync::Barrier;
use std::thread;

use super::{Connection, Origin, Request};

/// How many answers there were of each [outcome](super::Response::outcome).
pub type Outcomes = BTreeMap<String, usize>;

impl Origin {
    /// Sends so many requests over so many connections, which all begin at the same time; `request` makes each from its
    /// number. On a connection each waits for the answer to the one before: Envoy answers two that come at once, and
    /// leaves those behind them unread where it answered by itself.
    ///
    /// # Errors
    ///
    /// One of them was not answered.
    pub fn volley(
        self,
        connections: usize,
        number: usize,
        request: impl Fn(usize) -> Request + Sync,
    ) -> io::Result<Outcomes> {
        let begin = Barrier::new(connections);
        let run = |first: usize| {
            let connection = self.connect();
            begin.wait();
            let numbers = (first..number).step_by(connections);
            send(&mut connection?, numbers.map(&request))
        };
        let run = &run;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections)
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
}

fn send(
    connection: &mut Connection,
    requests: impl Iterator<Item = Request>,
) -> io::Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for request in requests {
        let outcome = connection.send(&request)?.outcome();
        *outcomes.entry(outcome).or_default() += 1;
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn every_request_is_sent_once_and_every_answer_counted() {
        let upstream = Scripted::start().unwrap();
        let origin = Origin::parse(&format!("http://{}", upstream.address())).unwrap();
        let request = |number: usize| match number {
            17 => origin.get("/?script=jump"),
            _ => origin.get("/"),
        };
        let outcomes = origin.volley(3, 50, request).unwrap();
        let expected = [("200".to_owned(), 49), ("500".to_owned(), 1)];
        assert_eq!(outcomes, Outcomes::from(expected));
        assert_eq!(upstream.requests(), 50);
        let closed = origin.volley(3, 9, |_| origin.get("/?script=close"));
        assert!(closed.is_err());
    }
}
