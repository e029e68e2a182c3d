//! What manifests have of the reference: the filter's configuration, with the names that clusters have there, and the labels of its
//! statistics.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DeriveError, file};
use crate::config::REFERENCE;

/// A manifest that ends with a part of the reference.
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    name: &'static str,
    /// The line below which it is.
    key: &'static str,
    /// The line of the reference below which it is.
    part: &'static str,
    /// What clusters are called there: the reference's name, and the other.
    clusters: &'static [(&'static str, &'static str)],
}

/// Istio's ingress gateway, which calls clusters after the service and its port.
pub const ISTIO: Manifest = Manifest {
    name: "istio/wasmplugin.yaml",
    key: "  pluginConfig:",
    part: FILTER,
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
    part: FILTER,
    clusters: &[],
};

/// The labels, for Istio's gateway.
pub const ISTIO_LABELS: Manifest = Manifest {
    name: "istio/statistics.yaml",
    key: "          stats_tags:",
    part: LABELS,
    clusters: &[],
};

/// The labels, for Envoy Gateway's proxies.
pub const GATEWAY_LABELS: Manifest = Manifest {
    name: "gateway/envoyproxy.yaml",
    key: "        stats_tags:",
    part: LABELS,
    clusters: &[],
};

/// All of them.
pub const ALL: [Manifest; 4] = [ISTIO, GATEWAY, ISTIO_LABELS, GATEWAY_LABELS];

/// The line of the reference below which the filter's configuration is.
const FILTER: &str = "                  value:";

/// And the one below which the labels are.
const LABELS: &str = "  stats_tags:";

// === impl Manifest ===

impl Manifest {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name)
    }

    /// The manifest, which has the reference's part in place of its own.
    pub(super) fn text(&self) -> Result<String, DeriveError> {
        let path = self.path();
        let there = fs::read_to_string(&path).map_err(file(&path))?;
        let end = format!("\n{}\n", self.key);
        let (before, _) = there.split_once(&end).ok_or(DeriveError::NoPlace {
            path,
            key: self.key,
        })?;
        Ok(format!("{before}{end}{}", self.below(REFERENCE)?))
    }

    /// What is below the part's line in this reference.
    fn below(&self, reference: &str) -> Result<String, DeriveError> {
        let mut lines = reference
            .lines()
            .skip_while(|line| *line != self.part)
            .skip(1)
            .peekable();
        // Nothing there would be written over what is in the manifest.
        let from = lines
            .peek()
            .map(|line| indent(line))
            .filter(|from| *from >= indent(self.part));
        let from = from.ok_or(DeriveError::NoPart(self.part))?;
        let to = indent(self.key) + 2;
        let mut text = String::new();
        for line in lines.take_while(|line| line.is_empty() || indent(line) >= from) {
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
        Ok(format!("{}\n", text.trim_end()))
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
        for manifest in [ISTIO, GATEWAY] {
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

    #[test]
    fn labels_are_the_references() {
        let labels = |text: &str| {
            let whole: Value = serde_saphyr::from_str(text).unwrap();
            whole.pointer("/stats_config/stats_tags").cloned().unwrap()
        };
        let reference = labels(REFERENCE);
        let read = |manifest: Manifest| -> Value {
            serde_saphyr::from_str(&fs::read_to_string(manifest.path()).unwrap()).unwrap()
        };
        let istio = read(ISTIO_LABELS);
        let patch = &istio["spec"]["configPatches"][0];
        assert_eq!(patch["applyTo"], "BOOTSTRAP");
        assert_eq!(
            patch["patch"]["value"]["stats_config"]["stats_tags"],
            reference
        );
        let gateway = read(GATEWAY_LABELS);
        assert_eq!(
            labels(gateway["spec"]["bootstrap"]["value"].as_str().unwrap()),
            reference
        );
    }

    #[test]
    fn a_part_that_is_not_there_leaves_the_manifest_alone() {
        for reference in ["", "  stats_tags:", "  stats_tags:\nnext: 1"] {
            let error = ISTIO_LABELS.below(reference).unwrap_err();
            assert!(error.to_string().contains("  stats_tags:"), "{error}");
        }
        let text = ISTIO_LABELS
            .below("a:\n  stats_tags:\n  - {x: 1}\n\nnext: 1")
            .unwrap();
        assert_eq!(text, "            - {x: 1}\n");
    }
}
