//! The `tollgate` command.
#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tollgate_envoy::check::Check;
use tollgate_envoy::demo::Demo;
use tollgate_envoy::derive::Derive;
use tollgate_envoy::explain::Explain;
use tollgate_envoy::matrix::Matrix;
use tollgate_envoy::package::Package;
use tollgate_envoy::process::Tool;
use tollgate_envoy::process::supervise::Supervise;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::schema::Schema;
use tollgate_envoy::stack::Stack;
use tollgate_envoy::trials::accounts::Accounts;
use tollgate_envoy::trials::bench::Bench;
use tollgate_envoy::trials::caps::Caps;
use tollgate_envoy::trials::chaos::Chaos;
use tollgate_envoy::trials::configurations::Configurations;
use tollgate_envoy::trials::fuzz::Fuzz;
use tollgate_envoy::trials::soak::Soak;
use tollgate_envoy::trials::storm::Storm;
use tollgate_envoy::{build, output};

/// Tollgate, the account gate for Envoy
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(Demo),
    Bench(Bench),
    Caps(Caps),
    Chaos(Chaos),
    Soak(Soak),
    Fuzz(Fuzz),
    Accounts(Accounts),
    Storm(Storm),
    Configurations(Configurations),
    Check(Check),
    Schema(Schema),
    Explain(Explain),
    /// Builds the filter and prints where it is: target/tollgate.wasm
    Build,
    Derive(Derive),
    Package(Package),
    TestMatrix(Matrix),
    #[command(hide = true)]
    Supervise(Supervise),
    #[command(hide = true, subcommand)]
    Upstream(Upstream),
}

/// The upstream, run by this program so that the demo needs no second one.
#[derive(Debug, Subcommand)]
enum Upstream {
    Serve(Box<tollgate_upstream::Options>),
    Migrate(tollgate_upstream::MigrateOptions),
}

fn main() -> ExitCode {
    match run(Arguments::parse_from(arguments()).command) {
        Ok(code) => code,
        Err(error) => {
            output::note(&format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Demo(demo) => Ok(demo.run(&Tool::current()?)?.into()),
        Command::Bench(bench) => {
            let checks = bench.checks();
            let found = bench.run(&Tool::current()?)?;
            // A goal that is missed on a noisy machine is no failure unless it is asked for.
            told(&found, !checks || found.is_met())
        }
        Command::Caps(caps) => {
            let report = caps.run(Stack::builder(Tool::current()?))?;
            told(&report, report.is_right())
        }
        Command::Chaos(chaos) => {
            let report = chaos.run(Stack::builder(Tool::current()?))?;
            told(&report, report.is_right())
        }
        Command::Soak(soak) => {
            let report = soak.run(Stack::builder(Tool::current()?))?;
            told(&report, report.is_right())
        }
        Command::Fuzz(fuzz) => {
            let report = fuzz.run(&Progress::new())?;
            told(&report, report.is_right())
        }
        Command::Accounts(accounts) => {
            let stack = Stack::builder(Tool::current()?);
            let (report, stack) = accounts.run(stack, &Progress::new())?;
            let code = told(&report, report.is_right())?;
            drop(stack);
            Ok(code)
        }
        Command::Storm(storm) => {
            let stack = Stack::builder(Tool::current()?);
            let report = storm.run(stack, &Progress::new())?;
            told(&report, report.is_right())
        }
        Command::Configurations(configurations) => {
            let report = configurations.run(&Tool::current()?, &Progress::new())?;
            told(&report, report.is_right())
        }
        Command::Explain(explain) => Ok(explain.run().into()),
        Command::Build => {
            let filter = build::filter(&Progress::new())?;
            output::print(&format_args!("{}\n", filter.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(check) => {
            let report = check.run()?;
            told(&check.show(&report), report.is_right())
        }
        Command::Schema(schema) => {
            output::print(&schema.run()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Derive(derive) => {
            for path in derive.run()? {
                output::print(&format_args!("{}\n", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Package(package) => told(&package.run(&Progress::new())?, true),
        Command::TestMatrix(matrix) => {
            let report = matrix.run(&Progress::new())?;
            told(&report, report.is_right())
        }
        Command::Supervise(supervise) => Ok(supervise.run()),
        Command::Upstream(Upstream::Serve(options)) => {
            tollgate_upstream::log_to_stderr();
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(tollgate_upstream::serve(*options))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Upstream(Upstream::Migrate(options)) => {
            tollgate_upstream::log_to_stderr();
            let runtime = tokio::runtime::Runtime::new()?;
            let migrated = runtime.block_on(tollgate_upstream::migrate(options))?;
            output::print(&migrated)?;
            Ok(migrated.exit_code())
        }
    }
}

/// Prints what was found; the program fails where something is wrong.
fn told(report: &dyn Display, is_right: bool) -> Result<ExitCode, Box<dyn Error>> {
    output::print(report)?;
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `cargo demo -- --exec CMD` comes here as `demo -- --exec CMD`: the alias has had its own `--` already.
fn arguments() -> impl Iterator<Item = OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|command| command == "demo")
        && let Some(position) = arguments.iter().position(|argument| argument == "--")
    {
        arguments.remove(position);
    }
    arguments.into_iter()
}
