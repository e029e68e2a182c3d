//! `cargo costs`: what each kind of request costs in the module, beside what is written down of it.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use host_tests::costs::{self, Change, Table};

const USAGE: &str = "\
Usage: cargo costs [--write]

Counts what each kind of request costs in the filter, and compares it with host-tests/COSTS.md. Fails where a number has
grown by more than 5 %; with --write, writes all of them down instead.";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => compare(),
        ["--write"] => write(),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn compare() -> Result<ExitCode, Box<dyn Error>> {
    let (table, written) = (costs::count(), Table::written()?);
    println!("{table}");
    let changes = table.changes(&written);
    for change in &changes {
        println!("{change}");
    }
    if changes.is_empty() {
        println!("as it is written down, within 5 %");
    } else {
        println!("`cargo costs --write` writes it down");
    }
    let is_wrong = changes.iter().any(Change::is_wrong);
    Ok(ExitCode::from(u8::from(is_wrong)))
}

fn write() -> Result<ExitCode, Box<dyn Error>> {
    let table = costs::count();
    println!("{table}");
    table.write()?;
    Ok(ExitCode::SUCCESS)
}
