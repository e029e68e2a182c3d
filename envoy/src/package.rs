//! What is shipped: the module with its digest, a list of what is in it, and the images that control planes fetch.

mod again;
mod bill;
mod digest;
mod image;
mod layout;
mod reader;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::build::{self, BuildError};
use crate::progress::Progress;
use crate::workspace;

pub use again::AgainError;
pub use bill::BillError;
pub use digest::Digest;
pub use image::Variant;
pub use reader::{Found, ReadError, read};

/// The module's name, here and in images.
const MODULE: &str = "tollgate.wasm";

/// Writes what is shipped: the module, its SHA-256, an SBOM and OCI images
#[derive(Debug, clap::Args)]
pub struct Package {
    /// Where to; left out, target/package. What is there already is replaced
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Builds the module once more from a copy in another folder, and fails unless it has the same bytes
    #[arg(long)]
    verify_reproducible: bool,
}

/// What was written.
#[derive(Debug)]
pub struct Packed {
    folder: PathBuf,
    module: Digest,
    components: usize,
    images: Vec<(Variant, Digest)>,
    /// Whether a second build was made, which has the same bytes then.
    again: bool,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The module is not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What is in it cannot be said.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// The module would be another one than the same sources make elsewhere.
    #[error(
        "this is Rust {found}, and rust-toolchain.toml says {pinned}; unset RUSTUP_TOOLCHAIN, or install it with `rustup toolchain install {pinned}`"
    )]
    Rust {
        /// The version in use.
        found: String,
        /// The one that belongs to the sources.
        pinned: &'static str,
    },
    /// A second build is another.
    #[error(transparent)]
    Again(#[from] AgainError),
    /// An image is not what it should be, read back.
    #[error("the image in {} cannot be read back: {source}", path.display())]
    Image {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        source: ReadError,
    },
    /// Read back, an image has another module.
    #[error("the image in {} has another module than tollgate.wasm", .0.display())]
    OtherModule(PathBuf),
    /// Something cannot be written.
    #[error("{} cannot be written ({source}); make room there, or name another folder with --output", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

// === impl Package ===

impl Package {
    /// Builds the module if it is not fresh, and writes all.
    pub fn run(&self, progress: &Progress) -> Result<Packed, PackageError> {
        check_rust(&bill::rust_version()?)?;
        let built = build::filter(progress)?;
        let module = fs::read(&built).map_err(file(&built))?;
        if self.verify_reproducible {
            again::verify(progress, &module)?;
        }
        let bill = progress.step("listing what is in the module", || bill::of(&module))?;
        let folder = match &self.output {
            Some(folder) => folder.clone(),
            None => workspace::target().join("package"),
        };
        let mut packed = write(&folder, &module, &bill)?;
        packed.again = self.verify_reproducible;
        Ok(packed)
    }
}

// === impl Packed ===

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        writeln!(f, "{folder}/{MODULE}")?;
        writeln!(f, "    sha256:{}", self.module)?;
        if self.again {
            writeln!(f, "    the same bytes from a copy in another folder")?;
        }
        let components = self.components;
        writeln!(f, "{folder}/{}", bill::FILE)?;
        writeln!(f, "    {components} components")?;
        for (variant, digest) in &self.images {
            writeln!(f, "{folder}/{variant}")?;
            writeln!(f, "    image sha256:{digest}")?;
        }
        Ok(())
    }
}

/// Another Rust makes another module.
fn check_rust(found: &str) -> Result<(), PackageError> {
    let pinned = include_str!("../../rust-toolchain.toml").split('"').nth(1);
    let pinned = pinned.unwrap_or_default();
    if found == pinned {
        return Ok(());
    }
    let found = found.to_owned();
    Err(PackageError::Rust { found, pinned })
}

/// Writes it all to `folder`, and reads the images back.
fn write(folder: &Path, module: &[u8], bill: &bill::Bill) -> Result<Packed, PackageError> {
    fs::create_dir_all(folder).map_err(file(folder))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(file(&path))
    };
    let digest = Digest::of(module);
    put(MODULE, module)?;
    // As `sha256sum -c` reads it.
    put(
        &format!("{MODULE}.sha256"),
        format!("{digest}  {MODULE}\n").as_bytes(),
    )?;
    put(bill::FILE, bill.to_json().as_bytes())?;
    let mut images = Vec::new();
    for variant in Variant::ALL {
        let path = folder.join(variant.to_string());
        let manifest = image::write(&path, variant, module).map_err(file(&path))?;
        let found = read(&path).map_err(|source| PackageError::Image {
            path: path.clone(),
            source,
        })?;
        if found.module != module || found.variant != variant {
            return Err(PackageError::OtherModule(path));
        }
        images.push((variant, manifest));
    }
    Ok(Packed {
        folder: folder.to_owned(),
        module: digest,
        components: bill.len(),
        images,
        again: false,
    })
}

fn file(path: &Path) -> impl Fn(io::Error) -> PackageError {
    let path = path.to_owned();
    move |source| PackageError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WASM: &[u8] = b"\0asm\x01\0\0\0 a module";

    fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
        found.sort();
        found
    }

    fn packed(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        write(folder, WASM, &bill::Bill::default()).unwrap();
        let relative =
            |(path, bytes): (PathBuf, _)| (path.strip_prefix(folder).unwrap().to_owned(), bytes);
        files(folder).into_iter().map(relative).collect()
    }

    #[test]
    fn another_rust_packs_nothing() {
        let error = check_rust("1.12.0").unwrap_err().to_string();
        assert!(
            error.starts_with("this is Rust 1.12.0, and rust-toolchain.toml says 1."),
            "{error}"
        );
        assert!(check_rust(&bill::rust_version().unwrap()).is_ok());
    }

    #[test]
    fn the_same_module_makes_the_same_files_anywhere() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = packed(one.path());
        assert_eq!(first, packed(&other.path().join("deeper/still")));
        assert_eq!(first, packed(one.path()), "over what is there");
        assert!(first.len() > 10, "{first:?}");
    }

    #[test]
    fn an_older_package_leaves_nothing_behind_in_an_image() {
        let folder = tempfile::tempdir().unwrap();
        let all = packed(folder.path()).len();
        let other = b"\0asm\x01\0\0\0 another";
        write(folder.path(), other, &bill::Bill::default()).unwrap();
        assert_eq!(files(folder.path()).len(), all);
    }
}
