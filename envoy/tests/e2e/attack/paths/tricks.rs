//! What can be done to a path so that two programs read it in two ways.

use super::handlers::Operation;

/// A request target, and the method that it is for.
#[derive(Clone, Debug)]
pub struct Tried {
    pub method: String,
    pub target: Vec<u8>,
}

/// Put in at a border of segments, behind a segment or within one.
const TRICKS: [&[u8]; 66] = [
    // Dot segments, plain and escaped, once and twice.
    b"/.",
    b"/..",
    b"/./",
    b"/../",
    b"/...",
    b"/%2e",
    b"/%2E%2e",
    b"/.%2e",
    b"/%2e%2e/",
    b"/%252e%252e",
    b"/%25%32%65%25%32%65",
    b"/..;",
    b"/..;/",
    b"/.;a=b/",
    b"/%2e%2e%2f",
    b"/..%00/",
    b"/..%0d/",
    b"/x/..",
    b"/x/../",
    b"/x/%2e%2e",
    // Slashes.
    b"/",
    b"//",
    b"\\",
    b"%2f",
    b"%2F",
    b"%5c",
    b"%5C",
    b"%252f",
    b"%255c",
    b"/\\/",
    b"%u002f",
    b"%ef%bc%8f",
    b"%e2%88%95",
    b"%e2%81%84",
    b"%c0%af",
    b"%e0%80%af",
    // Parameters, queries and fragments.
    b";",
    b";a=b",
    b";/",
    b"%3b",
    b"?",
    b"?/../",
    b"%3f",
    b"%3f/",
    b"#",
    b"#/",
    b"%23",
    b"&",
    b"?a=/api/admin/x",
    // Bytes.
    b"%00",
    b"\0",
    b"%0a",
    b"%0d%0a",
    b"%09",
    b"%20",
    b" ",
    b"\t",
    b"%7f",
    b"%ff",
    b"\xff",
    b"\xc0\xae\xc0\xae",
    "é".as_bytes(),
    "／".as_bytes(),
    "․․".as_bytes(),
    b"%",
    b"%g1",
];

/// Every trick at so many of the places of every route, others for each; and what can be done to a whole path.
pub fn tricks(operations: &[Operation], number_of_places: usize) -> Vec<Tried> {
    let mut all = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        let places = places(operation);
        for (other, trick) in TRICKS.into_iter().enumerate() {
            for place in 0..number_of_places.min(places.len()) {
                // 5 is no divisor of how many places there are, so these are different ones.
                let place = (number * 7 + other + place * 5) % places.len();
                all.push(tried(operation, places[place], trick));
            }
        }
        all.extend(whole(operation));
    }
    all
}

/// The path with values for its parameters, as it is sent when nothing is odd.
fn plain(operation: &Operation) -> String {
    let segments = operation.path.split('/').map(|segment| match segment {
        "{account}" => "acme",
        parameter if parameter.starts_with('{') => "7",
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Where something can be put in: before, within and behind each segment.
fn places(operation: &Operation) -> Vec<usize> {
    let path = plain(operation);
    let mut places = vec![0];
    let mut start = 0;
    for segment in path.split('/').skip(1) {
        start += 1;
        let end = start + segment.len();
        places.extend([start, start + segment.len() / 2, end]);
        start = end;
    }
    places.dedup();
    places
}

fn tried(operation: &Operation, place: usize, trick: &[u8]) -> Tried {
    let mut target = plain(operation).into_bytes();
    target.splice(place..place, trick.iter().copied());
    Tried {
        method: operation.method.clone(),
        target,
    }
}

/// What is done to all of it.
fn whole(operation: &Operation) -> Vec<Tried> {
    let path = plain(operation);
    let last = path.rfind('/').unwrap();
    let (before, behind) = path.split_at(last);
    let escaped: String = path
        .bytes()
        .map(|byte| match byte {
            b'/' => "/".to_owned(),
            other => format!("%{other:02x}"),
        })
        .collect();
    let mut targets: Vec<String> = vec![
        path.clone(),
        format!("{path}?"),
        format!("{path}?x=1"),
        path.to_ascii_uppercase(),
        format!("{}{}", before, behind.to_ascii_uppercase()),
        escaped.clone(),
        escaped.replace('%', "%25"),
        format!("http://gate{path}"),
        format!("http://elsewhere.example:80{path}"),
        format!("http://user@gate{path}"),
        format!("http://gate/api/accounts/..{path}"),
        format!("HTTP://gate{path}"),
        format!("https://gate{path}"),
        format!("file://{path}"),
        format!("//gate{path}"),
        format!("gate{path}"),
        path[1..].to_owned(),
        format!("*{path}"),
        "*".to_owned(),
        "gate:80".to_owned(),
        "/".to_owned(),
        format!("/api/accounts{path}"),
        format!("/api/accounts/..{path}"),
        format!("/api/accounts/validate/..%2f..%2f..{path}"),
        format!("/api/accounts/validate/%2e%2e%2f{}", &path[1..]),
        format!("/api/v1/widget/auth/x%2f..%2f..{path}"),
        format!("/api/admin/..{path}"),
        format!("/hub-api{path}"),
        format!("/hub-api/..{path}"),
        format!("/hub-api%2f{}", &path[1..]),
        format!("{path}/{}", "x".repeat(9000)),
        format!("{path}{}", "/.".repeat(500)),
        format!("{}{path}", "/x/..".repeat(200)),
    ];
    targets.push(path.chars().rev().collect());
    let mut all: Vec<_> = targets
        .into_iter()
        .map(|target| Tried {
            method: operation.method.clone(),
            target: target.into_bytes(),
        })
        .collect();
    for method in [
        "HEAD", "OPTIONS", "TRACE", "get", "Post", "CONNECT", "PROPFIND", "POST", "GET",
    ] {
        let target = path.clone().into_bytes();
        let method = method.to_owned();
        all.push(Tried { method, target });
    }
    all
}
