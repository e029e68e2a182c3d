//! Trailers are headers to some servers: what is the gate's is removed from them too.

use tollgate_envoy::trials::storm::http2::Http2;

use super::{ATTACKED, Attacked, Fate, TOKEN, credentials, fate_1, fate_2, field, pseudo};
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

/// HTTP/2 can send trailers of which there are none.
#[test]
fn a_request_that_ends_with_no_trailers_at_all_arrives() {
    let mut connection = Http2::connect(ATTACKED.stack.gate()).unwrap();
    let fields = pseudo("POST", AGENTS.as_bytes(), &credentials());
    let stream = connection.begin(&fields, false).unwrap();
    connection.body(stream, b"hello", false).unwrap();
    connection.trailers::<&str, &str>(stream, &[]).unwrap();
    let (_, end) = connection.end().unwrap().unwrap();
    assert_eq!(fate_2(&end).arrival().body, b"hello");
}

/// All that Envoy and the gate call of each other, but the removal of headers.
const WITHOUT_REMOVAL: [&str; 30] = [
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_log",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_tick_period_milliseconds",
    "proxy_get_buffer_bytes",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_add_header_map_value",
    "proxy_set_property",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_continue_stream",
    "proxy_send_local_response",
    "proxy_http_call",
    "proxy_set_effective_context",
    "proxy_call_foreign_function",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "random_get",
    "environ_sizes_get",
    "environ_get",
];

#[test]
fn a_request_whose_trailers_cannot_be_cleaned_is_answered() {
    let attacked = Attacked::start(|config| config.with_capabilities(&WITHOUT_REMOVAL));
    for (name, refused) in [("x-mine", false), ("x-tollgate-subject", true)] {
        let mut connection = Http2::connect(attacked.stack.gate()).unwrap();
        let fields = pseudo("POST", b"/api/login", &[]);
        let stream = connection.begin(&fields, false).unwrap();
        connection.body(stream, b"hello", false).unwrap();
        connection.trailers(stream, &[field(name, "root")]).unwrap();
        let (_, end) = connection.end().unwrap().unwrap();
        let fate = fate_2(&end);
        if refused {
            assert_eq!(fate, Fate::Refused("not_ready".to_owned()));
        } else {
            fate.arrival();
        }
    }
}

fn assert_clean(fate: Fate) {
    let arrival = fate.arrival();
    assert_eq!(arrival.body, b"hello");
    assert_eq!(arrival.trailers, [field("x-mine", "1")]);
}
