//! Who calls without the gate's assertion: a widget, by its key and its page. The account is the key's, and nothing that
//! the request says beside it.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;
use uuid::Uuid;

use super::PageOrigin;
use super::allowlist::Allowlist;
use super::token::Renewal;
use crate::accounts::directory::Standing;
use crate::accounts::name;
use crate::database::{DatabaseError, Databases, Parameters, Turn, account_version};
use crate::keys::{LastUses, Pepper, Used, WIDGET_KEY};

/// $1: the version that accounts' databases should have.
const SELECT: &str = "select id, account, domain_allowlist, agent_id, now() as used_at, \
                      status, schema_version < $1 as is_outdated, server \
                      from widget_keys join accounts on accounts.name = account \
                      where status = 'active' and disabled_at is null";

/// A widget on a page that its key allows. Nothing but a look-up of the key makes one, so a function that takes it
/// needs no check of its own.
#[derive(Clone, Debug)]
pub(crate) struct WidgetCaller {
    key: Uuid,
    account: AccountName,
    standing: Standing,
    pinned: Option<Uuid>,
}

/// A key that was found, and may be used: on which pages?
pub(crate) struct FoundKey {
    caller: WidgetCaller,
    allowlist: Vec<String>,
}

/// Looks widgets' keys up, in the system database.
#[derive(Clone)]
pub(crate) struct WidgetCallers {
    databases: Databases,
    pepper: Pepper,
    uses: LastUses,
    turn: Turn,
}

// === impl WidgetCallers ===

impl WidgetCallers {
    pub(crate) fn new(databases: Databases, pepper: Pepper, uses: LastUses, turn: Turn) -> Self {
        Self {
            databases,
            pepper,
            uses,
            turn,
        }
    }

    /// The key with this text. None for one that is unknown, disabled, of an account that is not active, or no key at
    /// all: about that, the database is not asked.
    pub(crate) async fn of_key(&self, text: &str) -> Result<Option<FoundKey>, DatabaseError> {
        let Some(hash) = self.pepper.hash_of_key(WIDGET_KEY, text.as_bytes()) else {
            return Ok(None);
        };
        let select = format!("{SELECT} and hash = $2");
        let parameters: Parameters<'_> = &[
            (&account_version(), Type::INT4),
            (&hash.as_bytes(), Type::BYTEA),
        ];
        self.found(&select, parameters).await
    }

    /// The key that the refresh token was made by, as it is now.
    pub(crate) async fn of_renewal(
        &self,
        renewal: &Renewal,
    ) -> Result<Option<FoundKey>, DatabaseError> {
        let select = format!("{SELECT} and account = $2 and id = $3");
        let account = renewal.account.as_str();
        let parameters: Parameters<'_> = &[
            (&account_version(), Type::INT4),
            (&account, Type::TEXT),
            (&renewal.key, Type::UUID),
        ];
        self.found(&select, parameters).await
    }

    async fn found(
        &self,
        select: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<FoundKey>, DatabaseError> {
        let row = {
            let _turn = self.turn.take().await?;
            let system = self.databases.system().await?;
            system.query_typed_opt(select, parameters).await?
        };
        let Some(row) = row else {
            return Ok(None);
        };
        let found = FoundKey::of_row(&row)?;
        if let Some(found) = &found {
            let used_at = row.try_get("used_at")?;
            self.uses.note(Used::WidgetKey, found.caller.key, used_at);
        }
        Ok(found)
    }
}

// === impl FoundKey ===

impl FoundKey {
    /// None where the account could not exist.
    fn of_row(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let account: &str = row.try_get("account")?;
        let account = AccountName::parse(account.as_bytes());
        let Some(account) = account.filter(|account| !name::is_reserved(account)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            caller: WidgetCaller {
                key: row.try_get("id")?,
                account,
                standing: Standing::of_row(row)?,
                pinned: row.try_get("agent_id")?,
            },
            allowlist: row.try_get("domain_allowlist")?,
        }))
    }

    /// The caller, if the key allows the page.
    pub(crate) fn on(self, page: &PageOrigin) -> Option<WidgetCaller> {
        match Allowlist::parse(&self.allowlist) {
            Ok(allowlist) => allowlist.allows(page).then_some(self.caller),
            Err(error) => {
                // They were read before they were written.
                tracing::error!(key = %self.caller.key, %error, "a widget's key allows no page");
                None
            }
        }
    }
}

// === impl WidgetCaller ===

impl WidgetCaller {
    /// The account that the key is for.
    pub(crate) fn account(&self) -> &AccountName {
        &self.account
    }

    /// How it stood when the key was looked up.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    pub(super) fn key(&self) -> Uuid {
        self.key
    }

    /// The key's own agent; where it has none, the one that the page asks for.
    pub(crate) fn agent(&self, wanted: Option<Uuid>) -> Option<Uuid> {
        self.pinned.or(wanted)
    }

    #[cfg(test)]
    pub(super) fn of_test(account: &str, key: Uuid) -> Self {
        Self {
            key,
            account: AccountName::parse(account.as_bytes()).unwrap(),
            standing: Standing::Active(None),
            pinned: None,
        }
    }
}
