//! `tollgate bench`: every arm works, and an arm that does not is not measured.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tollgate_envoy::trials::bench::{ARMS, Arm, Counting, Filter, Sends, measure};

use crate::world::{MODULE, tool};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn every_arm_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.json");
    let output = Command::new(tool().path())
        .args([
            "bench",
            "--all",
            "--rounds",
            "2",
            "--seconds",
            "0.1",
            "--starts",
            "1",
            "--json",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");

    let table = String::from_utf8(output.stdout).unwrap();
    let json = std::fs::read_to_string(file).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    for (position, arm) in ARMS.iter().enumerate() {
        let row = &json["arms"][position];
        assert_eq!(row["name"], arm.name);
        assert!(table.contains(&format!("| {} | ", arm.name)), "{table}");
        assert!(row["cost"]["median"].as_f64().unwrap() > 0.0, "{row}");
        let turns = row["turns"].as_array().unwrap();
        assert_eq!(turns.len(), 2);
        for turn in turns {
            assert!(turn["requests"].as_u64().unwrap() > 0, "{row}");
        }
    }
}

#[test]
fn an_arm_that_answers_wrongly_ends_it() {
    for (arm, problem) in [
        // From the beginning.
        (
            capped(0),
            "wrong: Measured(KnownTokens) was answered with 429 cap_exceeded, where 200 was expected; \
             its filters are not what they should be",
        ),
        // Right until the cap is reached, which is after some answers.
        (
            capped(100),
            "wrong: `HTTP/1.1 429 Too Many Requests` was answered where `HTTP/1.1 200 OK` was expected; \
             nothing was measured",
        ),
    ] {
        let error = measure(&tool(), &MODULE, &[arm], 1, SHORT).unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
}

fn capped(requests: u32) -> Arm {
    let filter = Filter::Gate(Counting::Few(requests));
    Arm::new("wrong", filter, Sends::KnownTokens)
}

/// Both compare what they measure with what they expect of it, down to how many signatures were verified.
#[test]
fn pieces_and_many_are_measured() {
    for (mode, row) in [
        ("--pieces", "+ two fields in the answer"),
        ("--flat", "500 routes, the last matches"),
    ] {
        let output = Command::new(tool().path())
            .args(["bench", mode, "--rounds", "1", "--seconds", "0.05"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.contains(&format!("| {row} | ")), "{table}");
    }
}
