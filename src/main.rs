//! The program: reads arguments, then opens the window or works without one.

use std::{env, io, process::ExitCode, time::Instant};

use clap::Parser;
use skywave::cli::{
    args::{self, Arguments, Command},
    check::check,
    devices::devices,
    exit::{Exit, ExitStatus},
    live::live,
    output::{print_error, print_line},
    receive::receive,
    window::window,
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

fn main() -> ExitCode {
    let started = Instant::now();
    start_logging();
    match run(started) {
        Ok(()) => ExitStatus::Ok.into(),
        Err(exit) => {
            print_error(exit.message);
            exit.status.into()
        }
    }
}

fn run(started: Instant) -> Result<(), Exit> {
    let arguments = Arguments::try_parse().map_err(|error| {
        if !error.use_stderr() {
            error.exit(); // It is the help that was asked for.
        }
        Exit::new(ExitStatus::Usage, args::in_one_line(&error))
    })?;
    match arguments.command {
        None => window(started),
        Some(Command::Live(args)) => live(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Receive(args)) => receive(&args),
        Some(Command::Devices(args)) => print_line(devices(&args)),
    }
}

/// Warnings go to standard error; `SKYWAVE_LOG=info` (or `debug`) tells more, `off` nothing. Libraries never
/// tell more than warnings: what they log in detail may hold secrets.
fn start_logging() {
    let level = env::var("SKYWAVE_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("skywave", level);
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false)
        .finish()
        .with(filter)
        .init();
}
