use std::path::PathBuf;

use tempfile::TempDir;

use super::super::image::{self, RUNTIME};
use super::*;

const MODULE: &[u8] = b"\0asm\x01\0\0\0 a module";

fn written(variant: Variant) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    image::write(&image, variant, MODULE).unwrap();
    (folder, image)
}

/// The layers of an image that was written.
fn layers(variant: Variant) -> Vec<(&'static str, Vec<u8>)> {
    let (_folder, image) = written(variant);
    let index: Index = parse("", &fs::read(image.join("index.json")).unwrap()).unwrap();
    let manifest: Manifest = parse("", &blob(&image, &index.manifests[0]).unwrap()).unwrap();
    let known = |layer: &Descriptor| {
        let all = [ARCHIVE, RUNTIME, WASM];
        *all.iter().find(|it| **it == layer.media_type).unwrap()
    };
    let layer = |layer: &Descriptor| (known(layer), blob(&image, layer).unwrap());
    manifest.layers.iter().map(layer).collect()
}

#[test]
fn each_form_is_read_back() {
    for variant in Variant::ALL {
        let (_folder, image) = written(variant);
        let found = read(&image).unwrap();
        assert_eq!((found.variant, &*found.module), (variant, MODULE));
    }
}

/// The form in which a release broke 43 plugins (higress-group/higress#4528), and others that look as good.
#[test]
fn what_a_fetcher_refuses_is_refused() {
    let (oci, compat) = (layers(Variant::Oci), layers(Variant::Compat));
    let only_the_module = vec![oci[1].clone()];
    let one_more = [oci.clone(), vec![oci[0].clone()]].concat();
    let archive_first = [compat.clone(), oci.clone()].concat();
    let no_module = vec![oci[0].clone(), oci[0].clone()];
    let unpacked = vec![(ARCHIVE, MODULE.to_vec())];
    for (layers, said) in [
        (only_the_module, "there are 1 layers, not 2"),
        (one_more, "there are 3 layers, not 2"),
        (archive_first, "there are 3 layers, not 2"),
        (no_module, "no layer is application/vnd.module.wasm.content"),
        (unpacked, "its archive cannot be read"),
        (Vec::new(), "there are no layers"),
    ] {
        let error = find(&layers).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    // And what they take besides.
    let swapped = vec![oci[1].clone(), oci[0].clone()];
    let archive_last = [oci, compat].concat();
    for layers in [swapped, archive_last] {
        assert_eq!(find(&layers).unwrap().module, MODULE);
    }
}

#[test]
fn a_part_that_is_not_what_it_is_called_is_found() {
    for variant in Variant::ALL {
        let (_folder, image) = written(variant);
        let parts = fs::read_dir(image.join("blobs/sha256")).unwrap();
        for part in parts.map(|part| part.unwrap().path()) {
            let good = fs::read(&part).unwrap();
            let mut longer = good.clone();
            longer.push(b' ');
            let mut other = good.clone();
            *other.last_mut().unwrap() ^= 1;
            for (bad, said) in [(longer, " bytes, not "), (other, "has the digest sha256:")] {
                fs::write(&part, bad).unwrap();
                let error = read(&image).unwrap_err().to_string();
                assert!(error.contains(said), "{error}");
            }
            fs::remove_file(&part).unwrap();
            assert!(matches!(read(&image), Err(ReadError::File { .. })));
            fs::write(&part, good).unwrap();
        }
        read(&image).unwrap();
    }
}
