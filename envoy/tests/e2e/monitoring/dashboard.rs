//! The dashboard: that Grafana can read it, and that all its queries have answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::DASHBOARD;

/// A query of a panel.
#[derive(Debug)]
pub struct Query {
    /// The panel's title.
    pub panel: String,
    /// With its variables filled in as Grafana does.
    pub expression: String,
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// All queries, of the last few seconds.
pub fn queries() -> Vec<Query> {
    let of = |panel: Value| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let query = move |target: Value| Query {
            panel: panel["title"].as_str().unwrap().to_owned(),
            expression: target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "5s")
                .replace("$instance", ".*"),
        };
        targets.into_iter().map(query).collect::<Vec<_>>()
    };
    panels().into_iter().flat_map(of).collect()
}

/// The fields that Grafana's own schema asks for (`kinds/dashboard/dashboard_kind.cue`, Grafana 10.4), and what makes a
/// dashboard that can be imported anywhere: no data source of somebody's, and panels that do not lie on each other.
#[test]
fn grafana_can_read_it() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert_eq!(dashboard["schemaVersion"], 39);
    assert!(dashboard.get("id").is_none(), "Grafana gives one");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["name"], "datasource");
    assert_eq!(variables[0]["type"], "datasource");
    assert_eq!(variables[0]["query"], "prometheus");

    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(panel["title"].is_string(), "{panel}");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{panel}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(places.insert((x, y)), "on another panel: {panel}");
            }
        }
        if panel["type"] == "row" {
            assert_eq!(panel["panels"], json!([]));
            continue;
        }
        assert!(["timeseries", "stat"].contains(&panel["type"].as_str().unwrap()));
        assert_eq!(panel["datasource"], source);
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string());
        assert!(panel["fieldConfig"]["overrides"].is_array());
        assert!(panel["options"].is_object());
        let mut letters = BTreeSet::new();
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"], source);
            assert!(letters.insert(target["refId"].as_str().unwrap()));
            assert!(target["legendFormat"].is_string());
        }
        assert!(!letters.is_empty(), "{panel}");
    }
    assert!(queries().len() > 40);
}
