//! The one answer that an arm is to give, told by comparing bytes: the load must not be slower than Envoy.

use axum::http::StatusCode;

/// An answer of Envoy's, all of it, is far shorter.
const LONGEST: usize = 4096;

/// The member of a refusal that differs from second to second.
const RETRY: &str = "\"retry_after\":";

/// What every answer must be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The first line, without its end.
    pub line: String,
    /// The body, up to the number that differs, if one does.
    body: String,
    /// What comes behind the number.
    rest: Option<String>,
}

// === impl Expected ===

impl Expected {
    /// With the status line that Envoy writes, and the body of the first such answer.
    pub(super) fn new(status: u16, body: &str) -> Self {
        let reason = StatusCode::from_u16(status).ok();
        let reason = reason.and_then(|status| status.canonical_reason());
        let (body, rest) = match body.split_once(RETRY) {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
                (format!("{before}{RETRY}"), Some(rest.to_owned()))
            }
            None => (body.to_owned(), None),
        };
        Self {
            line: format!("HTTP/1.1 {status} {}", reason.unwrap_or_default()),
            body,
            rest,
        }
    }

    /// Whether this is such an answer, to its end.
    pub(super) fn is_whole(&self, answer: &[u8]) -> bool {
        let head = answer.strip_prefix(self.line.as_bytes());
        let head = head.and_then(|head| self.without_body(head));
        head.is_some_and(|head| head.starts_with(b"\r\n") && head.ends_with(b"\r\n\r\n"))
    }

    /// Whether this may be the beginning of one.
    pub(super) fn may_become(&self, answer: &[u8]) -> bool {
        let line = self.line.as_bytes();
        (answer.starts_with(line) || line.starts_with(answer)) && answer.len() <= LONGEST
    }

    fn without_body<'a>(&self, answer: &'a [u8]) -> Option<&'a [u8]> {
        let Some(rest) = &self.rest else {
            return answer.strip_suffix(self.body.as_bytes());
        };
        let mut before = answer.strip_suffix(rest.as_bytes())?;
        while let [shorter @ .., b'0'..=b'9'] = before {
            before = shorter;
        }
        before.strip_suffix(self.body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_compared_to_its_end() {
        let expected = Expected::new(200, "welcome\n");
        let whole = "HTTP/1.1 200 OK\r\nserver: envoy\r\n\r\nwelcome\n";
        assert!(expected.is_whole(whole.as_bytes()));
        for end in 0..whole.len() {
            let part = whole.get(..end).unwrap().as_bytes();
            assert!(
                !expected.is_whole(part) && expected.may_become(part),
                "{end}"
            );
        }
        for other in [
            "HTTP/1.1 200 Okay\r\n\r\nwelcome\n",
            "HTTP/1.1 200 OK\r\n\r\nunwelcome\n",
        ] {
            assert!(!expected.is_whole(other.as_bytes()), "{other}");
        }
        assert!(!expected.may_become(b"HTTP/1.1 403 Forbidden\r\n"));
    }

    #[test]
    fn when_to_come_again_may_differ() {
        let expected = Expected::new(429, r#"{"code":"c","retry_after":60,"cap":"x"}"#);
        let answer = |body: &str| format!("HTTP/1.1 429 Too Many Requests\r\n\r\n{body}");
        for (body, is_right) in [
            (r#"{"code":"c","retry_after":9,"cap":"x"}"#, true),
            (r#"{"code":"c","retry_after":60,"cap":"x"}"#, true),
            (r#"{"code":"d","retry_after":60,"cap":"x"}"#, false),
            (r#"{"code":"c","retry_after":60,"cap":"y"}"#, false),
            (r#"{"code":"c","retry_after":-1,"cap":"x"}"#, false),
        ] {
            assert_eq!(
                expected.is_whole(answer(body).as_bytes()),
                is_right,
                "{body}"
            );
        }
    }
}
