//! A path that is accepted has one reading, whoever reads it.
//!
//! Input: a request target.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};
use tollgate_policy::path::Path;
use url::Url;

/// See the module.
pub fn check(target: &[u8]) {
    let Ok(path) = Path::parse(target) else {
        assert!(!is_plain(target), "{}", target.escape_ascii());
        return;
    };
    let segments: Vec<&[u8]> = path.segments().collect();
    let raw = target.split(|byte| *byte == b'?').next().unwrap();

    // Whoever decodes the whole path and then splits it, and whoever splits first, reads the same.
    let decoded: Vec<u8> = percent_decode(raw).collect();
    assert_eq!(split(&decoded), segments);
    let split_first: Vec<Vec<u8>> = split(raw)
        .iter()
        .map(|segment| percent_decode(segment).collect())
        .collect();
    assert_eq!(split_first, segments);
    // And whoever decodes a second time.
    let twice: Vec<u8> = percent_decode(&decoded).collect();
    assert_eq!(twice, decoded);

    for segment in &segments {
        let text = str::from_utf8(segment).expect("UTF-8");
        assert!(!matches!(text, "" | "." | ".."));
        assert!(!text.contains(['/', '\\', ';', '\0']));
        assert!(!text.bytes().any(|byte| byte.is_ascii_control()));
    }

    // A browser's reader (WHATWG URL), which folds dot segments and backslashes.
    let text = str::from_utf8(target).expect("ASCII");
    let url = Url::parse(&format!("http://host{text}")).expect("a URL");
    assert_eq!(url.host_str(), Some("host"));
    let theirs: Vec<Vec<u8>> = match url.path() {
        "/" => Vec::new(),
        _ => url
            .path_segments()
            .unwrap()
            .map(|segment| percent_decode(segment.as_bytes()).collect())
            .collect(),
    };
    assert_eq!(theirs, segments);

    // Written out with every escape that there can be, it is the same path.
    let mut written = String::new();
    for segment in &segments {
        written.push('/');
        written.extend(percent_encode(segment, NON_ALPHANUMERIC));
    }
    if written.is_empty() {
        written.push('/');
    }
    let again = Path::parse(written.as_bytes()).expect("the same path");
    assert!(again.segments().eq(path.segments()), "{written}");
}

fn split(path: &[u8]) -> Vec<&[u8]> {
    match path {
        b"/" => Vec::new(),
        _ => path.split(|byte| *byte == b'/').skip(1).collect(),
    }
}

/// Letters, digits, `-` and `_` between single slashes: nothing that anybody could take for something else.
fn is_plain(target: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    target == b"/"
        || target.strip_prefix(b"/").is_some_and(|rest| {
            rest.split(|byte| *byte == b'/')
                .all(|segment| !segment.is_empty() && segment.iter().all(fits))
        })
}
