//! Which database: a name that nothing but a proof makes.

use std::fmt;

use crate::accounts::directory::Registered;
use crate::identity::Account;
use crate::widget::caller::WidgetCaller;

/// The database of the system itself.
pub(crate) const SYSTEM_DATABASE: &str = "kataven-admin";

/// The database that every server has, for making others from.
const MAINTENANCE_DATABASE: &str = "postgres";

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
    use super::*;

    #[test]
    fn an_identifier_cannot_be_left() {
        let name = DatabaseName::of_test("a\"; drop database \"b");
        assert_eq!(name.quoted(), "\"a\"\"; drop database \"\"b\"");
    }
}
