//! One connection: request after request, each by its script.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::State;
use super::census::Alive;
use super::script::{Step, steps};

/// Requests with more headers than this are not read.
const MAX_HEADERS: usize = 100;

/// Between two server-sent events.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection to us.
pub(super) struct Connection {
    stream: TcpStream,
    state: Arc<State>,
    /// What has come and belongs to no request yet.
    read: Vec<u8>,
}

/// A request's head, of which a script may need something.
struct Head {
    target: String,
    host: String,
    key: String,
    body: usize,
    length: usize,
}

/// How far an answer has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Headers,
}

/// The connection is no more.
struct Ended;

// === impl Connection ===

impl Connection {
    pub(super) fn new(stream: TcpStream, state: Arc<State>) -> Self {
        Self {
            stream,
            state,
            read: Vec::new(),
        }
    }

    /// Until one side has enough.
    pub(super) async fn serve(mut self) {
        while let Ok(head) = self.next().await {
            let mut alive = Some(self.state.census.arrive());
            if self.play(&head, &mut alive).await.is_err() {
                // Else it was our doing.
                if let Some(alive) = alive {
                    alive.gone();
                }
                return;
            }
        }
    }

    /// The next request, with its body, which is thrown away. It has a length, or there is none.
    async fn next(&mut self) -> io::Result<Head> {
        let head = loop {
            if let Some(head) = Head::parse(&self.read)? {
                break head;
            }
            self.more().await?;
        };
        while self.read.len() < head.length + head.body {
            self.more().await?;
        }
        self.read.drain(..head.length + head.body);
        Ok(head)
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Does what the script says. `alive` goes before the last byte does: whoever has that may send the next request.
    async fn play(&mut self, head: &Head, alive: &mut Option<Alive>) -> Result<(), Ended> {
        let steps = match steps(&head.target) {
            Ok(steps) => steps,
            Err(problem) => {
                alive.take();
                return self.all("500 Internal Server Error", "", &problem).await;
            }
        };
        let mut sent = Sent::Nothing;
        for step in steps {
            match step {
                Step::Hold(name) => {
                    let state = Arc::clone(&self.state);
                    self.wait(state.hold(&name)).await?;
                }
                Step::Delay(time) => self.wait(tokio::time::sleep(time)).await?,
                Step::Headers => {
                    self.begin("text/plain").await?;
                    sent = Sent::Headers;
                }
                Step::Reset => {
                    alive.take();
                    // Closing sends RST then.
                    let _ = self.stream.set_zero_linger();
                    return Err(Ended);
                }
                Step::Close => {
                    alive.take();
                    return Err(Ended);
                }
                Step::Events => {
                    self.begin("text/event-stream").await?;
                    loop {
                        self.chunk("data: tick\n\n").await?;
                        self.wait(tokio::time::sleep(PAUSE)).await?;
                    }
                }
                Step::Upgrade => return self.upgrade(head).await,
                Step::Redirect(path) => {
                    let location = format!("location: http://{}{path}\r\n", head.host);
                    alive.take();
                    return self.all("302 Found", &location, "").await;
                }
            }
        }
        alive.take();
        if sent == Sent::Headers {
            // The rest of the body, and its end.
            return self.write("2\r\nok\r\n0\r\n\r\n").await;
        }
        self.all("200 OK", "", "ok").await
    }

    /// Waits for something, or until the other side is gone.
    async fn wait(&self, what: impl Future<Output = ()>) -> Result<(), Ended> {
        tokio::select! {
            () = what => Ok(()),
            () = self.gone() => Err(Ended),
        }
    }

    /// Comes back when the other side is gone. It has nothing to say before it is answered.
    async fn gone(&self) {
        loop {
            if self.stream.readable().await.is_err() {
                return;
            }
            match self.stream.try_read(&mut [0; 64]) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    async fn upgrade(&mut self, head: &Head) -> Result<(), Ended> {
        // A test's client does not check the key.
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {}\r\n\r\n",
            head.key
        );
        self.write(&answer).await?;
        loop {
            let bytes = std::mem::take(&mut self.read);
            self.stream.write_all(&bytes).await.map_err(|_| Ended)?;
            self.more().await.map_err(|_| Ended)?;
        }
    }

    async fn begin(&mut self, content: &str) -> Result<(), Ended> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        self.write(&head).await?;
        self.chunk("begun ").await
    }

    async fn chunk(&mut self, text: &str) -> Result<(), Ended> {
        self.write(&format!("{:x}\r\n{text}\r\n", text.len())).await
    }

    /// A whole answer.
    async fn all(&mut self, status: &str, header: &str, body: &str) -> Result<(), Ended> {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\n{header}content-length: {length}\r\n\r\n{body}");
        self.write(&answer).await
    }

    async fn write(&mut self, text: &str) -> Result<(), Ended> {
        let written = self.stream.write_all(text.as_bytes()).await;
        written.map_err(|_| Ended)
    }
}

// === impl Head ===

impl Head {
    /// A request's head, once it has come.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let status = request.parse(bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(length) = status else {
            return Ok(None);
        };
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
            found
                .map(|header| String::from_utf8_lossy(header.value).into_owned())
                .unwrap_or_default()
        };
        Ok(Some(Self {
            target: request.path.unwrap_or_default().to_owned(),
            host: header("host"),
            key: header("sec-websocket-key"),
            body: header("content-length").parse().unwrap_or_default(),
            length,
        }))
    }
}
