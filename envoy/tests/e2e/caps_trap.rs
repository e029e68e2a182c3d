//! What a worker leaves behind whose virtual machine fails.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::json;
use tollgate_envoy::build;
use tollgate_envoy::progress::Progress;

use crate::world::{MODULE, all_pass, echo, good, stack, wait_until};

/// The filter that can be made to fail, built once.
static TRAPPING: LazyLock<PathBuf> =
    LazyLock::new(|| build::trapping_filter(&Progress::new()).unwrap());

const TRAP: &str = "x-tollgate-trap";

#[test]
fn the_filter_that_is_shipped_has_no_trap() {
    let has_trap = |module: &PathBuf| {
        let words = b"trapped, as a test asked for";
        let module = fs::read(module).unwrap();
        module.windows(words.len()).any(|part| part == words)
    };
    assert!(has_trap(&TRAPPING), "or this test says nothing");
    assert!(!has_trap(&MODULE));
    let answer = good(echo()).header(TRAP, "1").send().unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn a_worker_that_fails_comes_back() {
    let stack = stack()
        .module(&*TRAPPING)
        .echo()
        .policy(|policy| policy["caps"] = json!([]))
        .start()
        .unwrap();
    wait_until("every worker has the keys", || all_pass(&stack));
    let trapped = good(&stack).header(TRAP, "1").send().unwrap();
    assert_eq!((trapped.status, trapped.text().as_str()), (503, ""));
    wait_until("every worker works", || all_pass(&stack));
    assert!(stack.envoy().log().contains("unreachable"));
}
