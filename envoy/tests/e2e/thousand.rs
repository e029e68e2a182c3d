//! `tollgate accounts` in small: more accounts than connections.

use tollgate_envoy::trials::accounts::Accounts;

use tollgate_envoy::progress::Progress;

use crate::world::stack;

#[test]
fn more_accounts_than_connections_are_served() {
    let small = Accounts {
        accounts: 40,
        at_once: 16,
        connections: 6,
        rounds: 2,
        seconds: 3,
    };
    let (report, _stack) = small.run(stack(), &Progress::new()).unwrap();
    assert!(report.is_right(), "{report}");
    let visits: Vec<_> = report
        .rounds
        .iter()
        .map(|round| round.first.len())
        .collect();
    assert_eq!(visits, [40, 40, 40]);
    // The bound was reached, and so it was put to the test. A round may be over before anybody has looked.
    let most = report.rounds.iter().map(|round| round.connections).max();
    assert_eq!(most, Some(6), "{report}");
    assert!(report.clients.pried > 0, "{report}");
    let mut wrong = report.clone();
    wrong.accounts.connections = 5;
    assert!(!wrong.is_right(), "a bound that was exceeded is seen");
    let mut wrong = report;
    wrong.rounds[2].failed.insert(503, 1);
    assert!(!wrong.is_right(), "a request that failed is seen");
}
