//! From the bytes of a directory: what is not of the form that is documented spoils the whole of it, because a directory
//! that is half understood would refuse accounts that there are.
//!
//! It may come from somebody who means harm, and is parsed where requests are served. So it is never turned into a tree
//! of values, which can take a hundred times the memory of its text: accounts are read one by one, each bounded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Directory, Entry, NOTHING, Status};
use crate::account::AccountRules;
use crate::caps::{Override, Overrides};
use crate::config;
use crate::json::{self, JsonError};
use tollgate_config::quoted;

/// The largest directory that is read, in bytes.
pub const MAX_BYTES: usize = 8 << 20;

/// The most accounts that a directory may have.
pub const MAX_ACCOUNTS: usize = 200_000;

/// The most text that one account may have, without its name, in bytes.
pub const MAX_ACCOUNT_BYTES: usize = 4096;

/// How much of what was sent is repeated in an error, in characters.
const QUOTED: usize = 80;

/// Why a directory is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Larger than [`MAX_BYTES`].
    #[error("the directory has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// Something else altogether: an HTML page, say.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON of another form: where, what was found, and what there should be.
    #[error("{0}")]
    Wrong(String),
}

// === impl Directory ===

impl Directory {
    /// Reads `{"accounts": {NAME: {"status": …, "caps": {CAP: {"per_minute": …}}}}}`. Other members of an account mean
    /// nothing; their text counts.
    ///
    /// # Errors
    ///
    /// It is too large, no JSON, or anything in it is of another form.
    pub fn parse(text: &[u8], rules: &AccountRules) -> Result<Self, DirectoryError> {
        if text.len() > MAX_BYTES {
            return Err(DirectoryError::TooLarge(text.len()));
        }
        // All at once: checked string by string it would take twice the time.
        let text = str::from_utf8(text)
            .map_err(|error| DirectoryError::NotJson(format!("not UTF-8: {error}")))?;
        let mut builder = Builder::new(rules);
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Document(&mut builder).deserialize(&mut reader);
        read.and_then(|()| reader.end()).map_err(|error| {
            let why = quoted(&error.to_string(), 8 * QUOTED);
            match error.classify() {
                Category::Data => DirectoryError::Wrong(why),
                Category::Io | Category::Syntax | Category::Eof => DirectoryError::NotJson(why),
            }
        })?;
        builder.build().map_err(DirectoryError::Wrong)
    }
}

/// A directory that is being read.
struct Builder<'r> {
    rules: &'r AccountRules,
    directory: Directory,
    /// The place in [`Directory::own`] of each text that was read: accounts have what their plan says, and there are few
    /// plans.
    plans: BTreeMap<String, u32>,
}

/// The name of a member, without a copy where it is written without escapes.
struct Name;

/// The whole.
struct Document<'b, 'r>(&'b mut Builder<'r>);

/// Its one member.
struct Accounts<'b, 'r>(&'b mut Builder<'r>);

// === impl Builder ===

impl<'r> Builder<'r> {
    fn new(rules: &'r AccountRules) -> Self {
        Self {
            rules,
            directory: Directory::default(),
            plans: BTreeMap::new(),
        }
    }

    /// Adds an account; where it is wrong, says what is, from the account's name on.
    fn add(&mut self, name: &str, written: &str) -> Result<(), String> {
        if self.directory.accounts.len() >= MAX_ACCOUNTS {
            return Err(format!("more than {MAX_ACCOUNTS} accounts"));
        }
        if !self.rules.allows(name) {
            // Another gate's: no request of this one can name it.
            return Ok(());
        }
        let (status, own) = self
            .account(written)
            .map_err(|why| format!("accounts.{name}{why}"))?;
        let names = &mut self.directory.names;
        let (Ok(start), Ok(length)) = (u32::try_from(names.len()), u8::try_from(name.len())) else {
            return Err(format!("accounts.{name}: the name is too long"));
        };
        names.push_str(name);
        self.directory.accounts.push(Entry {
            name: start,
            length,
            status,
            own,
        });
        Ok(())
    }

    fn account(&mut self, written: &str) -> Result<(Status, u32), String> {
        // Most have nothing to say.
        if written == "{}" {
            return Ok((Status::Active, NOTHING));
        }
        if written.len() > MAX_ACCOUNT_BYTES {
            let found = written.len();
            return Err(format!(
                ": {found} bytes; an account may have {MAX_ACCOUNT_BYTES}"
            ));
        }
        let mut account = json::object(written.as_bytes()).map_err(|error| match error {
            JsonError::NotAnObject => format!(": {}: write an object", quoted(written, QUOTED)),
            JsonError::Syntax(_) | JsonError::RepeatedMember | JsonError::TrailingBytes => {
                format!(": {}", quoted(&error.to_string(), QUOTED))
            }
        })?;
        let status = match account.remove("status") {
            None => Status::Active,
            Some(written) => status(&written)?,
        };
        let own = match account.remove("caps") {
            None => NOTHING,
            Some(written) => self.own(written)?,
        };
        Ok((status, own))
    }

    /// The place of what an account has of its own.
    fn own(&mut self, written: Value) -> Result<u32, String> {
        let text = written.to_string();
        if let Some(place) = self.plans.get(&text) {
            return Ok(*place);
        }
        let Value::Object(caps) = written else {
            let found = quoted(&text, QUOTED);
            return Err(format!(
                ".caps: {found}: write an object such as {{\"requests\": {{\"per_minute\": 600}}}}"
            ));
        };
        let mut own = Overrides::new();
        for (cap, written) in caps {
            let limits = config::limits_of_an_account(written);
            let limits = limits.map_err(|why| {
                let (cap, why) = (quoted(&cap, QUOTED), quoted(&why, 2 * QUOTED));
                format!(".caps.{cap}: {why}")
            })?;
            if limits != Override::default() {
                own.insert(cap, limits);
            }
        }
        if own.is_empty() {
            return Ok(NOTHING);
        }
        let place = u32::try_from(self.directory.own.len()).unwrap_or(NOTHING);
        self.directory.own.push(own);
        self.plans.insert(text, place);
        Ok(place)
    }

    fn build(self) -> Result<Directory, String> {
        let mut directory = self.directory;
        let names = directory.names.as_str();
        // They come in order, mostly.
        directory.accounts.sort_by_key(|entry| entry.name(names));
        let twice = directory
            .accounts
            .array_windows()
            .find(|[one, next]| one.name(names) == next.name(names));
        if let Some([one, _]) = twice {
            return Err(format!("accounts.{}: twice", one.name(names)));
        }
        directory.names.shrink_to_fit();
        directory.accounts.shrink_to_fit();
        directory.own.shrink_to_fit();
        Ok(directory)
    }
}

fn status(written: &Value) -> Result<Status, String> {
    match written.as_str() {
        Some("active") => Ok(Status::Active),
        Some("suspended") => Ok(Status::Suspended),
        _ => {
            let found = quoted(&written.to_string(), QUOTED);
            Err(format!(
                ".status: {found}: write \"active\" or \"suspended\""
            ))
        }
    }
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

// === impl Document ===

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"accounts\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = members.next_key::<String>()? {
            if name != "accounts" {
                // Half of a directory, say, and where the next half is.
                let name = quoted(&name, QUOTED);
                let why = format!("{name:?} beside \"accounts\": write accounts alone");
                return Err(A::Error::custom(why));
            }
            if found {
                return Err(A::Error::custom("accounts: twice"));
            }
            found = true;
            members.next_value_seed(Accounts(self.0))?;
        }
        if !found {
            return Err(A::Error::custom("accounts: missing"));
        }
        Ok(())
    }
}

// === impl Accounts ===

impl<'de> DeserializeSeed<'de> for Accounts<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Accounts<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts: an object whose members are the accounts, such as {\"acme\": {}}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut accounts: A) -> Result<(), A::Error> {
        while let Some(name) = accounts.next_key_seed(Name)? {
            let written: &RawValue = accounts.next_value()?;
            self.0.add(&name, written.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
