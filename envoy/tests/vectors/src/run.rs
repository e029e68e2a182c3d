//! Verifies all signatures and counts what comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::KeySet;

use crate::host;
use crate::signature::{Place, Signatures};

/// How many wrong answers are told; all are counted.
const TOLD: usize = 10;

#[derive(Deserialize)]
struct Configuration {
    groups: Vec<Group>,
}

/// Signatures of one key.
#[derive(Deserialize)]
struct Group {
    algorithm: String,
    jwk: Value,
    set: String,
    vectors: Vec<Vector>,
}

/// Text and signature in base64, whether it is right, and a comment.
#[derive(Deserialize)]
struct Vector(String, String, bool, String);

#[derive(Default, Serialize)]
struct Report {
    /// How many the host verified.
    by_host: usize,
    /// How many the module verified: all.
    by_module: usize,
    /// How many answers were not as they should be, of either.
    wrong: usize,
    /// The first of them.
    examples: Vec<String>,
    /// By set: how many, and how long the host and the module took for all, in microseconds.
    times: BTreeMap<String, (usize, u64, u64)>,
}

/// Verifies all.
///
/// # Errors
///
/// The configuration is not what it should be, so not all could be verified.
pub(crate) fn all(configuration: &[u8]) -> Result<Value, String> {
    let configuration: Configuration =
        serde_json::from_slice(configuration).map_err(|error| error.to_string())?;
    let signatures = Signatures::probe();
    let mut report = Report::default();
    for group in &configuration.groups {
        report
            .verify(group, signatures)
            .map_err(|why| format!("{}: {why}", group.set))?;
    }
    serde_json::to_value(report).map_err(|error| error.to_string())
}

// === impl Report ===

impl Report {
    fn verify(&mut self, group: &Group, signatures: Signatures) -> Result<(), String> {
        let algorithm = Algorithm::parse(&group.algorithm).ok_or("no algorithm")?;
        let keys = json!({ "keys": [group.jwk] }).to_string();
        let keys = KeySet::parse(keys.as_bytes()).map_err(|error| error.to_string())?;
        let key = keys.find(algorithm, None).ok_or("no key")?.public();
        for Vector(signed, signature, right, comment) in &group.vectors {
            let signed = STANDARD.decode(signed).map_err(|error| error.to_string())?;
            let signature = STANDARD
                .decode(signature)
                .map_err(|error| error.to_string())?;
            let (by_module, module_took) =
                timed(|| tollgate_policy::signature::verify(algorithm, key, &signed, &signature));
            self.by_module += 1;
            self.expect(by_module == *right, "module", &group.set, comment);

            let mut host_took = Duration::ZERO;
            if signatures.place(algorithm) == Place::Host {
                let (by_host, took) =
                    timed(|| signatures.verify(algorithm, key, &signed, &signature));
                host_took = took;
                self.by_host += 1;
                self.expect(by_host == Ok(*right), "host", &group.set, comment);
            }
            let (number, host, module) = self.times.entry(group.set.clone()).or_default();
            *number += 1;
            *host += microseconds(host_took);
            *module += microseconds(module_took);
        }
        Ok(())
    }

    fn expect(&mut self, right: bool, by: &str, set: &str, comment: &str) {
        if right {
            return;
        }
        self.wrong += 1;
        if self.examples.len() < TOLD {
            self.examples.push(format!("{by}: {set} {comment}"));
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = host::now().unwrap_or_default();
    let done = work();
    let end = host::now().unwrap_or_default();
    (done, end.saturating_sub(begin))
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
