//! A folder that has one image: the OCI image layout, version 1.0.0.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Digest;

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A part of an image, which the manifest names.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) media_type: &'static str,
    /// The name that a tool gives the file which it makes of it.
    pub(super) title: Option<&'static str>,
    pub(super) bytes: Vec<u8>,
}

/// An image.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) config: Blob,
    pub(super) layers: Vec<Blob>,
    pub(super) annotations: Map<String, Value>,
}

// === impl Blob ===

impl Blob {
    fn descriptor(&self) -> Value {
        let media_type = self.media_type;
        let digest = Digest::of(&self.bytes).with_algorithm();
        let size = self.bytes.len();
        match self.title {
            None => json!({"mediaType": media_type, "digest": digest, "size": size}),
            Some(title) => json!({
                "mediaType": media_type,
                "digest": digest,
                "size": size,
                "annotations": {"org.opencontainers.image.title": title},
            }),
        }
    }
}

// === impl Image ===

impl Image {
    /// Writes it to `folder`, in place of what is there, and returns the digest of its manifest.
    pub(super) fn write(&self, folder: &Path) -> io::Result<Digest> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        let put = |blob: &Blob| {
            let path = blobs.join(Digest::of(&blob.bytes).to_string());
            fs::write(path, &blob.bytes)
        };
        put(&self.config)?;
        self.layers.iter().try_for_each(put)?;
        let manifest = Blob {
            media_type: MANIFEST,
            title: None,
            bytes: self.manifest().to_string().into_bytes(),
        };
        put(&manifest)?;
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest.descriptor()],
        });
        fs::write(folder.join("index.json"), index.to_string())?;
        let version = json!({"imageLayoutVersion": "1.0.0"});
        fs::write(folder.join("oci-layout"), version.to_string())?;
        Ok(Digest::of(&manifest.bytes))
    }

    fn manifest(&self) -> Value {
        let layers: Vec<_> = self.layers.iter().map(Blob::descriptor).collect();
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.descriptor(),
            "layers": layers,
            "annotations": self.annotations,
        })
    }
}
