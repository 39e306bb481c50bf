//! The program: reads arguments, then opens the window or works without one.

use std::{env, process::ExitCode};

use clap::Parser;
use skywave::cli::{
    args::{Arguments, Command},
    check::check,
    devices::devices,
    exit::ExitStatus,
    live::live,
    window::window,
};
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging();
    let end = match arguments.command {
        None => window(),
        Some(Command::Live(args)) => live(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Devices(args)) => {
            println!("{}", devices(&args));
            Ok(())
        }
    };
    match end {
        Ok(()) => ExitStatus::Ok.into(),
        Err(exit) => {
            eprintln!("skywave: {}", exit.message);
            exit.status.into()
        }
    }
}

/// Warnings go to standard error; `SKYWAVE_LOG=info` (or `debug`) tells more, `off` nothing.
fn start_logging() {
    let level = env::var("SKYWAVE_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::WARN))
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
