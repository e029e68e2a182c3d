//! Every algorithm is answered right: by Envoy's own cryptography where it can and does not lie, else by the module.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use host_tests::{ALGORITHMS, Request, Token, VerifySignature, Worker, World, configuration};
use serde_json::json;

const HOSTS: [VerifySignature; 4] = [
    VerifySignature::Works,
    VerifySignature::Missing,
    VerifySignature::Accepts,
    VerifySignature::Refuses,
];

/// Those that Envoy can verify.
const OFFLOADED: [&str; 5] = ["RS256", "RS384", "RS512", "ES256", "ES384"];

fn worker(host: VerifySignature) -> (World, Worker) {
    let mut world = World::new();
    world.verify_signature = host;
    let worker = world.worker(&configuration::all_algorithms());
    (world, worker)
}

fn by(token: &str) -> Request {
    Request::get("/x").account("acme").bearer(token)
}

/// The token with another signature.
fn resigned(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = change(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// A signature in DER, of which JWS has only the two numbers.
fn der(raw: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        while bytes.len() > 1 && bytes[0] == 0 && bytes[1] < 0x80 {
            bytes.remove(0);
        }
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        [&[2, u8::try_from(bytes.len()).unwrap()], &bytes[..]].concat()
    };
    let (r, s) = raw.split_at(raw.len() / 2);
    let numbers = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat()
}

#[test]
fn a_good_signature_passes_on_every_host() {
    for host in HOSTS {
        let (world, mut worker) = worker(host);
        worker.tick();
        let counted = |name: &str| {
            world
                .statistics
                .value(&format!("tollgate.signatures.{name}"))
        };
        assert_eq!(
            counted("offloaded"),
            i64::from(host == VerifySignature::Works),
            "{host:?}"
        );
        for algorithm in ALGORITHMS {
            let before = (counted("host"), counted("module"));
            let outcome = worker.request(by(&Token::by(algorithm).signed()));
            assert!(outcome.is_forwarded(), "{host:?} {algorithm}: {outcome:?}");
            worker.tick();
            let added = (counted("host") - before.0, counted("module") - before.1);
            let offloaded = host == VerifySignature::Works && OFFLOADED.contains(&algorithm);
            let expected = if offloaded { (1, 0) } else { (0, 1) };
            assert_eq!(added, expected, "{host:?} {algorithm}");
        }
    }
}

#[test]
fn a_wrong_signature_passes_on_no_host() {
    for host in HOSTS {
        let (_, mut worker) = worker(host);
        for algorithm in ALGORITHMS {
            let token = Token::by(algorithm).signed();
            let other = Token::by(algorithm).claim("sub", "other").signed();
            let (_, other) = other.rsplit_once('.').unwrap();
            let other = BASE64_URL_SAFE_NO_PAD.decode(other).unwrap();
            let wrong = [
                resigned(&token, |mut bytes| {
                    bytes[0] ^= 1;
                    bytes
                }),
                resigned(&token, |mut bytes| {
                    *bytes.last_mut().unwrap() ^= 1;
                    bytes
                }),
                resigned(&token, |mut bytes| {
                    bytes.pop();
                    bytes
                }),
                resigned(&token, |bytes| [bytes, vec![0]].concat()),
                resigned(&token, |bytes| vec![0; bytes.len()]),
                resigned(&token, |bytes| vec![0xff; bytes.len()]),
                resigned(&token, |_| other),
                resigned(&token, |_| {
                    vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]
                }),
            ];
            for (number, wrong) in wrong.iter().enumerate() {
                let outcome = worker.request(by(wrong)).summary();
                assert_eq!(
                    outcome, "401 token_signature",
                    "{host:?} {algorithm} {number}"
                );
            }
            let outcome = worker
                .request(by(&resigned(&token, |_| Vec::new())))
                .summary();
            assert!(
                outcome.starts_with("401 "),
                "{host:?} {algorithm}: {outcome}"
            );
        }
    }
}

#[test]
fn a_signature_in_der_is_none() {
    for host in HOSTS {
        let (_, mut worker) = worker(host);
        for algorithm in ["ES256", "ES384"] {
            let token = resigned(&Token::by(algorithm).signed(), |raw| der(&raw));
            let outcome = worker.request(by(&token)).summary();
            assert_eq!(outcome, "401 token_signature", "{host:?} {algorithm}");
        }
    }
}

/// A key is for its own algorithm: one that says another is not found, though the mathematics would do.
#[test]
fn a_key_serves_only_its_own_algorithm() {
    let (_, mut worker) = worker(VerifySignature::Works);
    for (algorithm, id) in [
        ("RS384", "1"),
        ("PS256", "1"),
        ("RS256", "p256"),
        ("ES256", "1"),
        ("ES256", "rsa"),
        ("ES256", "p384"),
        ("ES384", "p256"),
        ("ES256", "ed25519"),
        ("EdDSA", "p256"),
        ("EdDSA", "rsa"),
    ] {
        let token = Token::by(algorithm).header("kid", id).signed();
        let outcome = worker.request(by(&token)).summary();
        assert_eq!(outcome, "401 token_key", "{algorithm} by {id}");
    }
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    for allowed in ALGORITHMS {
        let mut configuration = configuration::all_algorithms();
        configuration["issuers"][0]["algorithms"] = json!([allowed]);
        let mut worker = World::new().worker(&configuration);
        for algorithm in ALGORITHMS {
            let outcome = worker.request(by(&Token::by(algorithm).signed())).summary();
            let expected = if algorithm == allowed {
                "forwarded"
            } else {
                "401 token_algorithm"
            };
            assert_eq!(outcome, expected, "{algorithm} where {allowed} is allowed");
        }
    }
}

#[test]
fn what_is_no_algorithm_is_refused() {
    let (_, mut worker) = worker(VerifySignature::Works);
    for algorithm in [
        "none", "None", "HS256", "HS512", "ES512", "ES256K", "rs256", "RS256 ", "",
    ] {
        let token = Token::good().header("alg", algorithm).signed();
        let outcome = worker.request(by(&token)).summary();
        assert_eq!(outcome, "401 token_algorithm", "{algorithm:?}");
    }
}

/// Only for those who read the output: the cost depends on the algorithm and on who verifies.
#[test]
fn the_cost_of_each_is_shown() {
    for host in [VerifySignature::Works, VerifySignature::Missing] {
        let (_, mut worker) = worker(host);
        println!("{host:?}: configuring took {} instructions", worker.fuel());
        for algorithm in ALGORITHMS {
            let stream = worker.open(by(&Token::by(algorithm).signed()));
            println!("{host:?}: {algorithm}: {} instructions", worker.fuel());
            assert!(worker.outcome(stream).is_forwarded());
            worker.end(stream);
        }
    }
}
