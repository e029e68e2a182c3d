//! What requests cost, in numbers that are the same on every machine, beside what is written down of them.

use std::io::{self, Write};
use std::sync::LazyLock;

use host_tests::costs::{self, Change, Table};

/// Counted once.
static COUNTED: LazyLock<Table> = LazyLock::new(costs::count);

/// In bytes. Envoy compiles all of it before it is ready: a second of CPU a megabyte. What was reached, and 2 %.
const LARGEST_MODULE: usize = 1_200_000;

/// `many` may cost a tenth more than `few`.
const TENTH: u64 = 10;

#[test]
fn nothing_costs_more_than_is_written_down() {
    let written = Table::written().unwrap();
    let changes = COUNTED.changes(&written);
    let (wrong, cheaper): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.is_wrong());
    if !cheaper.is_empty() {
        // Past the capture: a test that passes is not heard otherwise.
        let note = "is cheaper now; `cargo costs --write` writes the better figures down";
        writeln!(io::stderr(), "{}\n{note}", lines(&cheaper)).unwrap();
    }
    assert!(
        wrong.is_empty(),
        "the filter has become dearer than host-tests/COSTS.md says, by more than 5 %:\n{}\n\
         Where that is worth it, `cargo costs --write` writes the new figures down, to be committed with the change.\n\
         (Written down with {}, counted with {}.)",
        lines(&wrong),
        written.compiler(),
        COUNTED.compiler(),
    );
}

#[test]
fn many_cost_no_more_than_few() {
    for pair in costs::pairs() {
        let [few, many] = [pair.few, pair.many].map(|kind| COUNTED.cost(kind).unwrap());
        assert!(
            many.instructions <= few.instructions + few.instructions / TENTH,
            "{pair:?}: {few:?}, {many:?}"
        );
    }
}

#[test]
fn the_module_is_no_larger() {
    let size = host_tests::module_size();
    assert!(
        size <= LARGEST_MODULE,
        "the module has {size} bytes, more than {LARGEST_MODULE}: find what has grown, or raise LARGEST_MODULE with a reason"
    );
}

fn lines(changes: &[&Change]) -> String {
    let lines: Vec<_> = changes.iter().map(|change| format!("  {change}")).collect();
    lines.join("\n")
}
