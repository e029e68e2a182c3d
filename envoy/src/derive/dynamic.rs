//! The reference in three files: what Envoy starts with, and its listeners (LDS) and clusters (CDS) in files that it reads again
//! whenever another takes their place. Comments are the reference's.

use std::path::Path;

use crate::config::REFERENCE;

const STATIC: &str = "static_resources:";
const TYPES: [(&str, &str); 2] = [
    ("listeners", "envoy.config.listener.v3.Listener"),
    ("clusters", "envoy.config.cluster.v3.Cluster"),
];

const BOOTSTRAP: &str = "\
# Tollgate in Envoy: the reference configuration (../envoy.yaml), with its listener and its clusters in files that
# Envoy watches. A change takes effect when a new file is moved over the old one; written in place, it is not seen. One that is
# wrong is refused, and counted in `listener_manager.lds.update_rejected` or `cluster_manager.cds.update_rejected`; the old goes
# on. The counts of the caps, keys and the directory are kept.
#
#     envoy -c /etc/envoy/envoy.yaml
#     mv /etc/envoy/lds.yaml.new /etc/envoy/lds.yaml
#
# Written by `cargo tollgate derive`: change ../envoy.yaml instead.

node:                                         # Envoy wants these of whoever asks for resources, a file included
  id: tollgate
  cluster: tollgate

dynamic_resources:
  # The directory is watched, not the file: so it works as well where Kubernetes mounts a ConfigMap (which hides what the image
  # has in this folder: have the module elsewhere then).
  lds_config:
    path_config_source:
      path: /etc/envoy/lds.yaml
      watched_directory: {path: /etc/envoy}
  cds_config:
    path_config_source:
      path: /etc/envoy/cds.yaml
      watched_directory: {path: /etc/envoy}

";

/// The names and texts of the three files.
pub fn files() -> [(&'static str, String); 3] {
    let [listeners, clusters] = TYPES.map(|(name, message)| resources(name, message));
    [
        ("envoy.yaml", format!("{BOOTSTRAP}{}", rest())),
        ("lds.yaml", listeners),
        ("cds.yaml", clusters),
    ]
}

/// What is neither the head comment nor the static resources.
fn rest() -> String {
    let mut kept = String::new();
    let (mut begun, mut within) = (false, false);
    for line in REFERENCE.lines() {
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            begun = true;
            within = line == STATIC;
        }
        if begun && !within {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    format!("{}\n", kept.trim_end())
}

/// One list of the static resources, as a file that Envoy reads them from.
fn resources(name: &str, message: &str) -> String {
    let heading = format!("  {name}:");
    let of_list = REFERENCE
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        // Items and the comments before them have this indent; the next list's name has less.
        .take_while(|line| {
            line.is_empty()
                || line.starts_with("   ")
                || line.starts_with("  -")
                || line.starts_with("  #")
        });
    let mut text = format!(
        "# Written by `cargo tollgate derive`, from the {name} of ../envoy.yaml: change that instead.\nresources:\n"
    );
    for line in of_list {
        let line = line.strip_prefix("  ").unwrap_or(line);
        if let Some(first) = line.strip_prefix("- ") {
            text.push_str("- \"@type\": type.googleapis.com/");
            text.push_str(message);
            text.push_str("\n  ");
            text.push_str(first);
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

/// The folder that has them.
pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/dynamic"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    fn parsed(name: &str) -> Value {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }

    /// Whatever the text, the meaning: taken together they say what the reference says, and nothing else.
    #[test]
    fn together_they_are_the_reference() {
        let mut whole = parsed("envoy.yaml");
        let top = whole.as_object_mut().unwrap();
        assert!(top.remove("node").is_some());
        assert!(top.remove("dynamic_resources").is_some());
        let mut lists = json!({});
        for ((name, message), file) in TYPES.into_iter().zip(["lds.yaml", "cds.yaml"]) {
            let mut list = parsed(file)["resources"].take();
            for item in list.as_array_mut().unwrap() {
                let kind = item.as_object_mut().unwrap().remove("@type");
                assert_eq!(kind, Some(json!(format!("type.googleapis.com/{message}"))));
            }
            lists[name] = list;
        }
        top.insert("static_resources".to_owned(), lists);
        let reference: Value = serde_saphyr::from_str(REFERENCE).unwrap();
        assert_eq!(whole, reference);
    }
}
