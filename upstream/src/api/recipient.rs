//! Whoever waits for the answer to a request, and how long they have to.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::problem::Problem;

/// How long a request may take, reading its body included.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The client, who may have hung up, or been told that it took too long.
pub(super) struct Recipient(Weak<()>);

/// Axum middleware: handles the request in a task of its own, to its end, also when nobody waits for the answer any more.
/// A statement that is cut off runs on in PostgreSQL, and the next user of its connection would wait for it.
pub(super) async fn handle(mut request: Request, next: Next) -> Response {
    let waiting = Arc::new(());
    request.extensions_mut().insert(Arc::downgrade(&waiting));
    let handled = tokio::spawn(next.run(request));
    match timeout(TIME_LIMIT, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request was cut off");
            Problem::internal().into_response()
        }
        Err(_) => Problem::unavailable("timeout", "the request took too long", 1).into_response(),
    }
}

// === impl Recipient ===

impl Recipient {
    pub(super) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl<S: Sync> FromRequestParts<S> for Recipient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let waiting = parts.extensions.get::<Weak<()>>().cloned();
        Ok(Self(waiting.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use futures_util::FutureExt;
    use tokio::sync::{mpsc, oneshot};
    use tower::ServiceExt;

    use super::*;

    fn request() -> Request {
        Request::get("/").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn who_hangs_up_cuts_nothing_off() {
        let (begun, mut has_begun) = mpsc::unbounded_channel();
        let handler = async move |recipient: Recipient| {
            let (go_on, wait) = oneshot::channel();
            let (ended, end) = oneshot::channel();
            begun.send((go_on, end)).unwrap();
            let _: Result<(), _> = wait.await;
            ended.send(recipient.is_gone()).unwrap();
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(from_fn(handle));

        let mut waiting = app.clone().oneshot(request());
        assert!((&mut waiting).now_or_never().is_none());
        let (go_on, end) = has_begun.recv().await.unwrap();
        drop(waiting);
        go_on.send(()).unwrap();
        assert_eq!(end.await, Ok(true), "it went on, for nobody");

        let waiting = tokio::spawn(app.oneshot(request()));
        let (go_on, end) = has_begun.recv().await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(end.await, Ok(false));
        assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_so() {
        let (ended, end) = oneshot::channel();
        let ended = Arc::new(std::sync::Mutex::new(Some(ended)));
        let handler = async move |recipient: Recipient| {
            tokio::time::sleep(TIME_LIMIT * 2).await;
            let ended = ended.lock().unwrap().take().unwrap();
            ended.send(recipient.is_gone()).unwrap();
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(from_fn(handle));
        let answer = app.oneshot(request()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(end.await, Ok(true));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let handler = async || -> StatusCode { panic!("as it may") };
        let app = Router::new()
            .route("/", get(handler))
            .layer(from_fn(handle));
        let answer = app.oneshot(request()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
