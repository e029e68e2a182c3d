//! When keys were last used: kept in memory, and written every so often, so that no request writes anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::{DatabaseError, Databases};

/// A service that dies forgets as much.
const EVERY: Duration = Duration::from_secs(5);

/// How long the last write may take once the service was told to stop.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Uses that are not written yet: as many as there are keys, at most.
#[derive(Clone, Default)]
pub(crate) struct LastUses(Arc<Mutex<[Uses; 2]>>);

type Uses = BTreeMap<Uuid, DateTime<Utc>>;

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    ApiKey,
    WidgetKey,
}

// === impl LastUses ===

impl LastUses {
    /// Notes a use, by PostgreSQL's clock.
    pub(crate) fn note(&self, used: Used, key: Uuid, at: DateTime<Utc>) {
        let mut all = self.lock();
        let latest = used.of(&mut all).entry(key).or_insert(at);
        *latest = at.max(*latest);
    }

    /// Writes them for as long as it is not dropped.
    pub(crate) async fn keep_writing(&self, databases: &Databases) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.write_all(databases).await;
        }
    }

    /// Writes what there is, before the service ends.
    pub(crate) async fn write_the_last(&self, databases: &Databases) {
        if timeout(AT_THE_END, self.write_all(databases))
            .await
            .is_err()
        {
            tracing::warn!("the last uses of keys were not written in time");
        }
    }

    async fn write_all(&self, databases: &Databases) {
        for used in [Used::ApiKey, Used::WidgetKey] {
            // They stay until they are written: this may be dropped meanwhile.
            let uses = used.of(&mut self.lock()).clone();
            if uses.is_empty() {
                continue;
            }
            match write(databases, used, &uses).await {
                Ok(()) => self.forget(used, &uses),
                Err(error) => tracing::warn!(%error, "the last uses of keys are written later"),
            }
        }
    }

    /// Forgets what was written, and not what came later.
    fn forget(&self, used: Used, written: &Uses) {
        let is_new = |key: &Uuid, at: &mut _| written.get(key) != Some(&*at);
        used.of(&mut self.lock()).retain(is_new);
    }

    fn lock(&self) -> MutexGuard<'_, [Uses; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Used ===

impl Used {
    fn of(self, [api_keys, widget_keys]: &mut [Uses; 2]) -> &mut Uses {
        match self {
            Self::ApiKey => api_keys,
            Self::WidgetKey => widget_keys,
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::ApiKey => "api_keys",
            Self::WidgetKey => "widget_keys",
        }
    }
}

/// One statement. A later use, which another instance has written, stays.
async fn write(databases: &Databases, used: Used, uses: &Uses) -> Result<(), DatabaseError> {
    let (keys, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = uses.iter().unzip();
    let update = format!(
        "update {} as keys set last_used_at = greatest(last_used_at, used.at) \
         from unnest($1, $2) as used (id, at) where keys.id = used.id",
        used.table()
    );
    let system = databases.system().await?;
    let parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
        &[(&keys, Type::UUID_ARRAY), (&times, Type::TIMESTAMPTZ_ARRAY)];
    system.execute_typed(&update, parameters).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::options::Options;

    /// Where nothing listens.
    fn databases() -> Databases {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            options: Options,
        }
        let url = "--database-url=postgres://nobody@127.0.0.1:1";
        let arguments = ["test", url, "--issuer=x", "--audience=x"];
        let command = <Command as clap::Parser>::parse_from(arguments);
        Databases::new(&command.options).unwrap()
    }

    #[test]
    fn the_latest_use_counts_and_each_kind_is_its_own() {
        let uses = LastUses::default();
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap();
        let key = Uuid::from_u128(1);
        for second in [2, 3, 1] {
            uses.note(Used::ApiKey, key, at(second));
        }
        let [api_keys, widget_keys] = &*uses.lock();
        assert_eq!(api_keys, &Uses::from([(key, at(3))]));
        assert!(widget_keys.is_empty());
    }
    #[tokio::test]
    async fn what_is_not_written_stays() {
        let (uses, databases) = (LastUses::default(), databases());
        uses.note(Used::ApiKey, Uuid::from_u128(1), DateTime::UNIX_EPOCH);
        uses.note(Used::WidgetKey, Uuid::from_u128(2), DateTime::UNIX_EPOCH);
        let noted = uses.lock().clone();
        // Dropped while it writes, as when the service is told to stop; and failed.
        assert_eq!(uses.write_all(&databases).now_or_never(), None);
        assert_eq!(*uses.lock(), noted);
        uses.write_all(&databases).await;
        assert_eq!(*uses.lock(), noted);
    }

    #[test]
    fn what_is_written_goes_and_what_came_later_stays() {
        let uses = LastUses::default();
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap();
        let [first, second] = [1, 2].map(Uuid::from_u128);
        uses.note(Used::ApiKey, first, at(1));
        uses.note(Used::ApiKey, second, at(1));
        uses.note(Used::WidgetKey, first, at(1));
        let written = Used::ApiKey.of(&mut uses.lock()).clone();
        uses.note(Used::ApiKey, second, at(2));
        uses.forget(Used::ApiKey, &written);
        let [api_keys, widget_keys] = &*uses.lock();
        assert_eq!(api_keys, &Uses::from([(second, at(2))]));
        assert_eq!(widget_keys, &Uses::from([(first, at(1))]));
    }
}
