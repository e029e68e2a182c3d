//! PgBouncer: `$TOLLGATE_PGBOUNCER`, else what PATH or `/usr/sbin` has, else Debian's package.

use super::debian::{DebianTool, Package};
use super::{ToolError, Tools};

pub(super) const PACKAGE: Package = Package {
    what: "PgBouncer",
    name: "pgbouncer",
    variable: "TOLLGATE_PGBOUNCER",
    program: "usr/sbin/pgbouncer",
    companion: None,
    libraries: &["libevent", "libc-ares"],
    size: "1 MB",
    instead: "install PgBouncer (Debian: `apt install pgbouncer`)",
};

impl Tools {
    /// PgBouncer's program.
    pub fn pgbouncer(&self) -> Result<DebianTool, ToolError> {
        self.debian(&PACKAGE)
    }
}
