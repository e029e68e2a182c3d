//! Absolute URIs, as far as a request needs them.

/// An absolute `http` or `https` URI, in the pieces that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

// === impl Uri ===

impl Uri {
    /// Splits an absolute URI (RFC 3986 §3) without user information and fragment.
    ///
    /// ```
    /// # use tollgate_policy::uri::Uri;
    /// let uri = Uri::parse("https://id.example.com/oauth/v2/keys").unwrap();
    /// assert_eq!(uri.authority, "id.example.com");
    /// assert_eq!(uri.path, "/oauth/v2/keys");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['#', '@', '\\']) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let authority_ends = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(authority_ends)?;
        let path = match path {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        (matches!(scheme, "http" | "https") && !authority.is_empty()).then(|| Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        let uri = |scheme: &str, authority: &str, path: &str| {
            Some(Uri {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                path: path.to_owned(),
            })
        };
        for (text, expected) in [
            ("http://keys", uri("http", "keys", "/")),
            ("http://keys:8080/a?b=c", uri("http", "keys:8080", "/a?b=c")),
            ("https://[::1]:1/a", uri("https", "[::1]:1", "/a")),
            ("https://keys?a", uri("https", "keys", "/?a")),
            ("ftp://keys/a", None),
            ("keys/a", None),
            ("https:///a", None),
            ("https://user@keys/a", None),
            ("https://keys/a#b", None),
            ("https://keys/a\r\nb", None),
        ] {
            assert_eq!(Uri::parse(text), expected, "{text:?}");
        }
    }
}
