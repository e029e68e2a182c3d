//! The list of statistics, held against what the real Envoy has after the demo's traffic.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tollgate_envoy::client::Origin;
use tollgate_envoy::stack::Stack;
use tollgate_policy::refusal::Code;

use crate::demo::try_each_line;
use crate::world::{count, stack, wait_until};

const PAGE: &str = include_str!("../../STATISTICS.md");

/// What stands for a part of a name.
const PLACEHOLDERS: [&str; 7] = ["CODE", "NEED", "NAME", "WINDOW", "REASON", "PLACE", "N"];

/// One line of the list.
#[derive(Debug)]
struct Row {
    /// `tollgate.caps.NAME.refused.WINDOW`
    name: String,
    /// `tollgate_caps_refused{cap,window}`
    prometheus: String,
    kind: String,
    what: String,
}

impl Row {
    /// The last placeholder's value in this name; none where it is not of this row.
    fn value<'n>(&self, name: &'n str) -> Option<Option<&'n str>> {
        let (row, name): (Vec<_>, Vec<_>) =
            (self.name.split('.').collect(), name.split('.').collect());
        let is_like = |(row, name): (&&str, &&str)| row == name || PLACEHOLDERS.contains(row);
        let fits = row.len() == name.len() && row.iter().zip(&name).all(is_like);
        let last = row.iter().rposition(|part| PLACEHOLDERS.contains(part));
        fits.then(|| last.map(|last| name[last]))
    }

    /// The values that its description names, where it names all of them.
    fn values(&self) -> Option<BTreeSet<String>> {
        let named = self.what.split('`').skip(1).step_by(2).map(str::to_owned);
        let lists = ["NEED", "WINDOW", "REASON", "PLACE"];
        let is_listed = lists.iter().any(|list| self.name.ends_with(list));
        is_listed.then(|| named.collect())
    }
}

fn rows() -> Vec<Row> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| `tollgate."));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        let [name, prometheus, kind, what] = [0, 1, 2, 3].map(|cell| cells[cell]);
        Row {
            name: name.trim_matches('`').to_owned(),
            prometheus: prometheus.trim_matches('`').to_owned(),
            kind: kind.to_owned(),
            what: what.to_owned(),
        }
    };
    lines.map(row).collect()
}

fn ask(stack: &Stack, path: &str) -> String {
    let admin = Origin::parse(stack.envoy().admin_url()).unwrap();
    admin.get(path).send().unwrap().text()
}

/// The names of the gate's statistics.
fn names(stack: &Stack) -> BTreeSet<String> {
    let text = ask(stack, "/stats?format=json&filter=^wasmcustom");
    let stats: Value = serde_json::from_str(&text).unwrap();
    let name = |stat: &Value| {
        let name = stat["name"].as_str().unwrap();
        name.strip_prefix("wasmcustom.").unwrap().to_owned()
    };
    stats["stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect()
}

/// The gate's metrics, `tollgate_caps_refused{cap,window}`, with their kinds.
fn metrics(stack: &Stack) -> BTreeMap<String, String> {
    let text = ask(stack, "/stats/prometheus");
    let kinds: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    let ours = text.lines().filter(|line| line.starts_with("tollgate_"));
    let metric = |line: &str| {
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, _) = rest.split_once('}').unwrap();
        let labels: Vec<_> = labels
            .split(',')
            .filter_map(|label| Some(label.split_once('=')?.0))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        (format!("{name}{labels}"), kinds[name].to_owned())
    };
    ours.map(metric).collect()
}

/// What an enforcing and a reporting gate have after a request of each kind.
fn seen() -> (BTreeSet<String>, BTreeMap<String, String>) {
    let enforcing = stack().start().unwrap();
    try_each_line(&enforcing);
    let reporting = stack()
        .echo()
        .policy(|policy| policy["mode"] = "report".into());
    let reporting = reporting.start().unwrap();
    reporting.get("/api/v1/agents").send().unwrap();
    wait_until("it is told", || {
        count(&reporting, "requests.reported.account_missing") == 1
            && count(&enforcing, "requests.refused.account_forbidden") > 0
    });
    let mut seen = (names(&enforcing), metrics(&enforcing));
    seen.0.extend(names(&reporting));
    seen.1.extend(metrics(&reporting));
    seen
}

#[test]
fn the_list_is_what_there_is() {
    let rows = rows();
    let (names, metrics) = seen();

    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for name in &names {
        let exact = rows.iter().any(|row| row.name == *name);
        let of = rows.iter().filter(|row| !exact || row.name == *name);
        let of: Vec<_> = of.filter_map(|row| Some((row, row.value(name)?))).collect();
        assert_eq!(of.len(), 1, "{name} stands in the list so often: {of:?}");
        let (row, value) = of[0];
        let known = values.entry(&row.name).or_default();
        known.extend(value.map(str::to_owned));
    }
    for row in &rows {
        let there = values.get(&*row.name);
        assert!(there.is_some(), "{} does not exist", row.name);
        let there = there.unwrap();
        if let Some(listed) = row.values() {
            assert_eq!(*there, listed, "{}", row.name);
        }
        if row.name.ends_with("CODE") {
            let codes = Code::ALL.map(|code| code.as_str().to_owned());
            assert_eq!(*there, BTreeSet::from(codes), "{}", row.name);
        }
    }

    let listed: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.prometheus.clone(), row.kind.clone()))
        .collect();
    assert_eq!(metrics, listed);
}
