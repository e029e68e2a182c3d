//! `Connection` names headers that the next hop removes (RFC 9110 §7.6.1): a client must not have the gate's word removed
//! that way, nor bring its own past the gate.

use tollgate_envoy::storm::mirror::Field;

use super::{ATTACKED, Fate, Version, credentials, field};
use crate::world::AGENTS;

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
    for nominated in NOMINATED {
        for more in [
            vec![],
            vec![field("te", "trailers")],
            vec![field("keep-alive", "timeout=5")],
            vec![field("proxy-connection", "x-tollgate-assertion")],
        ] {
            let fields = [credentials(), vec![field("connection", nominated)], more].concat();
            let fate = ATTACKED.send(Version::One, "GET", AGENTS.as_bytes(), &fields);
            println!("{nominated:?}: {}", short(&fate));
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
        }
    }
}

#[test]
fn a_forged_header_that_is_nominated_does_not_arrive() {
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
    }
}

/// An upgrade keeps its `Connection`, whatever else it names.
#[test]
fn an_upgrade_names_nothing_else() {
    for nominated in NOMINATED {
        let upgrade = [
            field("connection", format!("upgrade, {nominated}")),
            field("upgrade", "websocket"),
            field("sec-websocket-version", "13"),
            field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let fields = [credentials(), upgrade.to_vec()].concat();
        let fate = ATTACKED.send(Version::One, "GET", AGENTS.as_bytes(), &fields);
        println!("upgrade, {nominated:?}: {}", short(&fate));
        let Fate::Arrived(arrival) = fate else {
            continue;
        };
        let said = ATTACKED.assertion(&arrival);
        assert_eq!((said.account.as_str(), said.admin), ("acme", false));
        let connection: Vec<_> = arrival.values("connection").map(<[u8]>::to_vec).collect();
        let connection = String::from_utf8(connection.concat()).unwrap();
        println!("   arrives: {connection:?}");
    }
}

fn short(fate: &Fate) -> String {
    match fate {
        Fate::Arrived(arrival) => {
            let named = |(name, value): &Field| {
                let name = String::from_utf8_lossy(name);
                format!("{name}={}", String::from_utf8_lossy(&value[..value.len().min(12)]))
            };
            let all: Vec<_> = arrival.headers.iter().map(named).collect();
            all.join(" ")
        }
        other => format!("{other:?}"),
    }
}
