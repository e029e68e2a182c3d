//! The page that a request comes from: as the browser says, which a page's script cannot change.

use axum::http::HeaderMap;
use axum::http::header::{ORIGIN, REFERER};
use url::{Host, Url};

/// An origin (RFC 6454 §4) of the web: `http` or `https`, a host, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageOrigin {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

// === impl PageOrigin ===

impl PageOrigin {
    /// The `Origin` header's, or where there is none, the `Referer`'s. None where neither is one page's: `null`, more
    /// than one, or not as browsers write it.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let mut referers = headers.get_all(REFERER).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => Self::read(origin.to_str().ok()?, str::is_empty),
            (Some(_), Some(_)) => None,
            (None, _) => match (referers.next(), referers.next()) {
                (Some(referer), None) => Self::read(referer.to_str().ok()?, |after| {
                    after.is_empty() || after.starts_with('/')
                }),
                _ => None,
            },
        }
    }

    /// Reads what begins with an origin in the form in which browsers serialize it, but for the case of letters: what
    /// could be read as another host by somebody else (userinfo, `\`, an escape, a port that is not needed) is none.
    fn read(text: &str, is_rest: impl Fn(&str) -> bool) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let serialized = url.origin().ascii_serialization();
        let (before, after) = text.split_at_checked(serialized.len())?;
        if !before.eq_ignore_ascii_case(&serialized) || !is_rest(after) {
            return None;
        }
        Self::of_url(&url)
    }

    pub(super) fn of_url(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Some(Self {
            scheme,
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    pub(super) fn has_default_port(&self) -> bool {
        self.port
            == match self.scheme {
                Scheme::Http => 80,
                Scheme::Https => 443,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    /// The origin that is found, in its parts.
    fn found(headers: Headers) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            map.append(
                name,
                axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        PageOrigin::of_request(&map)
            .map(|origin| format!("{:?} {} {}", origin.scheme, origin.host, origin.port))
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let table = [
            ("https://acme.com", Some("Https acme.com 443")),
            ("http://acme.com", Some("Http acme.com 80")),
            ("https://acme.com:8443", Some("Https acme.com 8443")),
            ("HTTPS://ACME.com", Some("Https acme.com 443")),
            (
                "https://xn--bcher-kva.de",
                Some("Https xn--bcher-kva.de 443"),
            ),
            ("http://[::1]:3000", Some("Http [::1] 3000")),
            ("https://10.0.0.1", Some("Https 10.0.0.1 443")),
            ("https://acme.com.", Some("Https acme.com. 443")),
            ("null", None),
            ("", None),
            ("acme.com", None),
            ("https:acme.com", None),
            ("https:/acme.com", None),
            ("https:\\\\acme.com", None),
            ("https://acme.com/", None),
            ("https://acme.com/a", None),
            ("https://acme.com?a", None),
            ("https://acme.com#a", None),
            ("https://acme.com:443", None),
            ("https://acme.com:", None),
            ("https://acme.com:0x50", None),
            ("https://acme.com@evil.com", None),
            ("https://acme.com:x@evil.com", None),
            ("https://evil.com\\.acme.com", None),
            ("https://acme%2ecom", None),
            ("https://b\u{fc}cher.de", None),
            ("https://0x7f.1", None),
            ("https://acme.com https://acme.com", None),
            ("https://acme.com, https://acme.com", None),
            (" https://acme.com", None),
            ("https://ac\tme.com", None),
            ("ftp://acme.com", None),
            ("file://", None),
            ("data:text/html,a", None),
            ("blob:https://acme.com/1", None),
            ("chrome-extension://abc", None),
        ];
        for (origin, expected) in table {
            assert_eq!(
                found(&[("origin", origin)]).as_deref(),
                expected,
                "{origin:?}"
            );
        }
    }

    #[test]
    fn a_referer_stands_in_for_an_origin_that_is_not_there() {
        let acme = Some("Https acme.com 443");
        let table: [(Headers, Option<&str>); 11] = [
            (&[("referer", "https://acme.com/")], acme),
            (
                &[("referer", "https://acme.com/a?b=https://evil.com")],
                acme,
            ),
            (&[("referer", "https://acme.com")], acme),
            (&[("referer", "https://acme.com@evil.com/")], None),
            (&[("referer", "https://acme.com:443/")], None),
            (&[("referer", "https://acme.com\\@evil.com/")], None),
            (&[("referer", "about:blank")], None),
            (
                &[
                    ("referer", "https://acme.com/"),
                    ("referer", "https://acme.com/"),
                ],
                None,
            ),
            (
                &[("origin", "null"), ("referer", "https://acme.com/")],
                None,
            ),
            (
                &[
                    ("origin", "https://acme.com"),
                    ("referer", "https://evil.com/"),
                ],
                acme,
            ),
            (
                &[
                    ("origin", "https://acme.com"),
                    ("origin", "https://acme.com"),
                ],
                None,
            ),
        ];
        for (headers, expected) in table {
            assert_eq!(found(headers).as_deref(), expected, "{headers:?}");
        }
        assert_eq!(found(&[]), None);
    }
}
