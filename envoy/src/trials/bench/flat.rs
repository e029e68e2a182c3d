//! Whether a known token costs the same with many tokens and accounts, with many routes, and with many issuers.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use super::BenchError;
use super::arms::BASELINE;
use super::conditions::Conditions;
use super::contest::{Contestant, Times};
use super::entry::{self, Entry, Question};
use super::goals::{Goal, Table};
use super::ground::Ground;
use super::report::{self, Measured, Row};
use super::requests::{PATH, bytes};
use super::statistics::Quartiles;
use crate::config::Config;
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE};
use crate::trials::soak::signer::{KID, Signer};
use crate::upstream::ASSERTION_KEY;

/// How many are many.
const TOKENS: usize = 100_000;
const ROUTES: usize = 500;
const FEW_ROUTES: usize = 5;
const ISSUERS: usize = 20;

/// How much more the many may cost, and how much less the few.
const LIMIT: f64 = 1.1;

/// Of the tokens, in seconds.
const LIFETIME: u64 = 24 * 3600;

const ONE: &str = "one token";
const BASELINE_MANY: &str = "none, 100,000 tokens";
const MANY_OF_ONE: &str = "100,000 tokens of one account";
const MANY: &str = "100,000 tokens and accounts";
const NONE: &str = "500 routes, none matches";
const LAST_OF_FEW: &str = "5 routes, the last matches";
const LAST: &str = "500 routes, the last matches";
const EACH: &str = "20 issuers, a token of the last";

/// What is held against what.
const COMPARED: [(&str, &str); 5] = [
    (MANY_OF_ONE, ONE),
    (MANY, ONE),
    (NONE, ONE),
    (LAST, LAST_OF_FEW),
    (EACH, ONE),
];

/// What was found. Displayed as a table in Markdown.
#[derive(Debug, Serialize)]
pub struct Flat {
    conditions: Conditions,
    rows: Vec<Row>,
    pairs: Vec<Pair>,
    goals: Vec<Goal>,
}

/// Many held against few.
#[derive(Debug, Serialize)]
struct Pair {
    many: String,
    few: String,
    /// What the many add to a request, divided by what the few add in the same round.
    ratio: Option<Quartiles>,
}

/// One gate: what it is told, and what it is sent.
struct Shape<'a> {
    name: String,
    tokens: &'a [Vec<u8>],
    issuers: Vec<Value>,
    routes: Vec<Value>,
}

/// Measures them.
pub(super) fn measure(
    ground: &Ground<'_>,
    rounds: usize,
    time: Duration,
) -> Result<Flat, BenchError> {
    let signer = Signer::generate();
    let step = format!("signing {TOKENS} tokens");
    let (tokens, of_one) = ground.progress.step(&step, || {
        (requests(&signer, |number| number), requests(&signer, |_| 0))
    });
    let one = tokens.get(..1).unwrap_or_default();
    let shape = |name: &str, tokens, issuers, routes, path| Shape {
        name: name.to_owned(),
        tokens,
        issuers: self::issuers(&signer, issuers),
        routes: self::routes(routes, path),
    };
    let shapes = [
        shape(ONE, one, 1, FEW_ROUTES, "elsewhere"),
        shape(MANY_OF_ONE, &of_one, 1, FEW_ROUTES, "elsewhere"),
        shape(MANY, &tokens, 1, FEW_ROUTES, "elsewhere"),
        shape(NONE, one, 1, ROUTES, "elsewhere"),
        shape(LAST_OF_FEW, one, 1, FEW_ROUTES, "agents"),
        shape(LAST, one, 1, ROUTES, "agents"),
        shape(EACH, one, ISSUERS, FEW_ROUTES, "elsewhere"),
    ];
    let known: Vec<_> = shapes.iter().map(|shape| shape.tokens.len()).collect();
    // Envoy without a filter too may read a request faster that it has just read.
    let mut entries = vec![
        entry(BASELINE, one, entry::bare()?.with_filter(None)?),
        entry(BASELINE_MANY, &tokens, entry::bare()?.with_filter(None)?),
    ];
    let bare = entries.len();
    for shape in shapes {
        entries.push(shape.entry(ground)?);
    }
    let times = Times {
        busy: time,
        paced: Duration::ZERO,
    };
    let contestants = ground.compete(entries, rounds, times)?;
    for (gate, tokens) in contestants.iter().skip(bare).zip(known) {
        check(gate, tokens)?;
    }
    let measured: Vec<_> = contestants.into_iter().map(Measured::from).collect();
    let pairs: Vec<_> = COMPARED
        .into_iter()
        .map(|(many, few)| Pair::new(&measured, many, few))
        .collect();
    Ok(Flat {
        conditions: Conditions::now(&ground.envoy, ground.cores, rounds, times),
        rows: report::rows(&measured),
        goals: pairs.iter().map(Pair::goal).collect(),
        pairs,
    })
}

/// Each token was verified once, and was known from then on.
fn check(gate: &Contestant<'_>, tokens: usize) -> Result<(), BenchError> {
    let count = |place| {
        let name = format!("wasmcustom.tollgate.signatures.{place}");
        gate.envoy.stat(&name).unwrap_or_default()
    };
    let verified = count("host") + count("module");
    if verified == tokens as u64 {
        return Ok(());
    }
    Err(BenchError::Wrong {
        arm: gate.name.clone(),
        what: format!("{tokens} tokens"),
        found: format!("{verified} signatures verified"),
        expected: format!("{tokens}"),
    })
}

/// Requests with a token each, and the accounts of these numbers.
fn requests(signer: &Signer, account: impl Fn(usize) -> usize) -> Vec<Vec<u8>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let expires = now.unwrap_or_default().as_secs() + LIFETIME;
    let header = json!({"alg": "ES256", "kid": KID, "typ": "JWT"});
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let request = |number| {
        let account = format!("account-{:06}", account(number));
        let claims = json!({
            "iss": url(0),
            "aud": [AUDIENCE],
            "sub": format!("290000000000{number:06}"),
            "exp": expires,
            "email": format!("member@{account}.example"),
            ACCOUNTS_CLAIM: [account],
        });
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes()));
        bytes(PATH, &account, &format!("{text}.{signature}"))
    };
    (0..TOKENS).map(request).collect()
}

fn url(number: usize) -> String {
    format!("https://id-{number}.example")
}

/// So many, of which the last has signed the tokens.
fn issuers(signer: &Signer, count: usize) -> Vec<Value> {
    let issuer = |number| {
        json!({
            "issuer": url(number),
            "audiences": [AUDIENCE],
            "algorithms": ["ES256"],
            "jwks": {"inline": {"keys": [signer.jwk()]}},
            "membership": {"claim": [ACCOUNTS_CLAIM], "shape": "list"},
        })
    };
    (0..count).rev().map(issuer).collect()
}

/// So many, of which only the last can be the requests'.
fn routes(count: usize, last: &str) -> Vec<Value> {
    let route = |number| {
        let path = if number + 1 == count {
            format!("/api/v1/{last}")
        } else {
            format!("/api/v1/part-{number}/{{id}}/settings")
        };
        json!({"match": format!("GET {path}"), "access": "protected"})
    };
    (0..count).map(route).collect()
}

fn entry<'a>(name: &str, tokens: &'a [Vec<u8>], config: Config) -> Entry<'a> {
    Entry {
        name: name.to_owned(),
        baseline: if tokens.len() == 1 {
            BASELINE.to_owned()
        } else {
            BASELINE_MANY.to_owned()
        },
        config,
        requests: Box::new(tokens.iter().map(Vec::as_slice).cycle()),
        first: tokens.len(),
        questions: vec![Question {
            what: "a good token".to_owned(),
            request: tokens.first().cloned().unwrap_or_default(),
            status: 200,
            code: "",
        }],
        closes: false,
    }
}

// === impl Shape ===

impl<'a> Shape<'a> {
    fn entry(self, ground: &Ground<'_>) -> Result<Entry<'a>, BenchError> {
        let policy = json!({
            "issuers": self.issuers,
            "routes": self.routes,
            "token_cache": {"entries": 4 * TOKENS, "bytes": 512 << 20},
            "assertion": {"key_env": ASSERTION_KEY, "audience": "upstream"},
            "caps": entry::all_caps(),
            "shared_counts": {"bytes": 256 << 20},
        });
        let config = entry::tollgate(entry::bare()?, ground.parts(), policy)?;
        let mut entry = entry(&self.name, self.tokens, config);
        let stranger = bytes(PATH, "account-000000", "e30.e30.e30");
        entry.questions.insert(
            0,
            Question {
                what: "a token that is none".to_owned(),
                request: stranger,
                status: 401,
                code: "token_malformed",
            },
        );
        Ok(entry)
    }
}

// === impl Flat ===

impl Flat {
    /// Whether many cost what few do.
    pub fn is_met(&self) -> bool {
        self.goals.iter().all(|goal| goal.is_met != Some(false))
    }
}

impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.conditions)?;
        writeln!(
            f,
            "| a known token | CPU a request | added | middle half | memory |\n|---|--:|--:|--:|--:|"
        )?;
        for row in &self.rows {
            write!(f, "| {} | {:.1} µs |", row.name, row.cost.median)?;
            match row.added {
                Some(added) => write!(
                    f,
                    " {:.1} µs | {:.1} – {:.1} |",
                    added.median, added.low, added.high
                )?,
                None => write!(f, " | |")?,
            }
            writeln!(f, " {} MB |", row.resident.unwrap_or_default() / 1_000_000)?;
        }
        if let Some(row) = self.rows.first() {
            write!(f, "\n{}", row.noise())?;
        }
        writeln!(f, "\n| paired | × | middle half |\n|---|--:|--:|")?;
        for Pair { many, few, ratio } in &self.pairs {
            match ratio {
                Some(ratio) => writeln!(
                    f,
                    "| {many} / {few} | {:.2} | {:.2} – {:.2} |",
                    ratio.median, ratio.low, ratio.high
                )?,
                None => writeln!(f, "| {many} / {few} | | |")?,
            }
        }
        write!(f, "\n{}", Table(&self.goals))
    }
}

// === impl Pair ===

impl Pair {
    fn new(measured: &[Measured], many: &str, few: &str) -> Self {
        let both = report::added(measured, many)
            .into_iter()
            .zip(report::added(measured, few));
        Self {
            many: many.to_owned(),
            few: few.to_owned(),
            ratio: Quartiles::of(both.map(|(many, few)| many / few)),
        }
    }

    fn goal(&self) -> Goal {
        let what = format!("{} / {}", self.many, self.few);
        Goal::new(what, self.ratio.map(|ratio| ratio.median), LIMIT, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_route_can_match() {
        let routes = routes(3, "agents");
        let matches: Vec<_> = routes.iter().map(|route| &route["match"]).collect();
        assert_eq!(matches.last().unwrap(), &&json!(format!("GET {PATH}")));
        assert_eq!(matches[0], "GET /api/v1/part-0/{id}/settings");
    }

    #[test]
    fn the_last_issuer_has_signed() {
        let issuers = issuers(&Signer::generate(), 20);
        assert_eq!(issuers.len(), 20);
        assert_eq!(issuers.last().unwrap()["issuer"], url(0));
    }
}
