//! The two forms of image that Istio and Envoy Gateway fetch a module in.
//!
//! `compat`: one layer, a tar+gzip archive with `plugin.wasm`, such as any image builder makes. `oci`: two layers, the
//! runtime's configuration and the module itself, each with a media type of its own. What has only the second of these,
//! as some tools write it, neither of them reads.

use std::fmt;
use std::io;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::layout::{Blob, Image};
use super::{Digest, MODULE};

/// The layer of `compat`, and its configuration.
pub(super) const ARCHIVE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The layers of `oci`.
pub(super) const RUNTIME: &str = "application/vnd.module.wasm.config.v1+json";
pub(super) const WASM: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// The files in the archive.
pub(super) const PLUGIN: &str = "plugin.wasm";
const RUNTIME_FILE: &str = "runtime-config.json";

/// A form of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// One layer, an archive: what ordinary tools for images understand too.
    Compat,
    /// Two layers: what the module is for, and the module.
    Oci,
}

// === impl Variant ===

impl Variant {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Compat, Self::Oci];
}

/// The name of its folder.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compat => "image-compat",
            Self::Oci => "image-oci",
        })
    }
}

/// Writes the module as an image, and returns the digest of its manifest, by which a registry knows it.
pub(super) fn write(folder: &Path, variant: Variant, module: &[u8]) -> io::Result<Digest> {
    let image = match variant {
        Variant::Compat => compat(module)?,
        Variant::Oci => oci(module),
    };
    image.write(folder)
}

fn compat(module: &[u8]) -> io::Result<Image> {
    let archive = archive(&[
        (PLUGIN, module),
        (RUNTIME_FILE, runtime().to_string().as_bytes()),
    ])?;
    let config = json!({
        // Of no machine: both are names that Go and OCI have for it.
        "architecture": "wasm",
        "os": "wasip1",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&archive).with_algorithm()]},
    });
    let mut annotations = annotations();
    annotations.insert("module.wasm.image/variant".to_owned(), json!("compat"));
    Ok(Image {
        config: Blob {
            media_type: IMAGE_CONFIG,
            title: None,
            bytes: config.to_string().into_bytes(),
        },
        layers: vec![Blob {
            media_type: ARCHIVE,
            title: None,
            bytes: compressed(&archive)?,
        }],
        annotations,
    })
}

fn oci(module: &[u8]) -> Image {
    let runtime = Blob {
        media_type: RUNTIME,
        title: Some(RUNTIME_FILE),
        bytes: runtime().to_string().into_bytes(),
    };
    Image {
        config: Blob {
            title: None,
            ..runtime.clone()
        },
        layers: vec![
            runtime,
            Blob {
                media_type: WASM,
                title: Some(MODULE),
                bytes: module.to_vec(),
            },
        ],
        annotations: annotations(),
    }
}

/// What the module is for, as the specification of Wasm images has it.
fn runtime() -> Value {
    json!({
        "type": "envoy_proxy",
        "abiVersions": ["0.2.1"],
        "config": {"root_ids": ["tollgate"]},
    })
}

fn annotations() -> Map<String, Value> {
    let annotations = [
        ("title", "tollgate"),
        (
            "description",
            "The account gate for Envoy, a proxy-wasm filter",
        ),
        ("version", env!("CARGO_PKG_VERSION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
    ];
    let named = |(name, value)| (format!("org.opencontainers.image.{name}"), json!(value));
    annotations.into_iter().map(named).collect()
}

/// A tar archive that tells nothing of when, where and by whom it was made.
fn archive(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes)?;
    }
    archive.into_inner()
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = GzEncoder::new(Vec::new(), Compression::best());
    io::Write::write_all(&mut compressor, bytes)?;
    compressor.finish()
}
