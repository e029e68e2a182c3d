//! The gate itself, where it asks on its own behalf: by a credential that only the gate has.

use std::fmt;
use std::ops::BitOr;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::problem::Problem;
use crate::secrets::Secret;

const CHALLENGE: &str = "Bearer realm=\"tollgate\"";

/// What `Authorization` must be: one value, or one of two while the credential is rotated. Compared in constant time, and
/// never shown.
#[derive(Clone)]
pub(crate) struct GateCredential(Vec<Zeroizing<Vec<u8>>>);

// === impl GateCredential ===

impl GateCredential {
    /// As the gate sends it: a value with a space has its scheme already, any other is a bearer's. None for what no
    /// header can carry. The gate sends it without white space around it.
    pub(crate) fn new(secret: &Secret) -> Option<Self> {
        let secret = secret.reveal();
        if !secret.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return None;
        }
        let scheme: &[u8] = if secret.contains(&b' ') {
            b""
        } else {
            b"Bearer "
        };
        Some(Self(vec![Zeroizing::new([scheme, secret].concat())]))
    }

    /// The other one will do as well.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn is_shown_by(&self, request: &Request) -> bool {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => {
                let compared = self.0.iter().map(|good| value.as_bytes().ct_eq(good));
                compared.fold(Choice::from(0), BitOr::bitor).into()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for GateCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateCredential(…)")
    }
}

/// Axum middleware: 401 to whoever is not the gate, before the body is read.
pub(crate) async fn only_the_gate(
    State(credential): State<GateCredential>,
    request: Request,
    next: Next,
) -> Response {
    if credential.is_shown_by(&request) {
        return next.run(request).await;
    }
    Problem::unauthorized(
        "gate_credential_invalid",
        "this is for the gate alone: send its credential as `Authorization: Bearer …`",
        CHALLENGE,
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_one_header_is_the_credential() {
        let secret = Secret::of_test(b'x');
        let credential = GateCredential::new(&secret).unwrap();
        let good = format!("Bearer {}", "x".repeat(32));
        let table: [(&[&str], bool); 8] = [
            (&[&good], true),
            (&[], false),
            (&[""], false),
            (&[&good[7..]], false),
            (&[&good[..38]], false),
            (&[&format!("{good}x")], false),
            (&[&good.replace("Bearer", "Basic")], false),
            (&[&good, &good], false),
        ];
        for (values, expected) in table {
            let mut request = Request::get("/");
            for value in values {
                request = request.header(AUTHORIZATION, *value);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(credential.is_shown_by(&request), expected, "{values:?}");
        }
    }
}
