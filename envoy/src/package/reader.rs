//! Reads an image as Istio and Envoy Gateway do: by the same rules, in the same order.
//!
//! Both have them from one source (Istio's `pkg/wasm/imagefetcher.go`; Envoy Gateway's `internal/wasm/imagefetcher.go`):
//! the last layer is an archive with a file `plugin.wasm` in any folder; or else there are two layers, no fewer and no
//! more, and one of them has the module's media type. Docker's own manifests, which both take too, are refused here.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::image::{ARCHIVE, PLUGIN, WASM};
use super::layout::MANIFEST;
use super::{Digest, Variant};

/// The most that Envoy Gateway reads of a module, in bytes (256 MiB).
const LIMIT: u64 = 1 << 28;

/// What an image has.
#[derive(Debug)]
pub struct Found {
    /// Its form.
    pub variant: Variant,
    /// The module.
    pub module: Vec<u8>,
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file is not there or cannot be read.
    #[error("{name}: {source}")]
    File {
        /// Its name in the layout.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{0}: {1}")]
    Json(String, serde_json::Error),
    /// The index names not just one image.
    #[error("index.json has {0} manifests; this reads layouts with one")]
    Manifests(usize),
    /// The manifest is of another kind.
    #[error("the manifest has the media type {0}; write {MANIFEST}")]
    MediaType(String),
    /// A part is not what its descriptor says.
    #[error("{digest} has {found}")]
    Blob {
        /// Its name.
        digest: String,
        /// What it has.
        found: String,
    },
    /// No rule finds a module in it.
    #[error("neither form of a Wasm image: {compat}; {oci}")]
    Neither {
        /// Why it is not the one.
        compat: String,
        /// Why it is not the other.
        oci: String,
    },
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: usize,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    image_layout_version: String,
}

/// Reads the image that is in the folder, having checked each part against its digest and size.
pub fn read(folder: &Path) -> Result<Found, ReadError> {
    let text = |name: &str| {
        fs::read(folder.join(name)).map_err(|source| ReadError::File {
            name: name.to_owned(),
            source,
        })
    };
    let version: Version = parse("oci-layout", &text("oci-layout")?)?;
    if version.image_layout_version != "1.0.0" {
        return Err(ReadError::Blob {
            digest: "oci-layout".to_owned(),
            found: format!("version {}", version.image_layout_version),
        });
    }
    let index: Index = parse("index.json", &text("index.json")?)?;
    let [manifest] = index.manifests.as_slice() else {
        return Err(ReadError::Manifests(index.manifests.len()));
    };
    if manifest.media_type != MANIFEST {
        return Err(ReadError::MediaType(manifest.media_type.clone()));
    }
    let manifest: Manifest = parse("the manifest", &blob(folder, manifest)?)?;
    blob(folder, &manifest.config)?;
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        layers.push((layer.media_type.as_str(), blob(folder, layer)?));
    }
    find(&layers)
}

/// The module in an image's layers, each with its media type.
fn find(layers: &[(&str, Vec<u8>)]) -> Result<Found, ReadError> {
    let found = |variant| move |module| Found { variant, module };
    let compat = match compat(layers) {
        Ok(module) => return Ok(found(Variant::Compat)(module)),
        Err(problem) => problem,
    };
    oci(layers)
        .map(found(Variant::Oci))
        .map_err(|oci| ReadError::Neither { compat, oci })
}

fn compat(layers: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, String> {
    let (media_type, bytes) = layers.last().ok_or("there are no layers")?;
    if *media_type != ARCHIVE {
        return Err(format!("the last layer is {media_type}, not {ARCHIVE}"));
    }
    plugin(bytes)
        .map_err(|error| format!("its archive cannot be read ({error})"))?
        .ok_or_else(|| format!("its archive has no {PLUGIN}"))
}

/// The first file of that name in an archive.
fn plugin(archive: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive).take(LIMIT));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.file_name() == Some(PLUGIN.as_ref()) {
            let mut module = Vec::new();
            entry.read_to_end(&mut module)?;
            return Ok(Some(module));
        }
    }
    Ok(None)
}

fn oci(layers: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, String> {
    if layers.len() != 2 {
        return Err(format!("there are {} layers, not 2", layers.len()));
    }
    let mut modules = layers.iter().filter(|(media_type, _)| *media_type == WASM);
    modules
        .next()
        .map(|(_, module)| module.clone())
        .ok_or_else(|| format!("no layer is {WASM}"))
}

fn blob(folder: &Path, descriptor: &Descriptor) -> Result<Vec<u8>, ReadError> {
    let Descriptor { digest, size, .. } = descriptor;
    let wrong = |found: String| ReadError::Blob {
        digest: digest.clone(),
        found,
    };
    let name = digest
        .strip_prefix("sha256:")
        .filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| wrong("no SHA-256".to_owned()))?;
    let bytes =
        fs::read(folder.join("blobs/sha256").join(name)).map_err(|source| ReadError::File {
            name: digest.clone(),
            source,
        })?;
    if bytes.len() != *size {
        return Err(wrong(format!("{} bytes, not {size}", bytes.len())));
    }
    let actual = Digest::of(&bytes).with_algorithm();
    if actual != *digest {
        return Err(wrong(format!("the digest {actual}")));
    }
    Ok(bytes)
}

fn parse<T: for<'de> Deserialize<'de>>(name: &str, bytes: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(bytes).map_err(|error| ReadError::Json(name.to_owned(), error))
}

#[cfg(test)]
mod tests;
