//! The network lab: Skywave publishes over the kernel's real TCP to a real server, and what is between the two
//! breaks. Needs root; run it as `make test-network` and `make soak`.
//!
//! | file | what it is about |
//! |---|---|
//! | `lab` | two hosts on this machine, joined by a link whose rate and health can be changed |
//! | `server` | nginx with its RTMP module on one of them |
//! | `publishers` | Skywave, FFmpeg and GStreamer on the other |
//! | `sink` | what the server passes on, written down message by message |
//! | `viewer` | what somebody watching there would have missed |
//! | `story` | what Skywave told meanwhile |
//! | `faults` | what can break, and what must be said of it |
//! | `schedule` | when it breaks, for how long, and what must follow |
//! | `tail` | files that grow, and the clock that all share |
//! | `run` | one schedule, run and measured |
//! | `tables` | verdicts and figures, printed |
//! | `soak` | many faults in a row: memory, threads and file descriptors stay flat |
//! | `show` | five minutes with six faults, for the report of a stream |
//!
//! All times are seconds of the system's monotonic clock, which all hosts share.

#![cfg(target_os = "linux")]

mod faults;
mod lab;
mod publishers;
mod run;
mod schedule;
mod server;
mod show;
mod sink;
mod soak;
mod story;
mod tables;
mod tail;
mod viewer;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["sink", port] = words[..] {
        return sink::serve(port.parse().expect("the sink's port"));
    }
    if let Err(why) = lab::is_possible() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    lab::sweep();
    let good = match words[..] {
        ["sweep"] => true,
        ["soak", minutes] => soak::soak(minutes.parse().expect("minutes, as a number")),
        ["show", folder] => show::show(Path::new(folder)),
        _ => schedule::test(&words),
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
