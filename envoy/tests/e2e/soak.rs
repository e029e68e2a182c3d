//! The short form of `tollgate soak`.

use tollgate_envoy::trials::soak::Soak;

use crate::world::stack;

#[test]
fn memory_stays_where_it_is() {
    let soak = Soak {
        requests: 20_000,
        workers: 2,
    };
    let report = soak.run(stack()).unwrap();
    println!("{report}");
    assert!(report.is_right(), "{report}");
    let marks: Vec<_> = report.marks.iter().map(|mark| mark.requests).collect();
    assert_eq!(marks, [0, 1000, 5000, 20_000]);
}
