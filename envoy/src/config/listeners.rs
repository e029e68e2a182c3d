//! Listeners in a file of their own, which Envoy reads again whenever another takes its place (LDS).

use std::path::Path;

use serde_json::{Value, json};

use super::{Config, ConfigError};

const STATIC: &str = "/static_resources";
const LISTENERS: &str = "listeners";
const TYPE: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

impl Config {
    /// The same with its listeners in `file`; and what shall be in the file.
    pub fn with_listeners_in(mut self, file: &Path) -> Result<(Self, String), ConfigError> {
        let missing = || ConfigError::Missing(format!("{STATIC}/{LISTENERS}"));
        let resources = self.at(STATIC)?.as_object_mut();
        let listeners = resources.and_then(|resources| resources.remove(LISTENERS));
        let Some(Value::Array(mut listeners)) = listeners else {
            return Err(missing());
        };
        for listener in &mut listeners {
            let listener = listener.as_object_mut().ok_or_else(missing)?;
            listener.insert("@type".to_owned(), json!(TYPE));
        }
        let top = self.0.as_object_mut().ok_or_else(missing)?;
        // Envoy wants these of whoever asks for resources, a file included.
        top.insert(
            "node".to_owned(),
            json!({"id": "tollgate", "cluster": "tollgate"}),
        );
        top.insert(
            "dynamic_resources".to_owned(),
            json!({"lds_config": {"path_config_source": {"path": file}}}),
        );
        Ok((self, json!({"resources": listeners}).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_moves_to_the_file() {
        let reference = Config::reference().unwrap();
        let (config, file) = reference.with_listeners_in(Path::new("/l.json")).unwrap();
        let file: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(file.pointer("/resources/0/name"), Some(&json!("edge")));
        assert_eq!(file.pointer("/resources/0/@type"), Some(&json!(TYPE)));
        let config = config.to_json();
        assert!(config.contains("/l.json"), "{config}");
        assert!(!config.contains("http_filters"), "{config}");
        assert!(config.contains("\"clusters\""), "{config}");
    }
}
