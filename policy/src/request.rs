//! What the decision needs to know of a request, read in one pass over its headers.

use std::fmt;

use crate::identity;

/// A request as the gate sees it: borrowed from the host's copy of the header map.
#[derive(Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`, with the query; empty where there is none.
    pub target: &'a [u8],
    /// The account header.
    pub account: Field<'a>,
    /// `authorization`.
    pub authorization: Field<'a>,
    /// `x-admin`.
    pub admin: Field<'a>,
    /// Names of headers, as sent, that only the gate may set (step 2).
    pub forged: Vec<&'a [u8]>,
    origin: bool,
    requested_method: bool,
    grpc: bool,
}

/// A header that may be sent once.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<'a> {
    /// Not sent.
    #[default]
    Missing,
    /// Sent once, with this value.
    One(&'a [u8]),
    /// Sent more than once, equal or not.
    Many,
}

// === impl Request ===

impl<'a> Request<'a> {
    /// Reads the headers: names in lower case (as Envoy has them), pseudo-headers included.
    pub fn read(
        headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        account_header: &str,
    ) -> Self {
        let mut request = Self::default();
        for (name, value) in headers {
            match name {
                b":method" => request.method = value,
                b":path" => request.target = value,
                b"authorization" => request.authorization.add(value),
                b"origin" => request.origin = true,
                b"access-control-request-method" => request.requested_method = true,
                b"content-type" => request.grpc = is_grpc(value),
                _ if identity::is_reserved(name, account_header) => {
                    if name == account_header.as_bytes() {
                        request.account.add(value);
                    } else if name == identity::ADMIN_HEADER.as_bytes() {
                        request.admin.add(value);
                    }
                    request.forged.push(name);
                }
                _ => {}
            }
        }
        request
    }

    /// A CORS preflight (Fetch standard, "CORS-preflight fetch"), which never carries credentials.
    pub fn is_preflight(&self) -> bool {
        self.method == b"OPTIONS" && self.origin && self.requested_method
    }

    /// Whether a refusal must have the form that gRPC clients read.
    pub fn is_grpc(&self) -> bool {
        self.grpc
    }
}

impl fmt::Debug for Request<'_> {
    /// Without the query, in which some clients send credentials too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split(|byte| *byte == b'?').next();
        f.debug_struct("Request")
            .field("method", &self.method.escape_ascii().to_string())
            .field("path", &path.unwrap_or_default().escape_ascii().to_string())
            .field("account", &self.account)
            .field("authorization", &self.authorization)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

// === impl Field ===

impl fmt::Debug for Field<'_> {
    /// Without the value, which can be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::One(_) => "One(…)",
            Self::Many => "Many",
        })
    }
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Missing => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        };
    }
}

/// As Envoy's `Grpc::Common::isGrpcRequestHeaders`: `application/grpc` or with a `+suffix`.
fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest, [] | [b'+', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &[(&'a str, &'a str)]) -> Request<'a> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Request::read(headers, "x-account-id")
    }

    #[test]
    fn single_headers_are_told_from_repeated_ones() {
        let request = read(&[("x-account-id", "acme"), ("authorization", "Bearer a")]);
        assert_eq!(request.account, Field::One(b"acme"));
        assert_eq!(request.authorization, Field::One(b"Bearer a"));
        assert_eq!(request.admin, Field::Missing);

        let request = read(&[("x-account-id", "acme"), ("x-account-id", "acme")]);
        assert_eq!(request.account, Field::Many);
    }

    #[test]
    fn headers_of_the_gate_are_listed_in_any_spelling() {
        let request = read(&[("x_tollgate_subject", "root"), ("x-trace", "1")]);
        assert_eq!(request.forged, [b"x_tollgate_subject"]);
        assert_eq!(request.account, Field::Missing);
    }

    #[test]
    fn preflights() {
        let origin = ("origin", "https://acme.com");
        let method = ("access-control-request-method", "POST");
        assert!(read(&[(":method", "OPTIONS"), origin, method]).is_preflight());
        assert!(!read(&[(":method", "GET"), origin, method]).is_preflight());
        assert!(!read(&[(":method", "OPTIONS"), origin]).is_preflight());
        assert!(!read(&[(":method", "OPTIONS"), method]).is_preflight());
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(
                read(&[("content-type", value)]).is_grpc(),
                expected,
                "{value}"
            );
        }
    }
}
