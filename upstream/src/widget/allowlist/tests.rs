use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

fn list(entries: &[&str]) -> Result<Allowlist, EntryError> {
    let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    Allowlist::parse(&entries)
}

fn allows(entries: &[&str], origin: &str) -> bool {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_bytes(origin.as_bytes()).unwrap();
    headers.insert(ORIGIN, value);
    let list = list(entries).unwrap();
    PageOrigin::of_request(&headers).is_some_and(|page| list.allows(&page))
}

/// An entry, what it allows, and what it does not.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const CASES: [Case; 12] = [
    (
        "acme.com",
        &["https://acme.com", "HTTPS://ACME.COM"],
        &[
            "http://acme.com",
            "https://acme.com:8443",
            "https://www.acme.com",
            "https://evilacme.com",
            "https://acme.com.evil.com",
            "https://acme.com@evil.com",
            "https://acme.com.",
            "https://acme.co",
            "https://com",
            "null",
            "",
        ],
    ),
    (
        "*.acme.com",
        &[
            "https://www.acme.com",
            "https://a.b.acme.com",
            "https://_x.acme.com",
        ],
        &[
            "https://acme.com",
            "https://.acme.com",
            "https://evilacme.com",
            "https://www.acme.com.evil.com",
            "https://www.acme.com.",
            "http://www.acme.com",
            "https://www.acme.com:8443",
            "https://a..acme.com",
            "https://*.acme.com",
        ],
    ),
    (
        "https://acme.com",
        &["https://acme.com"],
        &[
            "http://acme.com",
            "https://acme.com:8443",
            "https://www.acme.com",
        ],
    ),
    (
        "https://acme.com:443",
        &["https://acme.com"],
        &["https://acme.com:8443", "http://acme.com:443"],
    ),
    (
        "https://acme.com:8443",
        &["https://acme.com:8443"],
        &[
            "https://acme.com",
            "http://acme.com:8443",
            "https://acme.com:84",
        ],
    ),
    (
        "http://acme.com",
        &["http://acme.com"],
        &["https://acme.com"],
    ),
    (
        "localhost:*",
        &[
            "http://localhost",
            "http://localhost:3000",
            "https://localhost:3000",
        ],
        &[
            "http://127.0.0.1:3000",
            "http://a.localhost",
            "http://localhost.evil.com",
        ],
    ),
    (
        "localhost:3000",
        &["http://localhost:3000", "https://localhost:3000"],
        &["http://localhost", "http://localhost:3001"],
    ),
    (
        "localhost",
        &["http://localhost", "https://localhost"],
        &["http://localhost:3000", "http://localhost:443"],
    ),
    (
        "[::1]:*",
        &["http://[::1]:3000"],
        &["http://[::2]:3000", "http://localhost:3000"],
    ),
    (
        "Bücher.de",
        &["https://xn--bcher-kva.de", "https://XN--bcher-KVA.de"],
        &["https://bucher.de"],
    ),
    (
        "10.0.0.1",
        &["https://10.0.0.1"],
        &["http://10.0.0.1", "https://10.0.0.10", "https://110.0.0.1"],
    ),
];

#[test]
fn each_entry_allows_what_it_says_and_no_more() {
    for (entry, allowed, refused) in CASES {
        for origin in allowed {
            assert!(allows(&[entry], origin), "{entry} and {origin}");
        }
        for origin in refused {
            assert!(!allows(&[entry], origin), "{entry} and {origin}");
        }
    }
}

#[test]
fn any_entry_will_do_and_none_blocks() {
    let both = ["acme.com", "*.acme.com"];
    assert!(allows(&both, "https://acme.com"));
    assert!(allows(&both, "https://www.acme.com"));
    assert!(!allows(&[], "https://acme.com"));
}

#[test]
fn what_is_no_entry_is_told_by_name() {
    let long = "a".repeat(300);
    for entry in [
        "",
        "*",
        "*.com",
        "*.",
        "*.*.acme.com",
        "w*.acme.com",
        "*acme.com",
        "*.10.0.0.1",
        "*.acme.com:*",
        "*.acme.com:8443",
        "acme.com:*",
        "acme.com:8443",
        "acme.com/",
        "acme.com/a",
        "acme.com.",
        ".acme.com",
        "a..acme.com",
        " acme.com",
        "acme.com ",
        "ac me.com",
        "acme%2ecom",
        "user@acme.com",
        "acme.com?a",
        "acme.com,evil.com",
        "null",
        "//acme.com",
        "https://",
        "https://acme.com/",
        "https://*.acme.com",
        "https://user@acme.com",
        "https://acme.com:*",
        "https://acme.com:0",
        "https://acme.com:",
        "https://acme.com:+1",
        "https://acme.com:99999",
        "https://acme.com\\",
        "ftp://acme.com",
        "javascript://acme.com",
        "localhost:0",
        "localhost:http",
        "localhost:",
        "0x7f.1",
        "127.1",
        "[::1",
        "::1",
        &long,
    ] {
        if entry == "null" {
            // A name like any other: it allows the host, and never the opaque origin of that name.
            assert!(!allows(&[entry], "null"));
            continue;
        }
        let error = list(&["acme.com", entry]).unwrap_err().to_string();
        assert!(
            error.starts_with("domain_allowlist[1]: "),
            "{entry:?}: {error}"
        );
    }
    let many = vec!["acme.com"; MOST + 1];
    assert!(list(&many).is_err());
    assert!(list(&many[1..]).is_ok());
}

const NAME: &str = "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9]{0,8}){1,3}";

proptest! {
    #[test]
    fn a_name_allows_itself(name in NAME, other in "[a-z]{1,9}") {
        let entry = [name.as_str()];
        let allows = |page: String| allows(&entry, &page);
        prop_assert!(allows(["https://", &name].concat()));
        for page in [
            format!("http://{name}"),
            format!("https://{other}{name}"),
            format!("https://{other}.{name}"),
            format!("https://{name}{other}"),
            format!("https://{name}.{other}"),
            format!("https://{name}@{other}"),
            format!("https://{other}/{name}"),
            format!("https://{name}:8443"),
        ] {
            prop_assert!(!allows(page.clone()), "{page}");
        }
    }

    #[test]
    fn a_wildcard_allows_what_is_below(name in NAME, other in NAME) {
        let entry = format!("*.{name}");
        let entry = [entry.as_str()];
        let allows = |page: String| allows(&entry, &page);
        prop_assert!(allows(["https://", &other, ".", &name].concat()));
        for page in [
            format!("https://{name}"),
            format!("https://{other}{name}"),
            format!("https://{other}.{name}.evil"),
            format!("http://{other}.{name}"),
            format!("https://{other}.{name}:1"),
        ] {
            prop_assert!(!allows(page.clone()), "{page}");
        }
    }

    #[test]
    fn anything_can_be_read(entry: String, origin in "[ -~]{0,40}") {
        if let Ok(list) = Allowlist::parse(&[entry]) {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, origin.parse().unwrap());
            let _ = PageOrigin::of_request(&headers).map(|page| list.allows(&page));
        }
    }

    /// Whatever the entry, a page by `http` is allowed only where the entry says so, or it is this machine.
    #[test]
    fn nothing_allows_http_by_the_way(entry in "(https?://)?(\\*\\.)?[a-zA-Z0-9._:\\[\\]*-]{1,20}", page in NAME) {
        let Ok(list) = Allowlist::parse(std::slice::from_ref(&entry)) else {
            return Ok(());
        };
        let url: Url = format!("http://{page}").parse().unwrap();
        let page = PageOrigin::of_url(&url).unwrap();
        prop_assert!(!list.allows(&page) || entry.starts_with("http://"));
    }
}
