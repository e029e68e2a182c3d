//! The filter's configuration in manifests: the reference's, with the names that clusters have there.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DeriveError, file};
use crate::config::REFERENCE;

/// A manifest that ends with the filter's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    name: &'static str,
    /// The line below which it is.
    key: &'static str,
    /// What clusters are called there: the reference's name, and the other.
    clusters: &'static [(&'static str, &'static str)],
}

/// Istio's ingress gateway, which calls clusters after the service and its port.
pub const ISTIO: Manifest = Manifest {
    name: "istio/wasmplugin.yaml",
    key: "  pluginConfig:",
    clusters: &[
        ("zitadel", "outbound|443||id.example.com"),
        (
            "accounts",
            "outbound|8081||upstream.tollgate.svc.cluster.local",
        ),
    ],
};

/// Envoy Gateway, where a patch makes the clusters.
pub const GATEWAY: Manifest = Manifest {
    name: "gateway/envoyextensionpolicy.yaml",
    key: "    config:",
    clusters: &[],
};

/// All of them.
pub const ALL: [Manifest; 2] = [ISTIO, GATEWAY];

/// The line of the reference below which the configuration is.
const VALUE: &str = "                  value:";

// === impl Manifest ===

impl Manifest {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name)
    }

    /// The manifest, which has the reference's configuration in place of its own.
    pub(super) fn text(&self) -> Result<String, DeriveError> {
        let path = self.path();
        let there = fs::read_to_string(&path).map_err(file(&path))?;
        let end = format!("\n{}\n", self.key);
        let (before, _) = there.split_once(&end).ok_or(DeriveError::NoPlace {
            path,
            key: self.key,
        })?;
        Ok(format!("{before}{end}{}", self.configuration()))
    }

    fn configuration(&self) -> String {
        let from = indent(VALUE) + 2;
        let to = indent(self.key) + 2;
        let mut text = String::new();
        let lines = REFERENCE
            .lines()
            .skip_while(|line| *line != VALUE)
            .skip(1)
            .take_while(|line| line.is_empty() || indent(line) >= from);
        for line in lines {
            let line = line.get(from..).unwrap_or_default();
            // What the reference says of its own clusters.
            let line = line.strip_suffix("# below").map_or(line, str::trim_end);
            if !line.is_empty() {
                text.extend(std::iter::repeat_n(' ', to));
                text.push_str(line);
            }
            text.push('\n');
        }
        for (ours, theirs) in self.clusters {
            // Quoted: in a list or map on one line, `|` would be another thing.
            for end in [",", "\n", " "] {
                let (ours, theirs) = (
                    format!("cluster: {ours}{end}"),
                    format!("cluster: \"{theirs}\"{end}"),
                );
                text = text.replace(&ours, &theirs);
            }
        }
        text
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tollgate_policy::config::Policy;

    use super::*;
    use crate::config::Config;

    /// The configuration in a manifest, as its text has it.
    fn configuration(manifest: Manifest) -> Value {
        let text = fs::read_to_string(manifest.path()).unwrap();
        let whole: Value = serde_saphyr::from_str(&text).unwrap();
        let places = ["/spec/pluginConfig", "/spec/wasm/0/config"];
        let mut found = places.iter().filter_map(|place| whole.pointer(place));
        found.next().unwrap().clone()
    }

    #[test]
    fn each_is_accepted_and_is_the_reference_but_for_names_of_clusters() {
        let reference = Config::reference().unwrap().policy().unwrap().clone();
        for manifest in ALL {
            let mut text = configuration(manifest).to_string();
            Policy::from_bytes(text.as_bytes()).unwrap();
            for (ours, theirs) in manifest.clusters {
                let cluster = format!("\"cluster\":\"{ours}\"");
                assert!(!text.contains(&cluster), "{ours}");
                text = text.replace(theirs, ours);
            }
            let found: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(found, reference, "{}", manifest.name);
        }
    }
}
