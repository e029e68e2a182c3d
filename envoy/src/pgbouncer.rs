//! A PgBouncer of our own, in front of a PostgreSQL of our own: it lends its few sessions out by the transaction.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use crate::net;
use crate::postgres::{Postgres, PostgresError, copy_all};
use crate::process::supervise::User;
use crate::process::{Child, Job, Scratch, Tool};
use crate::tools::DebianTool;

/// How long the start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sessions to the system database: who makes an account keeps one in a transaction, and needs a second one; two accounts
/// are made at a time, and requests need some too.
const SYSTEM_SESSIONS: usize = 8;

/// A running PgBouncer. Dropping it stops it.
#[derive(Debug)]
pub struct Pgbouncer {
    child: Child,
    url: String,
}

// === impl Pgbouncer ===

impl Pgbouncer {
    /// Starts it in transaction mode, for whatever database, with so many sessions to each; the system database
    /// has more, because it must.
    pub fn start(
        tool: &Tool,
        program: &DebianTool,
        postgres: &Postgres,
        sessions: usize,
    ) -> Result<Self, PostgresError> {
        let scratch = Scratch::new()?;
        let folder = scratch.path().to_owned();
        let port = net::free_port()?;
        let (behind, password) = (postgres.port(), postgres.password());
        fs::write(
            folder.join("users.txt"),
            format!("\"{}\" \"{password}\"\n", Postgres::USER),
        )?;
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={behind}\n\
             kataven-admin = host=127.0.0.1 port={behind} pool_size={SYSTEM_SESSIONS}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = users.txt\nadmin_users = {}\n\
             pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 200\n\
             server_tls_sslmode = disable\n",
            Postgres::USER
        );
        fs::write(folder.join("config.ini"), config)?;
        // It refuses to run as root.
        let user = rustix::process::geteuid().is_root().then(User::nobody);
        let mut binary = program.program.clone();
        if let Some(whole) = &program.whole {
            let copy = folder.join("programs");
            copy_all(whole, &copy)?;
            binary = copy.join("pgbouncer");
        }
        if let Some(user) = user {
            for file in ["", "users.txt", "config.ini"] {
                chown(folder.join(file), Some(user.uid), Some(user.gid))?;
            }
        }
        fs::set_permissions(folder.join("users.txt"), Permissions::from_mode(0o600))?;
        let mut job = Job::new("PgBouncer", &binary)
            .args(["config.ini"])
            .user(user);
        if program.whole.is_some() {
            job = job.env("LD_LIBRARY_PATH", folder.join("programs"));
        }
        let mut child = job.start(tool, scratch)?;
        child.wait_for("it was ready", PATIENCE, |log| {
            log.contains("process up").then_some(())
        })?;
        Ok(Self {
            child,
            url: postgres.url_at(port),
        })
    }

    /// What a client connects to instead of PostgreSQL, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.child.log()
    }
}
