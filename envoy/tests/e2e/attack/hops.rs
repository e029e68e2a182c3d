//! `Connection` names headers that the next hop removes (RFC 9110 §7.6.1): a client must not have the gate's word removed
//! that way, nor bring its own past the gate.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate_envoy::trials::storm::mirror::{Arrival, Mirror, Reply, Witness};
use tollgate_envoy::trials::storm::witness;

use super::{ATTACKED, Fate, Version, credentials, field};
use crate::world::{AGENTS, stack};

const PUBLIC: &str = "/api/accounts";

/// The gate's headers, the client's, and others, in one list.
const NOMINATED: [&str; 10] = [
    "x-tollgate-subject",
    "x-tollgate-assertion",
    "x-account-id",
    "X-Tollgate-Assertion, X-Account-ID, authorization",
    "close, x-tollgate-assertion",
    "keep-alive, x-account-id",
    "x_tollgate_assertion",
    "authorization",
    "x-tollgate-assertion,x-tollgate-assertion",
    ",x-account-id,,",
];

#[test]
fn the_gates_word_arrives_whole_or_the_request_does_not() {
    let mut arrived = 0;
    for nominated in NOMINATED {
        for more in [
            vec![],
            vec![field("te", "trailers")],
            vec![field("keep-alive", "timeout=5")],
            vec![field("proxy-connection", "x-tollgate-assertion")],
        ] {
            let fields = [credentials(), vec![field("connection", nominated)], more].concat();
            let fate = ATTACKED.send(Version::One, "GET", AGENTS.as_bytes(), &fields);
            let Fate::Arrived(arrival) = fate else {
                continue;
            };
            let said = ATTACKED.assertion(&arrival);
            assert_eq!((said.account.as_str(), said.admin), ("acme", false));
            let accounts: Vec<_> = arrival.values("x-account-id").collect();
            assert_eq!(accounts, [b"acme"], "{nominated:?}");
            assert_eq!(arrival.values("x-tollgate-subject").count(), 1);
            // The next hop would remove what it names.
            let connection: Vec<_> = arrival.values("connection").collect();
            assert_eq!(connection, [b""; 0], "{nominated:?}");
            arrived += 1;
        }
    }
    assert!(arrived > 0);
}

#[test]
fn a_forged_header_that_is_nominated_does_not_arrive() {
    let mut arrived = 0;
    for nominated in NOMINATED {
        let fields = [
            field("connection", nominated),
            field("x-tollgate-subject", "root"),
            field("x-tollgate-assertion", "root"),
            field("x-account-id", "acme"),
        ];
        let fate = ATTACKED.send(Version::One, "GET", PUBLIC.as_bytes(), &fields);
        let Fate::Arrived(arrival) = fate else {
            continue;
        };
        for name in ["x-tollgate-subject", "x-tollgate-assertion", "x-account-id"] {
            assert_eq!(arrival.values(name).count(), 0, "{nominated:?} {name}");
        }
        arrived += 1;
    }
    assert!(arrived > 0);
}

/// Keeps what arrives, and lets websockets through.
#[derive(Clone, Default)]
struct Websockets(Arc<Mutex<Vec<Arrival>>>);

impl Witness for Websockets {
    fn reply(&self, arrival: &Arrival) -> Reply {
        self.0.lock().unwrap().push(arrival.clone());
        Reply::Upgrade
    }
}

/// Envoy hands on an upgrade's `Connection`, as a proxy must; the gate takes its own headers off it.
#[test]
fn an_upgrade_names_nothing_else() {
    let upstream = Websockets::default();
    let mirror = Mirror::start(upstream.clone()).unwrap();
    let stack = stack()
        .upstream(mirror.address())
        .policy(|policy| policy["caps"] = json!([]))
        .start()
        .unwrap();
    let token = stack.issuer().member("acme");
    for nominated in [""].iter().chain(&NOMINATED) {
        let connection = format!("upgrade, {nominated}");
        let connection = connection.trim_end_matches(", ");
        let request = stack
            .get(AGENTS)
            .account("acme")
            .bearer(&token)
            .header("connection", connection)
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let status = request.begin().unwrap().head().unwrap().status;
        let arrival = upstream.0.lock().unwrap().pop();
        assert_eq!(status == 101, arrival.is_some(), "{connection:?}");
        assert!(status == 101 || !nominated.is_empty());
        let Some(arrival) = arrival else {
            continue;
        };
        assert_eq!(
            arrival.values("x-tollgate-assertion").count(),
            1,
            "{connection:?}"
        );
        assert_eq!(
            arrival.values("x-account-id").collect::<Vec<_>>(),
            [b"acme"]
        );
        // The next hop removes what it names, and must find nothing of the gate's there.
        for value in arrival.values("connection") {
            for option in value.split(|byte| *byte == b',') {
                let named = [field(option.trim_ascii(), "")];
                assert_eq!(witness::identity_of(&named), [], "{arrival:?}");
            }
        }
    }
}
