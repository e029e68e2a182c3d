//! Which accounts there are: the table of the system database.

pub(crate) mod caps;
pub(crate) mod directory;
pub(crate) mod lifecycle;
pub(crate) mod name;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod snapshot;
