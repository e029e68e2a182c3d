//! Trailers are headers to some servers: what is the gate's is removed from them too.

use tollgate_envoy::trials::storm::http2::Http2;

use super::{ATTACKED, Fate, TOKEN, credentials, fate_1, fate_2, field, pseudo};
use crate::world::AGENTS;

const FORGED: [&str; 8] = [
    "x-tollgate-subject",
    "x-tollgate-assertion",
    "x_tollgate_assertion",
    "x.tollgate.assertion",
    "x-account-id",
    "x_account_id",
    "x-admin",
    "x-tollgate-anything",
];

#[test]
fn forged_trailers_do_not_arrive_over_http_1() {
    for path in [AGENTS, "/api/login"] {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: gate\r\nx-account-id: acme\r\nauthorization: Bearer {}\r\n\
             transfer-encoding: chunked\r\nte: trailers\r\ntrailer: x-tollgate-subject\r\n\r\n\
             5\r\nhello\r\n0\r\nx-mine: 1\r\n",
            *TOKEN
        );
        for name in FORGED {
            for name in [name, &name.to_ascii_uppercase()] {
                request += &[name, ": root\r\n"].concat();
            }
        }
        let mut connection = ATTACKED.stack.gate().connect().unwrap();
        connection.write(request.as_bytes()).unwrap();
        connection.write(b"\r\n").unwrap();
        assert_clean(fate_1(connection.receive("POST")));
    }
}

#[test]
fn forged_trailers_do_not_arrive_over_http_2() {
    for path in [AGENTS, "/api/login"] {
        let mut connection = Http2::connect(ATTACKED.stack.gate()).unwrap();
        let fields = pseudo("POST", path.as_bytes(), &credentials());
        let stream = connection.begin(&fields, false).unwrap();
        connection.body(stream, b"hello", false).unwrap();
        let mut trailers = vec![field("x-mine", "1")];
        trailers.extend(FORGED.iter().map(|name| field(name, "root")));
        connection.trailers(stream, &trailers).unwrap();
        let (_, end) = connection.end().unwrap().unwrap();
        assert_clean(fate_2(&end));
    }
}

fn assert_clean(fate: Fate) {
    let arrival = fate.arrival();
    assert_eq!(arrival.body, b"hello");
    assert_eq!(arrival.trailers, [field("x-mine", "1")]);
}
