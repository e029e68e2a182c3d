//! One request through the filter in `TOLLGATE_WASM`: a `Scenario` as JSON on stdin, what came of it on stdout. Part of
//! `cargo tollgate explain`, in a program of its own so that wasmtime need not be built for anything else there.

use std::error::Error;
use std::io::{self, Read};
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
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    println!("{}", replay(&Scenario::parse(&text)?).to_json());
    Ok(())
}
