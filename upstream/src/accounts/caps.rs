//! An account's own caps: what it has instead of what the gate's configuration gives to everybody.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};
use tollgate_policy::account::AccountName;
use tollgate_policy::caps::{Cap, MAX_CAPS};
use utoipa::ToSchema;

use crate::database::{Parameters, Whole};

/// The name of a cap, as the gate's configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct CapName(String);

/// The most caps that an account can have of its own: as many as a gate can have. One account with more text than a gate
/// reads ([`MAX_ACCOUNT_BYTES`](tollgate_policy::directory::MAX_ACCOUNT_BYTES)) would spoil the directory for all of them.
pub(crate) const MOST: usize = MAX_CAPS;

/// An account's limits of one cap. Outer none: the gate's configuration decides. Inner none: there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    description = "An account's limits of one cap. Left out: the gate's configuration decides. `null`: there is no limit.",
    examples(json!({"concurrent": 10, "per_minute": null})),
)]
pub(crate) struct CapLimits {
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>, format = "uint32")]
    concurrent: Option<Option<u32>>,
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>, format = "uint32")]
    per_minute: Option<Option<u32>>,
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>, format = "uint32")]
    per_hour: Option<Option<u32>>,
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>, format = "uint32")]
    per_day: Option<Option<u32>>,
}

/// All of an account's own caps, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct Caps(BTreeMap<String, CapLimits>);

// === impl CapName ===

impl CapName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Cap::is_name(text).then(|| Self(text.to_owned()))
    }

    /// Takes the account's own limits of this cap away; false where it has none.
    pub(crate) async fn delete(
        &self,
        system: &Client,
        account: &AccountName,
    ) -> Result<bool, tokio_postgres::Error> {
        let delete = "delete from account_caps where account = $1 and cap = $2";
        let parameters: Parameters<'_> = &[(&account.as_str(), Type::TEXT), (&self.0, Type::TEXT)];
        Ok(system.execute_typed(delete, parameters).await? > 0)
    }
}

// === impl CapLimits ===

impl CapLimits {
    fn dimensions(&self) -> [(&'static str, Option<Option<u32>>); 4] {
        [
            ("concurrent", self.concurrent),
            ("per_minute", self.per_minute),
            ("per_hour", self.per_hour),
            ("per_day", self.per_day),
        ]
    }

    fn set(&mut self, dimension: &str, limit: Option<u32>) {
        let field = match dimension {
            "concurrent" => &mut self.concurrent,
            "per_minute" => &mut self.per_minute,
            "per_hour" => &mut self.per_hour,
            "per_day" => &mut self.per_day,
            // The table's check knows no other.
            _ => return,
        };
        *field = Some(limit);
    }

    /// Makes these the account's limits of `cap`, in place of all that it had of it. The caller has the account's
    /// row locked, so that of two who write at the same time, one wins whole.
    pub(crate) async fn write(
        &self,
        transaction: &Transaction<'_>,
        account: &AccountName,
        cap: &CapName,
    ) -> Result<(), tokio_postgres::Error> {
        cap.delete(transaction.client(), account).await?;
        let said = self.dimensions().into_iter();
        let said = said.filter_map(|(dimension, limit)| Some((dimension, limit?.map(i64::from))));
        let (dimensions, limits): (Vec<_>, Vec<_>) = said.unzip();
        let insert = "insert into account_caps (account, cap, dimension, most) \
                      select $1, $2, said.* from unnest($3, $4) as said";
        let parameters: Parameters<'_> = &[
            (&account.as_str(), Type::TEXT),
            (&cap.0, Type::TEXT),
            (&dimensions, Type::TEXT_ARRAY),
            (&limits, Type::INT8_ARRAY),
        ];
        transaction.execute_typed(insert, parameters).await?;
        Ok(())
    }
}

// === impl Caps ===

impl Caps {
    /// Whether the account has more than [`MOST`] now. The caller has the account's row locked.
    pub(crate) async fn are_too_many(
        transaction: &Transaction<'_>,
        account: &AccountName,
    ) -> Result<bool, tokio_postgres::Error> {
        let select = "select count(distinct cap) from account_caps where account = $1";
        let row = transaction
            .query_typed_one(select, &[(&account.as_str(), Type::TEXT)])
            .await?;
        let caps: i64 = row.try_get(0)?;
        Ok(usize::try_from(caps).unwrap_or_default() > MOST)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what a row has in the columns `cap`, `dimension` and `most`: nothing where an account has no caps.
    pub(crate) fn add(&mut self, row: &Row) -> Result<(), tokio_postgres::Error> {
        let cap: Option<String> = row.try_get("cap")?;
        let Some(cap) = cap else {
            return Ok(());
        };
        let most: Option<Whole> = row.try_get("most")?;
        let limits = self.0.entry(cap).or_default();
        limits.set(row.try_get("dimension")?, most.map(|Whole(most)| most));
        Ok(())
    }
}

/// A field that is there has been said, also where it is `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use tollgate_policy::directory::MAX_ACCOUNT_BYTES;

    use super::*;
    use tollgate_policy::caps::LONGEST_NAME;

    #[test]
    fn a_gate_reads_an_account_with_all_that_it_can_have() {
        let most = Some(Some(u32::MAX));
        let limits = CapLimits {
            concurrent: most,
            per_minute: most,
            per_hour: most,
            per_day: most,
        };
        let name = |number: usize| format!("{number:0>LONGEST_NAME$}");
        let caps = Caps((0..MOST).map(|number| (name(number), limits)).collect());
        let entry = serde_json::json!({"status": "suspended", "caps": caps});
        let bytes = entry.to_string().len();
        assert!(bytes <= MAX_ACCOUNT_BYTES, "{bytes}");
    }

    #[test]
    fn names() {
        let longest = "a".repeat(LONGEST_NAME);
        for good in ["requests", "A", "0", "_-", &longest] {
            assert!(CapName::parse(good).is_some(), "{good:?}");
        }
        let too_long = "a".repeat(LONGEST_NAME + 1);
        for bad in ["", "a b", "a.b", "a/b", "é", "a'", "a\n", &too_long] {
            assert!(CapName::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_limit_is_set_or_lifted_or_left_to_the_configuration() {
        let table = [
            ("{}", Some("{}")),
            (
                r#"{"per_day": null, "concurrent": 0}"#,
                Some(r#"{"concurrent":0,"per_day":null}"#),
            ),
            (
                r#"{"per_minute": 4294967295, "per_hour": 1}"#,
                Some(r#"{"per_minute":4294967295,"per_hour":1}"#),
            ),
            (r#"{"per_minute": 4294967296}"#, None),
            (r#"{"per_minute": -1}"#, None),
            (r#"{"per_minute": 1.0}"#, None),
            (r#"{"per_minute": "1"}"#, None),
            (r#"{"per_second": 1}"#, None),
            (r#"{"per_day": 1, "per_day": 2}"#, None),
        ];
        for (json, expected) in table {
            let limits: Result<CapLimits, _> = serde_json::from_str(json);
            let found = limits.ok().map(|limits| {
                // What is written to the table and read again is the same.
                let mut again = CapLimits::default();
                for (dimension, limit) in limits.dimensions() {
                    if let Some(limit) = limit {
                        again.set(dimension, limit);
                    }
                }
                assert_eq!(again, limits, "{json}");
                serde_json::to_string(&limits).unwrap()
            });
            assert_eq!(found.as_deref(), expected, "{json}");
        }
    }
}
