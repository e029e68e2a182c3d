//! Requests as clients send them, and as Envoy hands them on.

use crate::headers::Headers;

/// A request to be.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    sent: Vec<(String, Vec<u8>)>,
}

// === impl Request ===

impl Request {
    /// A request without headers.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            sent: Vec::new(),
        }
    }

    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// With one more header, whose value is any bytes.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.sent.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With an account header.
    #[must_use]
    pub fn account(self, account: &str) -> Self {
        self.header("X-Account-ID", account)
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// As Envoy's codec and header map leave it: pseudo-headers first, names in lower case, and two
    /// `Authorization` headers joined by a comma.
    pub(crate) fn into_headers(self) -> Headers {
        let mut headers = Headers::new();
        headers.add(b":authority", b"edge.example.com");
        headers.add(b":path", self.path.as_bytes());
        headers.add(b":method", self.method.as_bytes());
        headers.add(b":scheme", b"https");
        for (name, value) in self.sent {
            let name = name.to_ascii_lowercase();
            match headers.value(name.as_bytes()) {
                Some(first) if name == "authorization" => {
                    let joined = [first, b",", &value].concat();
                    headers.replace(name.as_bytes(), &joined);
                }
                _ => headers.add(name.as_bytes(), &value),
            }
        }
        headers
    }
}
