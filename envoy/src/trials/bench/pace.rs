//! Latency at a fixed rate: requests are due at moments that were fixed before, whatever has been answered by then, and
//! their time runs from there. So a request that had to wait because an earlier one was slow counts as slow itself.

use std::hint;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::load::{Connection, Load, LoadError};

/// Requests a second: a third of what the slowest arms can do on one core, so that what is measured is no queue.
pub(super) const RATE: u32 = 2000;

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends requests at the rate for some time, and returns how long each answer took, in microseconds.
///
/// It does not sleep, because the system would wake it too late: `alone` says that it has a core for that.
pub(super) fn run<'a>(
    load: &mut Load,
    requests: &mut impl Iterator<Item = &'a [u8]>,
    time: Duration,
    alone: bool,
) -> Result<Vec<f64>, LoadError> {
    let (connections, expected) = load.parts();
    wait_no_longer(connections, true)?;
    let interval = Duration::from_secs(1) / RATE;
    let begun = Instant::now();
    let mut due = begun;
    // Those without a request under way, and the others with the moment when theirs was due.
    let mut idle: Vec<_> = connections.iter_mut().collect();
    let mut busy: Vec<(&mut Connection, Instant)> = Vec::new();
    let mut latencies = Vec::new();
    while due < begun + time || !busy.is_empty() {
        let now = Instant::now();
        if now >= due
            && due < begun + time
            && let Some(connection) = idle.pop()
        {
            connection.send(requests.next().unwrap_or_default())?;
            connection.wait_no_longer(true)?;
            busy.push((connection, due));
            due += interval;
        }
        let mut position = 0;
        while let Some((connection, since)) = busy.get_mut(position) {
            if connection.poll(expected)? {
                latencies.push(since.elapsed().as_secs_f64() * 1e6);
                idle.push(busy.swap_remove(position).0);
            } else if since.elapsed() > PATIENCE {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            } else {
                position += 1;
            }
        }
        if alone {
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
    wait_no_longer(connections, false)?;
    Ok(latencies)
}

fn wait_no_longer(connections: &[Connection], yes: bool) -> io::Result<()> {
    connections
        .iter()
        .try_for_each(|connection| connection.wait_no_longer(yes))
}

#[cfg(test)]
mod tests {
    use super::super::expected::Expected;
    use super::super::load::BODY;
    use super::*;
    use crate::client::Origin;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server that serves one connection after the other, and takes so long for the first request of all.
    fn slow_at_first(pause: Duration) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!("HTTP/1.1 200 OK\r\n\r\n{BODY}");
        thread::spawn(move || {
            let mut streams: Vec<_> = (0..super::super::load::CONNECTIONS)
                .map(|_| listener.accept().unwrap().0)
                .collect();
            for stream in &streams {
                stream.set_nonblocking(true).unwrap();
            }
            let mut is_first = true;
            loop {
                for stream in &mut streams {
                    match stream.read(&mut [0]) {
                        Ok(0) => return,
                        Ok(_) if std::mem::take(&mut is_first) => thread::sleep(pause),
                        Ok(_) => {}
                        Err(_) => continue,
                    }
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                thread::yield_now();
            }
        });
        Origin::parse(&url).unwrap()
    }

    #[test]
    fn whoever_waits_for_others_counts_as_slow() {
        let pause = Duration::from_millis(200);
        let expected = Expected::new(200, BODY);
        let mut load = Load::connect(slow_at_first(pause), false, expected).unwrap();
        let requests = [b"x".as_slice()];
        let time = Duration::from_millis(400);
        let took = run(&mut load, &mut requests.into_iter().cycle(), time, false).unwrap();
        assert_eq!(took.len(), 800);
        // All that were due in the first half of the pause waited for at least the other half. A client that waits
        // for answers before it sends would have had one slow answer on each connection.
        let slow = took.iter().filter(|micros| **micros > 100_000.0).count();
        assert!(slow >= 200, "{slow}");
    }
}
