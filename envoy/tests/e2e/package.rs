//! What is shipped: the files that `tollgate package` writes, read back as those read them who get them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_envoy::client::Origin;
use tollgate_envoy::net;
use tollgate_envoy::package::{Variant, read};
use tollgate_envoy::process::{Child, Job, Scratch};
use tollgate_envoy::workspace;

use crate::world::{MODULE, tool};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the command wrote, and what it said.
struct Package {
    folder: tempfile::TempDir,
    said: String,
}

impl Package {
    fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(tool().path())
            .args(["package", "--output"])
            .arg(folder.path())
            .output()
            .unwrap();
        let said = succeeded(&output);
        Self { folder, said }
    }

    fn path(&self, name: impl ToString) -> PathBuf {
        self.folder.path().join(name.to_string())
    }
}

fn succeeded(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_module_is_shipped_with_its_digest_its_parts_and_images() {
    let package = Package::write();
    let module = fs::read(&*MODULE).unwrap();
    assert_eq!(fs::read(package.path("tollgate.wasm")).unwrap(), module);
    let checked = Command::new("sha256sum")
        .args(["-c", "tollgate.wasm.sha256"])
        .current_dir(package.folder.path())
        .output()
        .unwrap();
    assert_eq!(succeeded(&checked), "tollgate.wasm: OK\n");

    let bill = fs::read_to_string(package.path("tollgate.cdx.json")).unwrap();
    let bill: Value = serde_json::from_str(&bill).unwrap();
    let digest = &bill["metadata"]["component"]["hashes"][0]["content"];
    assert!(package.said.contains(digest.as_str().unwrap()));
    let components = bill["components"].as_array().unwrap().len();
    assert!(package.said.contains(&format!("{components} components")));

    for variant in Variant::ALL {
        assert_eq!(read(&package.path(variant)).unwrap().module, module);
    }
    let again = Package::write();
    for file in [
        "tollgate.cdx.json",
        "image-compat/index.json",
        "image-oci/index.json",
    ] {
        let (one, other) = (fs::read(package.path(file)), fs::read(again.path(file)));
        assert_eq!(one.unwrap(), other.unwrap(), "{file}");
    }
}

/// What makes a build elsewhere another one; `tollgate package --verify-reproducible` makes one.
#[test]
fn the_module_has_no_path_of_the_machine() {
    let module = fs::read(&*MODULE).unwrap();
    let mut folders = vec![
        workspace::root().to_owned(),
        workspace::target().to_owned(),
        env::home_dir().unwrap(),
        PathBuf::from("registry/src"),
    ];
    folders.extend(env::var_os("CARGO_HOME").map(PathBuf::from));
    for folder in folders {
        let path = format!("{}/", folder.display());
        let found = module
            .windows(path.len())
            .any(|part| part == path.as_bytes());
        assert!(!found, "{path}");
    }
    let known = b"crates/serde_json-";
    let kept = module.windows(known.len()).any(|part| part == known);
    assert!(kept, "a panic still says where it comes from");
}

/// A registry on loopback.
struct Registry {
    _child: Child,
    address: String,
}

impl Registry {
    fn start(program: &Path) -> Self {
        let (scratch, port) = (Scratch::new().unwrap(), net::free_port().unwrap());
        let address = net::loopback(port).to_string();
        let store = scratch.path().join("store");
        let config = scratch.path().join("config.yml");
        let text = json!({
            "version": "0.1",
            "log": {"accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": store}},
            "http": {"addr": address},
        });
        fs::write(&config, text.to_string()).unwrap();
        let mut child = Job::new("the registry", program)
            .args(["serve".as_ref(), config.as_os_str()])
            .start(&tool(), scratch)
            .unwrap();
        let origin = Origin::parse(&format!("http://{address}")).unwrap();
        child
            .wait_for("it answers", PATIENCE, |_| {
                (origin.get("/v2/").send().ok()?.status == 200).then_some(())
            })
            .unwrap();
        Self {
            _child: child,
            address,
        }
    }
}

/// None where it is not installed, which only a continuous integration may not be without.
fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    if env::var_os("CI").is_some() {
        assert!(found.is_some(), "{program} is not installed");
    } else if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[test]
fn images_come_back_from_a_registry_as_they_went_there() {
    let (Some(skopeo), Some(registry)) = (installed("skopeo"), installed("docker-registry")) else {
        return;
    };
    let (package, registry) = (Package::write(), Registry::start(&registry));
    let copy = |from: &str, to: &str| {
        let output = Command::new(&skopeo)
            .args(["--insecure-policy", "copy", "--quiet"])
            .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
            .args([from, to])
            .output();
        succeeded(&output.unwrap());
    };
    for variant in Variant::ALL {
        let there = format!("docker://{}/tollgate:{variant}", registry.address);
        copy(&format!("oci:{}", package.path(variant).display()), &there);

        let origin = Origin::parse(&format!("http://{}", registry.address)).unwrap();
        let manifest = origin
            .get(format!("/v2/tollgate/manifests/{variant}"))
            .header("accept", "application/vnd.oci.image.manifest.v1+json")
            .send()
            .unwrap();
        let digest = manifest.header("docker-content-digest").unwrap();
        assert!(package.said.contains(&format!("image {digest}\n")));

        let back = package.path(format!("back-{variant}"));
        copy(&there, &format!("oci:{}", back.display()));
        let found = read(&back).unwrap();
        assert_eq!(found.variant, variant);
        assert!(found.module == fs::read(&*MODULE).unwrap(), "{variant}");
    }
}
