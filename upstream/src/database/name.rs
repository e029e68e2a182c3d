//! Which database: a name that nothing but a proof makes.

use std::fmt;

use crate::accounts::directory::Registered;
use crate::identity::Account;
use crate::widget::caller::WidgetCaller;

/// The database of the system itself.
pub(crate) const SYSTEM_DATABASE: &str = "kataven-admin";

/// The database that every server has, for making others from.
const MAINTENANCE_DATABASE: &str = "postgres";

/// What the names of databases begin with that are not an account's, nor can be: an account's has no capitals.
const TEMPLATE: &str = "TOLLGATE_TEMPLATE_";
const DELETED: &str = "TOLLGATE_DELETED_";

/// The name of a database that may be connected to. One of an account is made from the verified [`Account`] only, or from
/// the widget's key that was looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseName(String);

// === impl DatabaseName ===

impl DatabaseName {
    pub(crate) fn system() -> Self {
        Self(SYSTEM_DATABASE.to_owned())
    }

    pub(crate) fn maintenance() -> Self {
        Self(MAINTENANCE_DATABASE.to_owned())
    }

    /// What new accounts' databases are copied from; `fingerprint` is the schema's.
    pub(super) fn template(fingerprint: &str) -> Self {
        Self(format!("{TEMPLATE}{fingerprint}"))
    }

    /// Where a deleted account's database is until it is dropped.
    pub(super) fn deleted(unique: &str) -> Self {
        Self(format!("{DELETED}{unique}"))
    }

    /// One that the server has, if it is a template of ours.
    pub(super) fn found_template(name: &str) -> Option<Self> {
        name.starts_with(TEMPLATE).then(|| Self(name.to_owned()))
    }

    /// One that the server has, if it is a deleted account's.
    pub(super) fn found_deleted(name: &str) -> Option<Self> {
        name.starts_with(DELETED).then(|| Self(name.to_owned()))
    }

    #[cfg(test)]
    pub(crate) fn of_test(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name as PostgreSQL has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as an SQL identifier, which is never a parameter of a statement.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl From<&Account> for DatabaseName {
    fn from(account: &Account) -> Self {
        Self(account.name().as_str().to_owned())
    }
}

impl From<&WidgetCaller> for DatabaseName {
    fn from(caller: &WidgetCaller) -> Self {
        Self(caller.account().as_str().to_owned())
    }
}

impl From<&Registered> for DatabaseName {
    fn from(account: &Registered) -> Self {
        Self(account.name().to_owned())
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::account::AccountName;

    use super::*;

    #[test]
    fn no_account_is_called_like_a_database_of_ours() {
        for name in [
            DatabaseName::template("0123456789abcdef"),
            DatabaseName::deleted("0123456789abcdef"),
        ] {
            assert!(AccountName::parse(name.as_str().as_bytes()).is_none());
            assert!(name.as_str().len() < 64, "PostgreSQL would cut it off");
        }
    }

    #[test]
    fn only_what_is_ours_is_found() {
        let deleted = DatabaseName::deleted("1");
        assert_eq!(DatabaseName::found_deleted(deleted.as_str()), Some(deleted));
        for other in [
            "acme",
            "postgres",
            "tollgate_deleted_1",
            "TOLLGATE_TEMPLATE_1",
        ] {
            assert_eq!(DatabaseName::found_deleted(other), None, "{other}");
        }
        assert_eq!(DatabaseName::found_template("template1"), None);
    }

    #[test]
    fn an_identifier_cannot_be_left() {
        let name = DatabaseName::of_test("a\"; drop database \"b");
        assert_eq!(name.quoted(), "\"a\"\"; drop database \"\"b\"");
    }
}
