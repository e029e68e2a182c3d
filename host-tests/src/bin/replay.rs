//! Requests through the filter in `TOLLGATE_WASM`: each line of stdin is a `Scenario` as JSON, and each line of stdout what
//! came of it. Part of `cargo tollgate explain`, in a program of its own so that wasmtime need not be built for anything
//! else there.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use host_tests::replay::{Scenario, replay};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        println!("{}", replay(&Scenario::parse(&line?)?).to_json());
    }
    Ok(())
}
