//! `cargo tollgate schema`: the form of the configuration, for editors and for readers.

pub mod reference;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::workspace;

/// Prints the JSON Schema of the filter's configuration
///
/// envoy/tollgate.schema.json is its output. Editors that know YAML complete and check by it, with this as the first line
/// of a file: # yaml-language-server: $schema=…/tollgate.schema.json
#[derive(Debug, Args)]
pub struct Schema {
    /// Print envoy/CONFIGURATION.md instead, with its tables made of the schema
    #[arg(long)]
    reference: bool,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The page cannot be read.
    #[error("{} cannot be read ({source}); run this within the repository", path.display())]
    Page {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The page asks for what there is not.
    #[error("envoy/CONFIGURATION.md: {0}")]
    Marker(#[from] reference::MarkerError),
}

// === impl Schema ===

impl Schema {
    /// What is to be printed.
    ///
    /// # Errors
    ///
    /// The page is not there, or has a marker that means nothing.
    pub fn run(&self) -> Result<String, SchemaError> {
        if !self.reference {
            return Ok(text());
        }
        let path = workspace::root().join("envoy/CONFIGURATION.md");
        let page =
            fs::read_to_string(&path).map_err(|source| SchemaError::Page { path, source })?;
        Ok(reference::with_tables(&page)?)
    }
}

/// The schema as it is in the repository.
fn text() -> String {
    format!("{:#}\n", tollgate_config::schema())
}
