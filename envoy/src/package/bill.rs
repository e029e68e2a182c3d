//! What the module is made of: a CycloneDX 1.6 bill of materials, from what cargo knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Digest, MODULE};
use crate::build::{self, FILTER, TARGET};
use crate::workspace;

/// The file's name.
pub(super) const FILE: &str = "tollgate.cdx.json";

/// Why it cannot be said what is in the module.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// Cargo or rustc cannot be asked.
    #[error("`{0}` could not be asked what is in the module ({1})")]
    Asked(&'static str, String),
    /// Cargo says something else than it used to.
    #[error("`cargo tree` has a line that is not understood: {0}")]
    Line(String),
    /// The lock file cannot be read.
    #[error("Cargo.lock cannot be read: {0}")]
    Lock(String),
}

/// A list of components, and which needs which.
#[derive(Clone, Debug, Default)]
pub(super) struct Bill {
    module: Option<Digest>,
    rust: String,
    crates: BTreeMap<Crate, Entry>,
}

/// A crate, as cargo names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    licence: String,
    /// Its archive's SHA-256; none for a package of this workspace.
    checksum: Option<String>,
    needs: BTreeSet<Crate>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// What is in this module, which was built here.
pub(super) fn of(module: &[u8]) -> Result<Bill, BillError> {
    let mut crates = tree(&asked_cargo()?)?;
    for locked in lock()?.package {
        let known = Crate {
            name: locked.name,
            version: locked.version,
        };
        if let Some(entry) = crates.get_mut(&known) {
            entry.checksum = locked.checksum;
        }
    }
    Ok(Bill {
        module: Some(Digest::of(module)),
        rust: rust_version()?,
        crates,
    })
}

// === impl Bill ===

impl Bill {
    /// How many components there are.
    pub(super) fn len(&self) -> usize {
        // Rust's own library is one.
        self.crates.len() + 1
    }

    /// As it is written; the same of the same module.
    pub(super) fn to_json(&self) -> String {
        let (package, _) = FILTER;
        let root = self.crates.iter().find(|(it, _)| it.name == package);
        let standard = format!("pkg:generic/rust-std@{}", self.rust);
        let module = json!({
            "type": "application",
            "bom-ref": MODULE,
            "name": MODULE,
            "version": env!("CARGO_PKG_VERSION"),
            "hashes": hashes(self.module.as_ref().map(ToString::to_string)),
            "licenses": licences(env!("CARGO_PKG_LICENSE")),
        });
        let mut components: Vec<_> = self.crates.iter().map(component).collect();
        components.push(json!({
            "type": "library",
            "bom-ref": standard,
            "name": "rust-std",
            "version": self.rust,
            "description": "Rust's standard library for wasm32-wasip1, with wasi-libc",
            "licenses": licences("MIT OR Apache-2.0"),
            "purl": standard,
        }));
        let mut dependencies = vec![
            json!({
                "ref": MODULE,
                "dependsOn": root.map(|(it, _)| it.reference()).into_iter().chain([standard.clone()]).collect::<Vec<_>>(),
            }),
            json!({"ref": standard, "dependsOn": []}),
        ];
        dependencies.extend(self.crates.iter().map(|(it, entry)| {
            let needs: Vec<_> = entry.needs.iter().map(Crate::reference).collect();
            json!({"ref": it.reference(), "dependsOn": needs})
        }));
        let bill = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "component": module,
                "tools": {"components": [{"type": "application", "name": "cargo tollgate package", "version": env!("CARGO_PKG_VERSION")}]},
            },
            "components": components,
            "dependencies": dependencies,
        });
        format!("{bill:#}\n")
    }
}

fn component((it, entry): (&Crate, &Entry)) -> Value {
    let component = json!({
        "type": "library",
        "bom-ref": it.reference(),
        "name": it.name,
        "version": it.version,
        "licenses": licences(&entry.licence),
    });
    let Value::Object(mut component) = component else {
        return component;
    };
    // What no registry has is nowhere else to be found by that name.
    if entry.checksum.is_some() {
        component.insert("purl".to_owned(), json!(it.reference()));
        component.insert("hashes".to_owned(), hashes(entry.checksum.clone()));
    }
    Value::Object(component)
}

fn hashes(digest: Option<String>) -> Value {
    let hash = |digest| json!({"alg": "SHA-256", "content": digest});
    digest.into_iter().map(hash).collect()
}

/// As SPDX has it; `/` is what cargo used to allow for `OR`.
fn licences(expression: &str) -> Value {
    json!([{"expression": expression.replace('/', " OR ")}])
}

// === impl Crate ===

impl Crate {
    /// Its package URL, by which it is also named within the bill.
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// What is compiled into the module: not macros, nor what only a build script needs.
fn asked_cargo() -> Result<String, BillError> {
    let failed = |problem: String| BillError::Asked("cargo tree", problem);
    let (package, _) = FILTER;
    let output = build::cargo()
        .args(["tree", "--package", package, "--target", TARGET])
        .args(["--edges", "normal,no-proc-macro", "--no-dedupe"])
        .args(["--prefix", "depth", "--format", "{p}|{l}"])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The crates in lines such as `2serde v1.0.229|MIT OR Apache-2.0`, which begin with how deep they are.
fn tree(lines: &str) -> Result<BTreeMap<Crate, Entry>, BillError> {
    let mut crates = BTreeMap::<Crate, Entry>::new();
    let mut above = Vec::<Crate>::new();
    for line in lines.lines() {
        let (depth, found, licence) =
            crate_of(line).ok_or_else(|| BillError::Line(line.to_owned()))?;
        if depth > above.len() {
            return Err(BillError::Line(line.to_owned()));
        }
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| crates.get_mut(parent)) {
            parent.needs.insert(found.clone());
        }
        let entry = crates.entry(found.clone()).or_default();
        licence.clone_into(&mut entry.licence);
        above.push(found);
    }
    Ok(crates)
}

fn crate_of(line: &str) -> Option<(usize, Crate, &str)> {
    let name = line.find(|c: char| !c.is_ascii_digit())?;
    let (depth, rest) = line.split_at(name);
    let (package, licence) = rest.split_once('|')?;
    let mut words = package.split(' ');
    let found = Crate {
        name: words.next()?.to_owned(),
        version: words.next()?.strip_prefix('v')?.to_owned(),
    };
    Some((depth.parse().ok()?, found, licence))
}

fn lock() -> Result<Lock, BillError> {
    let path = workspace::root().join("Cargo.lock");
    let text = fs::read_to_string(path).map_err(|error: io::Error| error.to_string());
    text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string()))
        .map_err(BillError::Lock)
}

/// Such as `1.95.0`.
pub(super) fn rust_version() -> Result<String, BillError> {
    let failed = |problem: String| BillError::Asked("rustc --version", problem);
    let output = build::in_workspace("rustc")
        .arg("--version")
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split(' ').nth(1);
    version
        .map(str::to_owned)
        .ok_or_else(|| failed(said.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_each_crate_once_and_what_needs_it() {
        let lines = "0top v0.1.0 (/somewhere)|Apache-2.0\n1a v1.0.0|MIT/Apache-2.0\n2b v2.0.0|MIT\n1b v2.0.0|MIT\n1b v3.0.0|MIT\n";
        let crates = tree(lines).unwrap();
        let named = |name: &str, version: &str| Crate {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(crates.len(), 4);
        let top = &crates[&named("top", "0.1.0")].needs;
        let all = [
            named("a", "1.0.0"),
            named("b", "2.0.0"),
            named("b", "3.0.0"),
        ];
        assert_eq!(*top, BTreeSet::from(all));
        let a = &crates[&named("a", "1.0.0")].needs;
        assert_eq!(*a, BTreeSet::from([named("b", "2.0.0")]));
        let text = Bill {
            crates,
            ..Bill::default()
        };
        let text = text.to_json();
        assert!(text.contains("MIT OR Apache-2.0") && !text.contains("somewhere"));
    }

    #[test]
    fn a_line_of_another_kind_is_told() {
        for line in ["serde", "0serde|MIT", "0serde 1.0|MIT", "3serde v1|MIT"] {
            let error = tree(line).unwrap_err().to_string();
            assert!(error.ends_with(line), "{error}");
        }
    }

    /// `cargo metadata` would name what other packages of the workspace make of the same dependencies.
    #[test]
    fn the_modules_own_crates_are_listed_and_no_others() {
        let bill = of(b"module").unwrap();
        let names: BTreeSet<_> = bill.crates.keys().map(|it| it.name.as_str()).collect();
        for there in ["tollgate-plugin", "tollgate-policy", "serde_json", "p256"] {
            assert!(names.contains(there), "{there}: {names:?}");
        }
        for not in [
            "axum",
            "tokio",
            "serde_derive",
            "thiserror-impl",
            "wasmtime",
        ] {
            assert!(!names.contains(not), "{not}");
        }
        let foreign = |it: &&Crate| !it.name.starts_with("tollgate-");
        for it in bill.crates.keys().filter(foreign) {
            let entry = &bill.crates[it];
            assert!(entry.checksum.as_ref().is_some_and(|sum| sum.len() == 64));
            assert!(!entry.licence.is_empty(), "{it:?}");
        }
    }
}
