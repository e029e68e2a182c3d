//! `tollgate configurations`, in short: no worker ever serves without the filter, whatever it is configured with.

use std::fs;
use std::process::Command;

use tollgate_envoy::progress::Progress;
use tollgate_envoy::stack::Stack;
use tollgate_envoy::trials::configurations::{Configurations, idle_filter};

use crate::world::tool;

#[test]
fn a_filter_that_does_nothing_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("idle.wasm");
    fs::write(&module, idle_filter()).unwrap();
    let few = Configurations {
        count: 3,
        starts: 0,
        seed: 6,
        workers: 2,
    };
    let stack = || Stack::builder(tool()).module(&module);
    let report = few.run_with(stack, &Progress::new()).unwrap();
    assert!(!report.is_right(), "{report}");
    assert!(!report.unfiltered.is_empty(), "{report}");
}

#[test]
fn no_worker_serves_unfiltered_whatever_it_is_given() {
    let output = Command::new(tool().path())
        .args([
            "configurations",
            "--count",
            "100",
            "--starts",
            "2",
            "--seed",
            "6",
        ])
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{table}{errors}");
    assert!(output.status.success(), "{table}{errors}");
    assert!(table.contains(" 0 unfiltered"), "{table}");
    assert!(table.ends_with("all right\n"), "{table}");
}
