//! The request that is explained, as it is written behind `--`, and as Envoy shows it to the gate.

use std::ffi::OsString;
use std::time::Duration;

use tollgate_policy::request::Request;

use super::ExplainError;

/// A request to be explained.
#[derive(Clone, PartialEq, Eq)]
pub struct Asking {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its headers as Envoy has them: names in lower case, `authorization` once.
    pub headers: Vec<(String, String)>,
    /// When it was made, since the Unix epoch; none: it is not said.
    pub made: Option<Duration>,
}

/// Headers that Envoy makes something else of, or takes off: the gate never sees them.
const NOT_SEEN: [&str; 6] = [
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

// === impl Asking ===

impl Asking {
    /// A request without headers: a path, or a whole URL, whose host does not matter.
    ///
    /// # Errors
    ///
    /// Neither is one that HTTP can carry.
    pub fn new(method: &str, url: &str) -> Result<Self, ExplainError> {
        if !is_token(method) {
            return Err(wrong("its method is none; write GET, POST, …"));
        }
        if url.is_empty() || url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong(
                "its path has characters that no request line can have; escape them (%20)",
            ));
        }
        let is_http = |scheme: &str| {
            let known = ["http", "https", "ws", "wss"];
            known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        };
        let target = match url.split_once("://") {
            Some((scheme, rest)) if is_http(scheme) => {
                let rest = rest.split('#').next().unwrap_or_default();
                let path = rest.find(['/', '?']).and_then(|start| rest.get(start..));
                let path = path.unwrap_or("/");
                if path.starts_with('?') {
                    format!("/{path}")
                } else {
                    path.to_owned()
                }
            }
            _ if url.starts_with('/') => url.to_owned(),
            _ => {
                return Err(wrong("its path is none; it begins with / or with https://"));
            }
        };
        Ok(Self {
            method: method.to_owned(),
            target,
            headers: Vec::new(),
            made: None,
        })
    }

    /// Reads `METHOD PATH -H 'Name: value'…`, in any order, as curl's users write it.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write. Nothing of what was written is repeated: a word in a wrong place may be a secret.
    pub fn parse(words: &[OsString]) -> Result<Self, ExplainError> {
        let mut texts = words.iter().enumerate().map(|(place, word)| {
            word.to_str()
                .ok_or_else(|| wrong(&format!("word {} behind `--` is not UTF-8", place + 1)))
        });
        let (mut line, mut headers) = (Vec::new(), Vec::new());
        while let Some(word) = texts.next() {
            match word? {
                flag @ ("-H" | "--header") => {
                    let header = texts.next().ok_or_else(|| {
                        wrong(&format!("{flag} needs a header: {flag} 'Name: value'"))
                    })?;
                    headers.push(header?);
                }
                word if word.starts_with("--header=") => {
                    headers.push(word.trim_start_matches("--header="));
                }
                word if word.starts_with("-H") => headers.push(word.trim_start_matches("-H")),
                word if word.starts_with('-') => {
                    return Err(wrong(
                        "an unknown flag; behind `--` there is only METHOD PATH and -H 'Name: value'",
                    ));
                }
                word => line.push(word),
            }
        }
        let (method, path) = match line[..] {
            [method, path] => (method, path),
            [] | [_] => {
                return Err(wrong("write METHOD PATH, such as `-- GET /api/v1/agents`"));
            }
            _ => {
                return Err(wrong(
                    "a word too much beside METHOD and PATH; a header is -H 'Name: value', quoted",
                ));
            }
        };
        let mut asking = Self::new(method, path)?;
        for header in headers {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| wrong("a header without a colon; write -H 'Name: value', quoted"))?;
            asking.add(name, value)?;
        }
        Ok(asking)
    }

    /// Adds a header as a client sends it.
    ///
    /// # Errors
    ///
    /// HTTP cannot carry it.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), ExplainError> {
        if !is_token(name) {
            return Err(wrong("a header's name is none; write -H 'Name: value'"));
        }
        let name = name.to_ascii_lowercase();
        let value = value.trim_matches([' ', '\t']);
        if value
            .bytes()
            .any(|byte| byte.is_ascii_control() && byte != b'\t')
        {
            return Err(wrong(
                "a header's value has control characters, which Envoy refuses",
            ));
        }
        let is_upgrade = || value.to_ascii_lowercase().contains("upgrade");
        if NOT_SEEN.contains(&name.as_str()) || (name == "connection" && !is_upgrade()) {
            return Ok(());
        }
        // As Envoy's header map does it.
        if name == "authorization"
            && let Some((_, first)) = self.headers.iter_mut().find(|(known, _)| *known == name)
        {
            first.push(',');
            first.push_str(value);
            return Ok(());
        }
        self.headers.push((name, value.to_owned()));
        Ok(())
    }

    /// As the decision reads it.
    pub fn request(&self, account_header: &str) -> Request<'_> {
        let pseudo = [
            (":method", self.method.as_str()),
            (":path", self.target.as_str()),
        ];
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = pseudo.into_iter().chain(headers);
        let bytes = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Request::read(bytes, account_header)
    }

    /// All values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.iter();
        let named = headers.filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The path without the query, in which some clients send credentials too.
    pub fn path(&self) -> String {
        shown_path(&self.target)
    }
}

/// A target with `?…` for its query, and `#…` for a fragment, which none should have.
pub fn shown_path(target: &str) -> String {
    match target.find(['?', '#']) {
        None => target.to_owned(),
        Some(end) => {
            let (path, rest) = target.split_at(end);
            let mark = rest.get(..1).unwrap_or_default();
            format!("{path}{mark}…")
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

fn wrong(why: &str) -> ExplainError {
    ExplainError::new(format!("the request: {why}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn parse(words: &[&str]) -> Result<Asking, ExplainError> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        Asking::parse(&words)
    }

    #[test]
    fn requests_are_read_as_envoy_shows_them() {
        let asking = parse(&[
            "GET",
            "https://api.example.com/a?b#c",
            "-H",
            "X-Account-ID: acme ",
            "-HX-Admin:true",
            "--header=Host: x",
            "--header",
            "Authorization: Bearer a",
            "-H",
            "authorization: Bearer b",
            "-H",
            "Connection: keep-alive",
            "-H",
            "X-Account-ID: acme",
        ])
        .unwrap();
        assert_eq!(
            (asking.method.as_str(), asking.target.as_str()),
            ("GET", "/a?b")
        );
        let expected = [
            ("x-account-id", "acme"),
            ("x-admin", "true"),
            ("authorization", "Bearer a,Bearer b"),
            ("x-account-id", "acme"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(asking.headers, expected);
        assert_eq!(asking.path(), "/a?…");
        for (url, expected) in [("https://x", "/"), ("http://x?a", "/?a"), ("//a", "//a")] {
            assert_eq!(parse(&["GET", url]).unwrap().target, expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_no_value_repeated() {
        for (words, expected) in [
            (&[] as &[&str], "write METHOD PATH"),
            (&["GET"], "write METHOD PATH"),
            (&["G T", "/"], "its method is none"),
            (&["GET", "api"], "begins with /"),
            (&["GET", "/a b"], "escape them"),
            (&["GET", "/", "-H"], "-H needs a header"),
            (
                &["GET", "/", "-H", "Authorization Bearer hunter2"],
                "without a colon",
            ),
            (&["GET", "/", "-H", ": hunter2"], "a header's name is none"),
            (&["GET", "/", "-H", "a: hunter2\n"], "control characters"),
            (&["GET", "/", "--data=hunter2"], "unknown flag;"),
            (&["GET", "/", "hunter2"], "a word too much"),
        ] {
            let error = parse(words).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(expected), "{words:?}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let words = [OsString::from("GET"), OsString::from_vec(vec![b'/', 0xff])];
        let error = Asking::parse(&words).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("word 2 behind `--` is not UTF-8"), "{error}");
    }
}
