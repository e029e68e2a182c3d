//! Of a JWK set, exactly the keys count that could be used alone; each is what its members say, and no signature over
//! anything makes it panic.
//!
//! Input: the text of a set.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::json;
use tollgate_policy::keys::{KeySet, MAX_BYTES, PublicKey};
use tollgate_policy::signature;

use crate::assert_fits_a_log;

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// See the module.
pub fn check(text: &[u8]) {
    let set = match KeySet::parse(text) {
        Ok(set) => set,
        Err(error) => {
            assert_fits_a_log(&error.to_string());
            // As in the configuration, where it is JSON already.
            if let Ok(members) = json::object(text)
                && let Err(error) = KeySet::from_object(&members)
            {
                assert_fits_a_log(&error.to_string());
            }
            return;
        }
    };
    assert!(text.len() <= MAX_BYTES);
    let Raw { keys } = serde_json::from_slice(text).expect("a key set");
    let mut usable = 0;
    for key in keys {
        let alone = format!("{{\"keys\":[{}]}}", key.get());
        if let Ok(set) = KeySet::parse(alone.as_bytes()) {
            usable += 1;
            assert_eq!(set.len(), 1);
            let members = json::object(key.get().as_bytes()).expect("an object");
            let again = KeySet::from_object(json::object(alone.as_bytes()).as_ref().unwrap());
            assert_eq!(again.map(|set| set.len()).ok(), Some(1));
            check_key(&set, &members);
        }
    }
    assert_eq!(set.len(), usable);
    let same = KeySet::parse(text).unwrap().sharing(&set);
    assert_eq!(same.len(), set.len());
}

fn check_key(set: &KeySet, members: &Map<String, Value>) {
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert!(!members.contains_key(private));
    }
    assert!(members.get("use").is_none_or(|intended| intended == "sig"));
    let kid = members.get("kid").map(|kid| kid.as_str().expect("a text"));
    let only = members
        .get("alg")
        .map(|name| name.as_str().expect("a text"));
    let mut found = 0;
    for algorithm in Algorithm::ALL {
        let Some(key) = set.find(algorithm, None) else {
            continue;
        };
        found += 1;
        assert!(set.find(algorithm, Some("\0nobody's")).is_none());
        assert!(kid.is_none() || set.find(algorithm, kid).is_some());
        assert!(only.is_none_or(|only| only == algorithm.as_str()));
        check_material(key.public(), members, algorithm);
    }
    assert!(found > 0);
}

/// The members' bytes are in what Envoy is given; and nobody has signed this.
fn check_material(key: &PublicKey, members: &Map<String, Value>, algorithm: Algorithm) {
    let bytes = |name: &str| {
        let text = members[name].as_str().expect("a text");
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    };
    let has = |spki: &[u8], part: &[u8]| spki.windows(part.len()).any(|found| found == part);
    let kind = members["kty"].as_str().expect("a text");
    let length = match (kind, key.spki()) {
        ("RSA", Some(spki)) => {
            let modulus = bytes("n");
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            let modulus = &modulus[zeros..];
            assert!((256..=1024).contains(&modulus.len()));
            assert!(has(spki, modulus));
            modulus.len()
        }
        ("EC", Some(spki)) => {
            assert!(has(spki, &[bytes("x"), bytes("y")].concat()));
            2 * bytes("x").len()
        }
        ("OKP", None) => 64,
        (kind, spki) => panic!("{kind} {spki:?}"),
    };
    assert!(key.fits(algorithm));
    for filling in [0, 1, 0x7f, 0xff] {
        let signature = vec![filling; length];
        assert!(signature::has_length(algorithm, key, &signature));
        // All zeros and all ones could be right for a key that somebody made for it: RSA with a known root, say.
        let _ = signature::verify(algorithm, key, b"signed", &signature);
        assert!(!signature::verify(
            algorithm,
            key,
            b"signed",
            &signature[1..]
        ));
    }
}
