//! One number of many: a request that comes when others have been there.

use super::Cost;
use crate::{Request, Worker};

/// Requests before the first that counts: what is made once is made then.
const BEFORE: usize = 8;

/// Requests that count.
const COUNTED: usize = 31;

/// The cost of each request that `request` makes, from its first header to its end; each must become `expected`.
pub(super) fn each(
    worker: &mut Worker,
    expected: &str,
    mut request: impl FnMut(usize) -> Request,
) -> Cost {
    for number in 0..BEFORE {
        become_of(worker, expected, request(number));
    }
    let counted = (BEFORE..BEFORE + COUNTED).map(|number| {
        let request = request(number);
        of(worker, |worker| become_of(worker, expected, request))
    });
    median(counted.collect())
}

/// The cost of what `work` does.
pub(super) fn of(worker: &mut Worker, work: impl FnOnce(&mut Worker)) -> Cost {
    let before = worker.spent();
    work(worker);
    worker.spent().since(&before)
}

/// Sends one, and sees that it becomes what it should.
pub(super) fn become_of(worker: &mut Worker, expected: &str, request: Request) {
    let outcome = worker.request(request);
    assert_eq!(outcome.summary(), expected, "{outcome:?}");
}

/// Of each number the middle one.
fn median(costs: Vec<Cost>) -> Cost {
    let middle = |place: usize| {
        let mut numbers: Vec<_> = costs.iter().map(|cost| cost.numbers()[place]).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    Cost::of(std::array::from_fn(middle))
}
