//! Steps 4 and 6: which account, and may they act for it?

use std::rc::Rc;

use serde_json::{Value, json};
use tollgate_policy::account::{AccountName, DEFAULT_PATTERN};
use tollgate_policy::caps::Overrides;
use tollgate_policy::credential::Credential;
use tollgate_policy::directory::{self, Status};
use tollgate_policy::membership::{self, Accounts, Destination, Grant};
use tollgate_policy::path::Path;
use tollgate_policy::principal::Principal;
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::Field;
use tollgate_policy::route::Access;

use super::{Stop, Walk, refuse, sent, wait};
use crate::explain::report::{Answer, Step};

/// A caller who may act for an account, and what the account has of its own.
pub(super) struct Granted<'a> {
    /// Who, and which.
    pub grant: Grant,
    /// Instead of the configured caps.
    pub own: Option<&'a Overrides>,
}

impl Walk<'_> {
    /// 4: for whom?
    pub(super) fn account(
        &self,
        credential: &Result<Credential<'_>, Code>,
        steps: &mut Vec<Step>,
    ) -> Result<AccountName, Stop> {
        let policy = &self.source.policy;
        let mut step = Step::new(4);
        let header = &policy.account_header;
        step.saw(
            "header",
            json!({"name": header, "sent": sent(self.request.account)}),
        );
        if let Ok(Credential::Key { account, .. }) = credential {
            step.saw("API key", format!("names {}", account.escape_ascii()));
        }
        let keys = policy.api_keys.as_ref();
        let account = match credential {
            Ok(credential) => credential.account(self.request.account, &policy.accounts, keys),
            Err(_) => policy
                .accounts
                .account(self.request.account)
                .map_err(Refusal::from),
        };
        match account {
            Ok(account) => {
                let because = match credential {
                    Ok(Credential::Key { .. }) if self.request.account == Field::Missing => {
                        format!("the API key names it: {account}; {header} can be left out")
                    }
                    Ok(Credential::Key { .. }) => {
                        format!("the API key and {header} name the same: {account}")
                    }
                    _ => format!("{header} names it: {account}"),
                };
                step.answer(Answer::Passed, because);
                steps.push(step);
                Ok(account)
            }
            Err(refusal) => {
                let because = self.no_account(&refusal);
                Err(refuse(step, &refusal, because))
            }
        }
    }

    fn no_account(&self, refusal: &Refusal) -> String {
        let header = &self.source.policy.account_header;
        let written = |pointer| self.source.at(pointer).cloned();
        match refusal.code {
            Code::AccountMissing => format!(
                "send {header} with the account's name, once; only an API key names its account itself"
            ),
            Code::AccountDuplicate => format!("{header} is sent more than once; send it once"),
            Code::AccountInvalid => {
                let pattern =
                    written("/accounts/pattern").unwrap_or_else(|| json!(DEFAULT_PATTERN));
                format!("the name does not match accounts.pattern, {pattern}")
            }
            Code::AccountReserved => {
                let reserved = written("/accounts/reserved").unwrap_or_else(|| json!([]));
                format!(
                    "the name is reserved: accounts.reserved is {reserved}, and postgres, template0 and template1 are always"
                )
            }
            Code::AccountForbidden => {
                format!("the API key is of another account than {header} names; leave {header} out")
            }
            _ => refusal.detail.to_owned(),
        }
    }

    /// 6: may they, and does the account exist?
    pub(super) fn grant(
        &self,
        principal: Rc<Principal>,
        account: AccountName,
        access: Access,
        path: &Path<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<Granted<'_>, Stop> {
        let policy = &self.source.policy;
        let mut step = Step::new(6);
        step.saw("account", account.as_str());
        step.saw("member of", accounts(&principal));
        if access == Access::Admin {
            step.saw("x-admin", sent(self.request.admin));
            step.saw("administrator", principal.is_administrator());
        }
        if principal.routes().is_some() {
            let issuer = self.issuer().map(|(place, _)| place);
            let routes =
                issuer.and_then(|place| self.source.at(&format!("/issuers/{place}/routes")));
            step.saw("accepted on", routes.cloned().unwrap_or_default());
        }
        let to = Destination {
            access,
            admin: self.request.admin,
            mounts: &policy.mounts,
            method: self.request.method,
            path,
        };
        let grant = match membership::grant(Rc::clone(&principal), account, &to) {
            Ok(grant) => grant,
            Err(code) => {
                let because = self.not_granted(code, &principal, access);
                return Err(refuse(step, &code.into(), because));
            }
        };
        let because = if grant.admin() {
            "an administrator, who asks for it with X-Admin: true".to_owned()
        } else {
            format!("a member of {}", grant.account())
        };
        let Some(remote) = &policy.directory else {
            step.answer(
                Answer::Passed,
                format!("{because}; there is no directory, so every account exists"),
            );
            steps.push(step);
            return Ok(Granted { grant, own: None });
        };
        let Some(directory) = self.known.directory.as_deref() else {
            let because = format!(
                "{because}; but the directory of accounts cannot be fetched: the gate lacks the environment variable {}",
                remote.authorization_env.as_deref().unwrap_or_default()
            );
            return Err(wait(step, Code::NotReady, because));
        };
        let listed = directory.find(grant.account()).map(|listed| listed.status);
        let is_assumed = self
            .known
            .directory_text
            .as_ref()
            .is_some_and(|(_, assumed)| *assumed);
        let status = match listed {
            _ if is_assumed => "not given: assumed to exist",
            Some(Status::Active) => "active",
            Some(Status::Suspended) => "suspended",
            None => "not in it",
        };
        step.saw("directory", status);
        let name = grant.account().clone();
        match directory::existing(grant, Some(directory)) {
            Ok(existing) => {
                let (grant, own) = existing.into_parts();
                let because = match listed {
                    _ if is_assumed => format!("{because}, which is assumed to be active"),
                    Some(Status::Active) => format!("{because}, which is active"),
                    _ => format!("{because}; administrators may act for it whatever its state"),
                };
                step.answer(Answer::Passed, because);
                steps.push(step);
                Ok(Granted { grant, own })
            }
            Err(code) => {
                let because = match code {
                    Code::AccountSuspended => {
                        format!("{because}, which the directory says is suspended")
                    }
                    _ => format!("the directory has no account {name}"),
                };
                Err(refuse(step, &code.into(), because))
            }
        }
    }

    fn not_granted(&self, code: Code, principal: &Principal, access: Access) -> String {
        match code {
            Code::CredentialNotAllowed if access == Access::Admin => {
                "admin endpoints take tokens of users only".to_owned()
            }
            Code::CredentialNotAllowed => {
                "this issuer's tokens are accepted on its routes only".to_owned()
            }
            Code::AdminRequired if self.request.admin != Field::One(b"true") => {
                "admin endpoints want the header X-Admin: true, once".to_owned()
            }
            Code::AdminRequired => {
                let place = self.issuer().map(|(place, _)| place).unwrap_or_default();
                match self.source.at(&format!("/issuers/{place}/admin/claim")) {
                    Some(claim) => {
                        format!("the token has not the claim {claim}, which makes an administrator")
                    }
                    None => format!(
                        "issuers[{place}] has no `admin`, so none of its tokens is an administrator's"
                    ),
                }
            }
            Code::AccountForbidden => match principal.accounts() {
                Accounts::Named(names) if names.is_empty() => {
                    let place = self.issuer().map(|(place, _)| place).unwrap_or_default();
                    let membership = self.source.at(&format!("/issuers/{place}/membership"));
                    format!(
                        "nothing names an account: issuers[{place}].membership is {}",
                        membership.cloned().unwrap_or_default()
                    )
                }
                _ => "it is none of the accounts that they are a member of".to_owned(),
            },
            _ => code.detail().to_owned(),
        }
    }
}

fn accounts(principal: &Principal) -> Value {
    match principal.accounts() {
        Accounts::Any => json!("any (membership: any)"),
        Accounts::Named(names) => {
            let first = names.iter().take(20).map(|name| super::shortened(name));
            let mut names_shown: Vec<_> = first.collect();
            if names.len() > names_shown.len() {
                names_shown.push(format!("… {} in all", names.len()));
            }
            json!(names_shown)
        }
    }
}
