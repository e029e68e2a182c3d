//! What servers would answer, as it is given on the command line.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tollgate_policy::caps::{Cap, Window};
use tollgate_policy::config::Policy;
use tollgate_policy::directory::Directory;
use tollgate_policy::keys::KeySet;

use super::ExplainError;
use super::source::Source;
use super::wrong::{without_quoted, without_values};

/// Everything that was given.
#[derive(Debug, Default)]
pub struct Given {
    /// Key sets.
    pub key_sets: Vec<Keys>,
    /// The answer to an introspection.
    pub introspection: Option<Document>,
    /// The directory of accounts.
    pub directory: Option<Document>,
    /// What the account has used already.
    pub spent: Vec<Spent>,
}

/// A file's text.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// An issuer's keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Whose; none: the one's that the token names.
    pub issuer: Option<String>,
    /// A JWK set.
    pub document: Document,
}

/// Requests that count already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// In which cap.
    pub cap: String,
    /// In which of its windows.
    pub window: Window,
    /// How many.
    pub count: u32,
}

/// The most requests that are made before the one that is explained: each takes the replay some time.
const MOST_SPENT: u32 = 10_000;

// === impl Given ===

impl Given {
    /// Reads what the flags say.
    ///
    /// # Errors
    ///
    /// A file is none of its kind, or names what the configuration has not.
    pub fn read(
        source: &Source,
        key_sets: &[String],
        introspection: Option<&Path>,
        directory: Option<&Path>,
        spent: &[String],
    ) -> Result<Self, ExplainError> {
        let policy = &source.policy;
        let keys = key_sets.iter().map(|flag| Keys::read(flag, policy));
        let spent = spent.iter().map(|flag| Spent::parse(flag, policy));
        let given = Self {
            key_sets: keys.collect::<Result<_, _>>()?,
            introspection: introspection.map(Document::read).transpose()?,
            directory: directory.map(Document::read).transpose()?,
            spent: spent.collect::<Result<_, _>>()?,
        };
        if let Some(directory) = &given.directory {
            let read = Directory::parse(directory.text.as_bytes(), &policy.accounts);
            read.map_err(|error| {
                directory.wrong(
                    "no directory of accounts",
                    &without_quoted(&error.to_string()),
                )
            })?;
        }
        if let Some(answer) = &given.introspection {
            let read: Result<Value, _> = serde_json::from_str(&answer.text);
            read.map_err(|error| {
                answer.wrong("no answer to an introspection", &without_values(&error))
            })?;
        }
        Ok(given)
    }

    /// The keys of an issuer, given that the token names this one.
    pub fn keys(&self, issuer: &str, named: Option<&str>) -> Option<&Keys> {
        let of = |keys: &&Keys| keys.issuer.as_deref().or(named) == Some(issuer);
        // What is said of an issuer comes before what is said of any.
        let own = |keys: &&Keys| keys.issuer.is_some() && of(keys);
        let mut sets = self.key_sets.iter();
        sets.clone().find(own).or_else(|| sets.find(of))
    }
}

// === impl Document ===

impl Document {
    fn read(path: &Path) -> Result<Self, ExplainError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| ExplainError::new(format!("{file}: {error}")))?;
        Ok(Self { file, text })
    }

    fn wrong(&self, what: &str, why: &str) -> ExplainError {
        ExplainError::new(format!("{}: {what}: {why}", self.file))
    }
}

// === impl Keys ===

impl Keys {
    /// Reads `FILE` or `FILE=ISSUER`.
    fn read(flag: &str, policy: &Policy) -> Result<Self, ExplainError> {
        let mut signs = flag.match_indices('=').map(|(place, _)| place);
        let (file, issuer) = match signs.find_map(|place| {
            let (file, issuer) = flag.split_at_checked(place)?;
            Path::new(file)
                .is_file()
                .then_some((file, issuer.get(1..)?))
        }) {
            Some((file, issuer)) if !Path::new(flag).is_file() => (file, Some(issuer)),
            _ => (flag, None),
        };
        if let Some(issuer) = issuer {
            let known = policy.issuers.iter().find(|known| known.issuer == issuer);
            let Some(known) = known else {
                let names = policy.issuers.iter().map(|known| known.issuer.as_str());
                let names: Vec<_> = names.collect();
                return Err(ExplainError::new(format!(
                    "--key-set: the configuration has no issuer {issuer:?}; it has {}",
                    names.join(", ")
                )));
            };
            if known.jwks.remote.is_none() {
                return Err(ExplainError::new(format!(
                    "--key-set: the keys of {issuer} are in the configuration, and not fetched"
                )));
            }
        }
        let document = Document::read(Path::new(file))?;
        KeySet::parse(document.text.as_bytes())
            .map_err(|error| document.wrong("no JWK set", &without_quoted(&error.to_string())))?;
        Ok(Self {
            issuer: issuer.map(str::to_owned),
            document,
        })
    }

    /// `kid` and `alg` of each key, as they are written.
    pub fn names(&self) -> Vec<String> {
        let set: Value = serde_json::from_str(&self.document.text).unwrap_or_default();
        names(&set)
    }
}

/// `kid` and `alg` of each key of a set, as they are written.
pub fn names(set: &Value) -> Vec<String> {
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let name = |key: &Value| {
        let member = |name| key.get(name).and_then(Value::as_str);
        let kid = member("kid").unwrap_or("(no kid)");
        let kind = member("alg").or(member("crv")).or(member("kty"));
        format!("{kid} ({})", kind.unwrap_or("?"))
    };
    keys.map(name).collect()
}

// === impl Spent ===

impl Spent {
    /// Parses `CAP.WINDOW=N`.
    fn parse(flag: &str, policy: &Policy) -> Result<Self, ExplainError> {
        let wrong = |why: String| ExplainError::new(format!("--spent {flag}: {why}"));
        let form = || wrong("write CAP.WINDOW=N, such as requests.per_minute=60".to_owned());
        let (name, count) = flag.split_once('=').ok_or_else(form)?;
        let (cap, window) = name.rsplit_once('.').ok_or_else(form)?;
        if !policy.caps.iter().any(|known| known.name() == cap) {
            let names: Vec<_> = policy.caps.iter().map(Cap::name).collect();
            let names = names.join(", ");
            return Err(wrong(format!("there is no cap {cap:?}; there is {names}")));
        }
        let window = Window::ALL
            .into_iter()
            .find(|known| known.as_str() == window);
        let windows = Window::ALL.map(Window::as_str).join(", ");
        let window = window.ok_or_else(|| wrong(format!("a window is one of {windows}")))?;
        let count = count.parse().ok().filter(|count| *count <= MOST_SPENT);
        Ok(Self {
            cap: cap.to_owned(),
            window,
            count: count.ok_or_else(|| wrong(format!("write a number up to {MOST_SPENT}")))?,
        })
    }
}
