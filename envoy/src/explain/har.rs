//! Requests from an HTTP Archive (HAR 1.2), as browsers and proxies write it.

use serde::Deserialize;

use super::ExplainError;
use super::request::Asking;
use super::time;
use super::wrong::without_values;

/// A request of an archive.
pub struct Entry {
    /// Its place, from 1.
    pub number: usize,
    /// The request.
    pub asking: Asking,
    /// The status that was answered then.
    pub answered: Option<u32>,
}

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    started_date_time: Option<String>,
    request: Request,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
}

/// Requests of an archive.
#[derive(Default)]
pub struct Entries {
    /// Those over HTTP.
    pub entries: Vec<Entry>,
    /// Why some cannot be explained.
    pub odd: Vec<ExplainError>,
    /// The places of others, from 1: browsers also have `data:`, their extensions' files and more in it.
    pub skipped: Vec<String>,
}

/// Reads the entries of an archive: all, or the one with this number.
///
/// # Errors
///
/// It is no archive, has no such entry, or none that a request line can have.
pub fn read(file: &str, text: &str, only: Option<usize>) -> Result<Entries, ExplainError> {
    let wrong = |why: String| ExplainError::new(format!("{file}: {why}"));
    let archive: Archive = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| wrong(format!("not an HTTP Archive: {}", without_values(&error))))?;
    let entries = archive.log.entries;
    let count = entries.len();
    if let Some(only) = only
        && !(1..=count).contains(&only)
    {
        return Err(wrong(format!(
            "there is no entry {only}; there are {count}"
        )));
    }
    let numbered = (1..).zip(entries);
    let chosen = numbered.filter(|(number, _)| only.is_none_or(|only| only == *number));
    let mut read = Entries::default();
    for (number, written) in chosen {
        if is_other_scheme(&written.request.url) {
            read.skipped.push(number.to_string());
            continue;
        }
        match entry(number, written) {
            Ok(entry) => read.entries.push(entry),
            Err(error) => read.odd.push(wrong(format!("entry {number}: {error}"))),
        }
    }
    // Where there is no other, one says why there is nothing.
    match read.odd.pop() {
        Some(error) if read.entries.is_empty() => Err(error),
        last => {
            read.odd.extend(last);
            Ok(read)
        }
    }
}

/// Whether a URL has a scheme (RFC 3986 §3.1) that is not HTTP's.
fn is_other_scheme(url: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(fits)
        && !["http", "https", "ws", "wss"].contains(&&*scheme.to_ascii_lowercase())
}

fn entry(number: usize, written: Written) -> Result<Entry, ExplainError> {
    let Written {
        started_date_time,
        request,
        response,
    } = written;
    let mut asking = Asking::new(&request.method, &request.url)?;
    // HTTP/2's pseudo-headers say what method and URL say.
    for header in request
        .headers
        .iter()
        .filter(|header| !header.name.starts_with(':'))
    {
        asking.add(&header.name, &header.value)?;
    }
    asking.made = started_date_time.as_deref().and_then(time::instant);
    Ok(Entry {
        number,
        asking,
        answered: response
            .and_then(|response| u32::try_from(response.status).ok())
            .filter(|status| *status != 0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn archive() -> String {
        let entry = |url: &str| {
            json!({
                "startedDateTime": "2026-11-23T12:00:00.000+01:00",
                "request": {"method": "GET", "url": url, "headers": [
                    {"name": ":authority", "value": "x"}, {"name": "X-Account-ID", "value": "acme"},
                ]},
                "response": {"status": 401},
            })
        };
        json!({"log": {"entries": [entry("https://x/a"), entry("https://x/b?c")]}}).to_string()
    }

    #[test]
    fn entries_are_read() {
        let entries = read("a.har", &archive(), None).unwrap().entries;
        let targets: Vec<_> = entries
            .iter()
            .map(|entry| entry.asking.target.as_str())
            .collect();
        assert_eq!(targets, ["/a", "/b?c"]);
        let second = &read("a.har", &archive(), Some(2)).unwrap().entries[0];
        assert_eq!((second.number, second.answered), (2, Some(401)));
        assert_eq!(
            second.asking.headers,
            [("x-account-id".to_owned(), "acme".to_owned())]
        );
        assert_eq!(second.asking.made.unwrap().as_secs(), 1_795_431_600);
    }

    #[test]
    fn what_is_not_http_is_skipped() {
        let entry = |url: &str| json!({"request": {"method": "GET", "url": url, "headers": []}, "response": {"status": -1}});
        let urls = [
            "wss://x/a?t=S",
            "data:text/css,a",
            "Blob:https://x/1",
            "chrome-extension://x/a",
        ];
        let archive = json!({"log": {"entries": urls.map(entry)}}).to_string();
        let read = read("a.har", &archive, None).unwrap();
        assert_eq!(read.skipped, ["2", "3", "4"]);
        assert_eq!(read.entries[0].asking.target, "/a?t=S");
        assert_eq!(read.entries[0].answered, None);
    }

    #[test]
    fn what_is_odd_does_not_hide_the_others() {
        let entry = |url: &str| json!({"request": {"method": "GET", "url": url, "headers": []}});
        let entries = ["HTTPS://x/a", "/b c", "https://x#/f?g"].map(entry);
        let archive = json!({"log": {"entries": entries}}).to_string();
        let entries = read("a.har", &archive, None).unwrap();
        let targets = entries.entries.iter().map(|entry| &*entry.asking.target);
        assert_eq!(targets.collect::<Vec<_>>(), ["/a", "/"]);
        let [error] = &entries.odd[..] else {
            panic!("not one that is odd")
        };
        assert!(error.to_string().starts_with("a.har: entry 2: "), "{error}");
        assert!(read("a.har", &archive, Some(2)).is_err());
    }

    #[test]
    fn what_is_none_is_said() {
        for (text, only, expected) in [
            (
                "{}",
                None,
                "a.har: not an HTTP Archive: line 1, column 2: missing field `log`",
            ),
            ("<html>", None, "not an HTTP Archive"),
            (
                archive().as_str(),
                Some(3),
                "there is no entry 3; there are 2",
            ),
            (archive().as_str(), Some(0), "there is no entry 0"),
            (
                r#"{"log":{"entries":[{"request":{"method":"G T","url":"/","headers":[]}}]}}"#,
                None,
                "a.har: entry 1: the request: its method is none",
            ),
        ] {
            let error = read("a.har", text, only)
                .map(|_| ())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
