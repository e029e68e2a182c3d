//! What an account may be called here.

use tollgate_policy::account::AccountName;
use tollgate_policy::refusal::Code;

use crate::database::SYSTEM_DATABASE;
use crate::problem::Problem;

/// Databases that belong to no account: the system's, and those that every PostgreSQL server has.
const RESERVED: [&str; 4] = [SYSTEM_DATABASE, "postgres", "template0", "template1"];

/// Parses the name of an account that exists or could.
///
/// # Errors
///
/// 400 `account_invalid`, 403 `account_reserved`.
pub(crate) fn parse(name: &str) -> Result<AccountName, Problem> {
    let name = AccountName::parse(name.as_bytes()).ok_or(Code::AccountInvalid)?;
    if is_reserved(&name) {
        return Err(reserved());
    }
    Ok(name)
}

pub(crate) fn is_reserved(name: &AccountName) -> bool {
    RESERVED.contains(&name.as_str())
}

pub(crate) fn reserved() -> Problem {
    Code::AccountReserved.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table = [
            ("acme", Ok("acme")),
            ("kataven-admin", Err("account_reserved")),
            ("postgres", Err("account_reserved")),
            ("template0", Err("account_reserved")),
            ("template1", Err("account_reserved")),
            ("Acme", Err("account_invalid")),
            ("a\"b", Err("account_invalid")),
            ("", Err("account_invalid")),
        ];
        for (name, expected) in table {
            let found = parse(name);
            let found = found
                .as_ref()
                .map(AccountName::as_str)
                .map_err(Problem::code);
            assert_eq!(found, expected, "{name:?}");
        }
    }
}
