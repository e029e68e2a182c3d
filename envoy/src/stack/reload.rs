//! Another configuration, or another module, for a gate that runs.

use std::path::Path;
use std::sync::PoisonError;

use serde_json::Value;

use super::Stack;
use crate::config::{Config, ConfigError};
use crate::envoy::ReloadError;

impl Stack {
    /// Envoy's configuration as it is now.
    pub fn config(&self) -> Config {
        let config = self.config.lock();
        config.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the filter's configuration, and comes back when every worker has the new one. What is under way goes on
    /// with the old one. It takes a stack that is [`reloadable`](super::Builder::reloadable).
    ///
    /// # Errors
    ///
    /// [`ReloadError::Refused`] with Envoy's reason; then all stays as it was.
    pub fn reload(&self, change: impl FnOnce(&mut Value)) -> Result<(), ReloadError> {
        self.reload_config(|mut config| {
            change(config.policy()?);
            Ok(config)
        })
    }

    /// The same for the module. One with other bytes gets virtual machines of its own.
    ///
    /// # Errors
    ///
    /// As [`Stack::reload`].
    pub fn reload_module(&self, module: &Path) -> Result<(), ReloadError> {
        self.reload_config(|config| config.with_module(module))
    }

    /// The same for anything else about the listener. Where more than its filters changes, Envoy begins a new one at
    /// the same place, and does not only replace the filters.
    ///
    /// # Errors
    ///
    /// As [`Stack::reload`].
    pub fn reload_config(
        &self,
        change: impl FnOnce(Config) -> Result<Config, ConfigError>,
    ) -> Result<(), ReloadError> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(config.clone())?;
        self.envoy.reload(changed.clone())?;
        *config = changed;
        Ok(())
    }
}
