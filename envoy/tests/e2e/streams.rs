//! HTTP/2: several requests at once on one connection, and so on one worker.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{Request, Response};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tollgate_envoy::client::Origin;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// A connection. Dropping it, and all its streams, closes it.
pub struct Streams {
    to: Origin,
    sender: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

/// A request under way. Dropping it resets it.
pub struct Stream {
    response: ResponseFuture,
    sender: SendStream<Bytes>,
}

impl Streams {
    pub fn connect(to: Origin) -> Self {
        RUNTIME.block_on(async {
            let stream = TcpStream::connect(to.address()).await.unwrap();
            let (sender, connection) = h2::client::handshake(stream).await.unwrap();
            // It ends when both sides have nothing more to say.
            let driver = tokio::spawn(connection);
            Self { to, sender, driver }
        })
    }

    /// Closes it, with all its streams.
    pub fn close(self) {
        self.driver.abort();
    }

    /// Begins `GET path` with these headers.
    pub fn begin(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let uri = format!("http://{}{path}", self.to.address());
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = RUNTIME.block_on(self.sender.clone().ready()).unwrap();
        let (response, sender) = sender
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        Stream { response, sender }
    }
}

impl Stream {
    /// Waits for the headers.
    pub fn response(self) -> Result<Response<RecvStream>, h2::Error> {
        RUNTIME.block_on(self.response)
    }

    /// Resets it (RFC 9113 §6.4), as a client does that has changed its mind.
    pub fn reset(mut self) {
        self.sender.send_reset(Reason::CANCEL);
    }
}
