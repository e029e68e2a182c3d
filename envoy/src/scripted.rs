//! An upstream for tests that does with each request what the request itself asks for.
//!
//! A request says it in its query, `?script=STEP,STEP,…`; without steps, or behind the last one, it is answered 200
//! `ok`. The steps:
//!
//! | step | what happens |
//! |---|---|
//! | `hold` or `hold:NAME` | nothing, until the test calls [`Scripted::release`] with that name (`""` for the first form) |
//! | `delay:MILLISECONDS` | nothing, for so long |
//! | `headers` | the headers go out, and a first part of the body |
//! | `reset` | the connection is reset (RST) |
//! | `close` | the connection is closed (FIN) |
//! | `events` | headers, and then server-sent events until the other side goes |
//! | `upgrade` | 101, and then every byte comes back until the other side goes |
//! | `redirect:PATH` | 302 to that path at the same host; PATH is all of the rest, and can have a script of its own |
//!
//! It counts how many requests are alive at once, as a real upstream would see it: [`Scripted::most_at_once`].

mod census;
mod connection;
mod script;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::server::{Listening, Server};
use census::Census;
use connection::Connection;

/// A running one. Dropping it stops it.
#[derive(Debug)]
pub struct Scripted {
    server: Server,
    state: Arc<State>,
}

/// What all its connections share.
#[derive(Debug, Default)]
struct State {
    census: Arc<Census>,
    /// Requests that are held, by name.
    held: Mutex<HashMap<String, Vec<oneshot::Sender<()>>>>,
}

/// The path with a script.
///
/// ```
/// # use tollgate_envoy::scripted::path;
/// assert_eq!(path("/slow", "hold,headers"), "/slow?script=hold,headers");
/// ```
pub fn path(path: &str, script: &str) -> String {
    format!("{path}?{}{script}", script::KEY)
}

// === impl Scripted ===

impl Scripted {
    /// Starts one on a free loopback port.
    pub fn start() -> io::Result<Self> {
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let server = Listening::new()?.run(move |listener| serve(listener, shared))?;
        Ok(Self { server, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many requests are held under a name, and have their client still.
    pub fn held(&self, name: &str) -> usize {
        let held = self.state.held();
        let waiting = held.get(name).map(Vec::as_slice).unwrap_or_default();
        waiting.iter().filter(|held| !held.is_closed()).count()
    }

    /// Lets all go that are held under a name at this moment.
    pub fn release(&self, name: &str) {
        for held in self.state.held().remove(name).unwrap_or_default() {
            // Whoever is gone meanwhile needs it no more.
            let _ = held.send(());
        }
    }

    /// How many requests there have been.
    pub fn requests(&self) -> u64 {
        self.state.census.total()
    }

    /// How many requests are alive: from when all of one is read until its answer's last byte goes out, or the
    /// connection ends, by whomever.
    pub fn alive(&self) -> usize {
        self.state.census.alive()
    }

    /// The most requests that were ever alive at the same time.
    ///
    /// When a client hangs up, a proxy closes the connection to its upstream and, at about the same time, lets
    /// somebody else in, whose request may be here first. So a request that comes counts those as gone whose
    /// connection turns out to be closed by the proxy within a quarter of a second; those that *we* answer or reset
    /// in that time were there. What this overlooks is one too many who leaves again that soon.
    pub fn most_at_once(&self) -> usize {
        self.state.census.most()
    }
}

// === impl State ===

impl State {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<()>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the release of this name.
    async fn hold(&self, name: &str) {
        let (release, released) = oneshot::channel();
        self.held()
            .entry(name.to_owned())
            .or_default()
            .push(release);
        let _ = released.await;
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        // What is answered in parts must not wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        tokio::spawn(Connection::new(stream, Arc::clone(&state)).serve());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Origin, Request};
    use std::thread;
    use std::time::{Duration, Instant};

    fn request(upstream: &Scripted, script: &str) -> Request {
        let origin = Origin::parse(&format!("http://{}", upstream.address())).unwrap();
        origin.get(path("/", script))
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_request_is_held_until_its_name_is_released() {
        let upstream = Scripted::start().unwrap();
        let one = request(&upstream, "hold:one").begin().unwrap();
        let mut two = request(&upstream, "headers,hold:two").begin().unwrap();
        wait_until(|| upstream.held("one") == 1 && upstream.held("two") == 1);
        assert_eq!(two.head().unwrap().status, 200);
        assert!(!one.is_answered().unwrap());
        upstream.release("one");
        assert_eq!(one.finish().unwrap().text(), "ok");
        assert_eq!(upstream.alive(), 1);
        upstream.release("two");
        assert_eq!(two.finish().unwrap().text(), "begun ok");
        assert_eq!((upstream.alive(), upstream.most_at_once()), (0, 2));
    }

    #[test]
    fn whoever_hangs_up_is_gone() {
        let upstream = Scripted::start().unwrap();
        for script in ["hold", "headers,hold", "events", "upgrade", "delay:60000"] {
            let client = request(&upstream, script).begin().unwrap();
            wait_until(|| upstream.alive() == 1);
            drop(client);
            wait_until(|| upstream.alive() == 0);
            let client = request(&upstream, script).begin().unwrap();
            wait_until(|| upstream.alive() == 1);
            client.reset().unwrap();
            wait_until(|| upstream.alive() == 0);
        }
        assert_eq!(upstream.held(""), 0);
        assert_eq!(upstream.requests(), 10);
    }

    #[test]
    fn connections_end_as_they_should() {
        let upstream = Scripted::start().unwrap();
        let kind = |script| request(&upstream, script).send().unwrap_err().kind();
        assert_eq!(kind("reset"), io::ErrorKind::ConnectionReset);
        assert_eq!(kind("headers,reset"), io::ErrorKind::ConnectionReset);
        assert_eq!(kind("close"), io::ErrorKind::UnexpectedEof);
        assert_eq!(upstream.alive(), 0);
    }

    #[test]
    fn an_upgraded_connection_gives_back_what_it_gets() {
        let upstream = Scripted::start().unwrap();
        let mut tunnel = request(&upstream, "upgrade").begin().unwrap();
        assert_eq!(tunnel.head().unwrap().status, 101);
        assert_eq!(tunnel.exchange(b"one").unwrap(), b"one");
        assert_eq!(tunnel.exchange(b"two").unwrap(), b"two");
    }

    #[test]
    fn a_redirect_keeps_its_script() {
        let upstream = Scripted::start().unwrap();
        let answer = request(&upstream, "redirect:/b?script=reset")
            .send()
            .unwrap();
        let location = format!("http://{}/b?script=reset", upstream.address());
        assert_eq!(answer.status, 302);
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }

    #[test]
    fn what_is_no_script_is_said() {
        let upstream = Scripted::start().unwrap();
        let answer = request(&upstream, "jump").send().unwrap();
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains("jump"), "{}", answer.text());
    }
}
