//! The alert rules and the dashboard in a real Prometheus, which scrapes real gates.

mod dashboard;
mod faults;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tollgate_envoy::progress::Progress;
use tollgate_envoy::prometheus::Prometheus;
use tollgate_envoy::tools::Tools;

use crate::world::{tool, wait_until};

const RULES: &str = include_str!("../../monitoring/rules.yml");
const DASHBOARD: &str = include_str!("../../monitoring/dashboard.json");

/// What Prometheus is needed for cannot be tested without it.
static PROMETHEUS: LazyLock<PathBuf> =
    LazyLock::new(|| Tools::new(Progress::new()).prometheus().unwrap());

/// In the files, and in a test that has seconds instead of minutes; all else stays as it is.
const SHORTER: [(&str, &str); 7] = [
    ("[1d] offset 10m", "[10s] offset 5s"),
    ("[5m]", "[5s]"),
    ("[10m]", "[5s]"),
    ("[15m]", "[5s]"),
    ("> 3600", "> 3"),
    ("_seconds > 60 ", "_seconds > 3 "),
    // The accounts that are needed for more would take minutes.
    ("limit_bytes > 0.7", "limit_bytes > 0.3"),
];

/// The rules with short times.
fn short_rules() -> String {
    let mut rules = RULES.to_owned();
    for (long, short) in SHORTER {
        assert!(rules.contains(long), "{long}");
        rules = rules.replace(long, short);
    }
    let hold = |line: &str| {
        if line.trim_start().starts_with("for: ") {
            "    for: 1s".to_owned()
        } else {
            line.to_owned()
        }
    };
    rules.lines().map(hold).collect::<Vec<_>>().join("\n")
}

/// What follows this word, on each line that begins with it.
fn values(word: &str) -> Vec<&'static str> {
    let lines = RULES
        .lines()
        .map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(word)).collect()
}

fn watch(admins: &[&str]) -> Prometheus {
    Prometheus::start(&tool(), &PROMETHEUS, admins, &short_rules()).unwrap()
}

/// Acts until this alert fires.
fn until_fires(prometheus: &Prometheus, alert: &str, mut act: impl FnMut()) {
    wait_until(&format!("{alert} fires"), || {
        act();
        prometheus.firing().iter().any(|firing| firing == alert)
    });
}

/// Waits until nothing fires any more.
fn until_quiet(prometheus: &Prometheus) {
    let mut last = Vec::new();
    wait_until("nothing fires", || {
        let firing = prometheus.firing();
        if firing != last {
            eprintln!("firing: {firing:?}");
            last.clone_from(&firing);
        }
        firing.is_empty()
    });
}

#[test]
fn promtool_takes_the_rules_and_their_tests() {
    let promtool = PROMETHEUS.with_file_name("promtool");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring");
    for arguments in [
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
    ] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[test]
fn each_alert_says_how_bad_it_is_what_has_happened_and_what_to_do() {
    let rules: Value = tollgate_envoy::config::yaml(RULES).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let mut seen = BTreeSet::new();
    for rule in rules.filter(|rule| rule.get("alert").is_some()) {
        assert!(seen.insert(rule["alert"].as_str().unwrap()), "{rule}");
        let known = [json!("critical"), json!("warning"), json!("info")];
        assert!(known.contains(&rule["labels"]["severity"]), "{rule}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str();
            assert!(text.is_some_and(|text| text.len() > 20), "{rule}");
        }
    }
    assert_eq!(seen.len(), values("alert: ").len());
}

/// A query of a name that is not there has no data, and an alert of one never fires.
#[test]
fn every_name_in_a_query_is_one_that_is_documented() {
    let documented = include_str!("../../STATISTICS.md");
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let mut tried = 0;
    for (file, text) in [("rules.yml", RULES), ("dashboard.json", DASHBOARD)] {
        for word in text.split(|letter| !is_of_a_name(letter)) {
            let is_record = word.contains(':');
            if is_record && word.starts_with("tollgate:") {
                assert!(
                    RULES.contains(&format!("record: {word}\n")),
                    "{file}: {word}"
                );
            } else if word.starts_with("tollgate_") || word.starts_with("envoy_") {
                let name = [format!("`{word}`"), format!("`{word}{{")];
                let is_documented = name.iter().any(|name| documented.contains(name));
                assert!(is_documented, "{file}: {word}");
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "{tried}");
}
