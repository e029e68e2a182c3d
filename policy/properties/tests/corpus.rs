//! Everything that the fuzz targets have been fed with, or were stopped by, on any toolchain and without libFuzzer.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_properties::{TARGETS, Target};

/// What it begins with, what it keeps, and what it has found: one folder a target in each.
const FOLDERS: [&str; 3] = ["seeds", "corpus", "regressions"];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The inputs in a folder; none where there is no such folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn check(target: Target) {
    let mut checked = 0;
    for folder in FOLDERS {
        for file in inputs(&fuzz().join(folder).join(target.name)) {
            let input = fs::read(&file).unwrap();
            // Shown where it panics.
            println!("{}", file.display());
            (target.check)(&input);
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} inputs for {}", target.name);
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let target = TARGETS.iter().find(|target| target.name == stringify!($name));
                check(*target.unwrap());
            }
        )*

        #[test]
        fn every_target_is_here_and_in_the_fuzzers_manifest() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name).as_slice(), here);
            let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
            for name in here {
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
                let text = fs::read_to_string(fuzz().join(format!("targets/{name}.rs"))).unwrap();
                assert!(text.contains(&format!("tollgate_properties::{name}::check(data)")));
                assert!(fuzz().join("dictionaries").join(name).exists(), "{name}");
            }
            for folder in FOLDERS {
                for inputs in inputs(&fuzz().join(folder)) {
                    let name = inputs.file_name().unwrap().to_str().unwrap();
                    assert!(here.contains(&name), "{folder}/{name} is nobody's");
                }
            }
        }
    };
}

tests! {
    account
    api_key
    claims
    configuration
    decision
    directory
    introspection
    json
    jwk_set
    jwt
    path
    route
}
