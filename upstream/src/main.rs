//! The service behind the account gate.

use std::process::ExitCode;

use clap::Parser;
use tollgate_upstream::{Options, log_to_stderr, serve};

#[derive(Parser)]
#[command(version, about)]
enum Command {
    /// Serves until SIGINT or SIGTERM
    Serve(Box<Options>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve(options) = Command::parse();
    log_to_stderr();
    match serve(*options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
