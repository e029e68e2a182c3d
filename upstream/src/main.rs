//! The service behind the account gate.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use tollgate_upstream::{Error, MigrateOptions, Options, log_to_stderr, migrate, openapi, serve};

#[derive(Parser)]
#[command(version, about)]
enum Command {
    /// Serves until SIGINT or SIGTERM
    Serve(Box<Options>),
    /// Brings the databases of all accounts up to date, and says which failed and why; run again, it goes on with what
    /// is left
    Migrate(MigrateOptions),
    /// Prints the OpenAPI document of everything that it serves
    Openapi,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    log_to_stderr();
    match run(command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Serve(options) => serve(*options).await.map(|()| ExitCode::SUCCESS),
        Command::Migrate(options) => {
            let migrated = migrate(options).await?;
            print!("{migrated}");
            Ok(migrated.exit_code())
        }
        Command::Openapi => {
            print!("{}", openapi().map_err(io::Error::from)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
