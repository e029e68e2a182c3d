//! The short forms of `tollgate storm`.

use tollgate_envoy::progress::Progress;
use tollgate_envoy::trials::storm::Storm;

use crate::world::stack;

#[test]
fn after_a_storm_all_is_as_before() {
    let storm = Storm {
        requests: 15_000,
        workers: 4,
        seed: None,
        traps: false,
    };
    let report = storm.run(stack(), &Progress::new()).unwrap();
    println!("{report}");
    assert!(report.is_right(), "{report}");
}

#[test]
fn while_virtual_machines_fail_nothing_passes_unseen() {
    let storm = Storm {
        requests: 8_000,
        workers: 4,
        seed: None,
        traps: true,
    };
    let report = storm.run(stack(), &Progress::new()).unwrap();
    println!("{report}");
    assert!(report.is_right(), "{report}");
}
