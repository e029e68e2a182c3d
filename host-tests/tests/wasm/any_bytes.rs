//! Header values can hold any bytes from 0x20, also such as are no UTF-8. A trap would end all requests of a worker.

use host_tests::{Request, Token, World, configuration};

/// Names with a meaning for the filter, one that it knows nothing of, and the gate's own.
const NAMES: [&str; 12] = [
    "accept",
    "access-control-request-method",
    "authorization",
    "content-type",
    "cookie",
    "host",
    "origin",
    "x-account-id",
    "x-admin",
    "x-tollgate-assertion",
    "x-tollgate-subject",
    "x_account_id",
];

const VALUES: [&[u8]; 8] = [
    b"",
    b" ",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"acme\x80",
    b"Bearer \xff\xfe.\x80.\xff",
    b"\xf8\x88\x80\x80\x80",
];

#[test]
fn any_header_can_hold_any_bytes() {
    let mut worker = World::new().worker(&configuration::inline());
    let token = Token::good().signed();
    for name in NAMES {
        for value in VALUES {
            let public = Request::get("/api/accounts").header(name, value);
            assert_eq!(worker.request(public).summary(), "forwarded", "{name}");

            let good = || {
                Request::get("/api/v1/agents")
                    .account("acme")
                    .bearer(&token)
            };
            let outcome = worker.request(good().header(name, value)).summary();
            let expected = match name {
                "authorization" => "401 token_duplicate",
                "x-account-id" => "400 account_duplicate",
                _ => "forwarded",
            };
            assert_eq!(outcome, expected, "{name}: {}", value.escape_ascii());
        }
    }
}

#[test]
fn the_only_account_and_the_only_token_can_hold_any_bytes() {
    let mut worker = World::new().worker(&configuration::inline());
    for value in VALUES {
        let request = Request::get("/x").header("x-account-id", value);
        assert_eq!(worker.request(request).summary(), "400 account_invalid");
        let request = Request::get("/x").account("acme");
        let outcome = worker.request(request.header("authorization", value));
        assert!(outcome.summary().starts_with("401"), "{outcome:?}");
    }
}

#[test]
fn every_byte_is_answered_in_every_header() {
    let mut worker = World::new().worker(&configuration::inline());
    for byte in 0x20..=0xff {
        let mut request = Request::get("/api/v1/agents");
        for name in NAMES {
            request = request.header(name, [byte, b'a', byte]);
        }
        let outcome = worker.request(request).summary();
        assert!(outcome.starts_with('4'), "{byte:#x}: {outcome}");
    }
}

#[test]
fn a_thousand_headers_are_no_trouble() {
    let mut worker = World::new().worker(&configuration::inline());
    let mut request = Request::get("/api/accounts");
    for number in 0..1000 {
        request = request.header(&format!("x-tollgate-{number}"), "x".repeat(100));
    }
    let outcome = worker.request(request);
    assert_eq!(outcome.forwarded().len(), 4);
}
