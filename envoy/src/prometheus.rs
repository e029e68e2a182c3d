//! A Prometheus of our own, which scrapes the Envoys that run here.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Origin;
use crate::net::{self, loopback};
use crate::process::{Child, Job, ProcessError, Scratch, Tool};

/// How long the start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus. Dropping it stops it.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    origin: Origin,
}

/// Why Prometheus does not run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part's own error")]
pub enum PrometheusError {
    #[error("Prometheus's temporary folder could not be prepared: {0}")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts it; ready when this comes back. It asks the admin interfaces at these URLs twice a second, and evaluates
    /// these rules as often.
    pub fn start(
        tool: &Tool,
        program: &Path,
        admins: &[&str],
        rules: &str,
    ) -> Result<Self, PrometheusError> {
        let scratch = Scratch::new()?;
        let targets: Vec<_> = admins
            .iter()
            .map(|url| url.trim_start_matches("http://"))
            .collect();
        // JSON is YAML.
        let config = json!({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{
                "job_name": "tollgate",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": targets}],
            }],
        });
        fs::write(scratch.path().join("config.yml"), config.to_string())?;
        fs::write(scratch.path().join("rules.yml"), rules)?;
        let address = loopback(net::free_port()?);
        let mut child = Job::new("Prometheus", program)
            .args(["--config.file=config.yml", "--storage.tsdb.path=data"])
            .args([format!("--web.listen-address={address}")])
            .start(tool, scratch)?;
        let origin = Origin::parse(&format!("http://{address}"))?;
        child.wait_for("it was ready", PATIENCE, |_| {
            let ready = origin.get("/-/ready").send().ok()?;
            (ready.status == 200).then_some(())
        })?;
        Ok(Self { child, origin })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.origin.address())
    }

    /// What an expression gives now: one object for each series; the error as it says it.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let mut form = String::from("query=");
        for byte in expression.bytes() {
            // Writing to a string does not fail.
            let _ = write!(form, "%{byte:02x}");
        }
        let request = self.origin.post("/api/v1/query").form(&form);
        let answer = request.send().map_err(|error| error.to_string())?.json();
        match answer.pointer("/data/result").and_then(Value::as_array) {
            Some(series) => Ok(series.clone()),
            None => Err(answer.to_string()),
        }
    }

    /// The names of the alerts that fire.
    pub fn firing(&self) -> Vec<String> {
        let answer = self.origin.get("/api/v1/alerts").send();
        let answer = answer.map(|answer| answer.json()).unwrap_or_default();
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array);
        let fires = |alert: &&Value| alert.get("state").is_some_and(|state| state == "firing");
        let name = |alert: &Value| Some(alert.pointer("/labels/alertname")?.as_str()?.to_owned());
        let alerts = alerts.into_iter().flatten();
        alerts.filter(fires).filter_map(name).collect()
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.child.log()
    }
}
