//! Skywave itself, run as a command.

use std::{process::Command, time::Duration};

use serde_json::Value;

use super::{peer::Peer, scene::Scene};

/// How a run ended.
pub(crate) struct Ended {
    /// The exit status; `None` for a signal.
    pub(crate) status: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// `skywave` with these arguments, in `scene`.
pub(crate) fn skywave(scene: &Scene, arguments: &[&str]) -> Command {
    let mut command = scene.command(env!("CARGO_BIN_EXE_skywave"));
    command.args(arguments);
    command
}

/// `skywave live` from the test sources to `server`, small enough for any machine, with these arguments
/// besides; the key comes from the variable `KEY`.
pub(crate) fn live(scene: &Scene, server: &str, more: &[&str]) -> Command {
    let mut command = skywave(scene, &["live", "--test-picture", "--tone", "--to", server]);
    command
        .args(["--key-env", "KEY", "--size", "320x180", "--fps", "15"])
        .args(["--video-bitrate", "400k"])
        .args(more);
    command
}

/// Starts `command`.
pub(crate) fn start(scene: &Scene, command: &mut Command) -> Peer {
    Peer::start("skywave", command, scene.folder())
}

/// Runs `command` to its end, which must come within `limit`.
pub(crate) fn run(scene: &Scene, command: &mut Command, limit: Duration) -> Ended {
    let mut program = start(scene, command);
    let status = program.wait(limit).code();
    Ended {
        status,
        stdout: program.stdout(),
        stderr: program.stderr(),
    }
}

impl Ended {
    /// The JSON lines of standard output; anything else among them is a failure.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.stdout)
    }

    /// Fails unless the program ended with this status.
    pub(crate) fn assert_status(&self, expected: i32) {
        assert_eq!(
            self.status,
            Some(expected),
            "exit status; it wrote:\n{}\n{}",
            self.stdout,
            self.stderr
        );
    }
}

/// The objects in `lines`, one for each complete line.
pub(crate) fn events(lines: &str) -> Vec<Value> {
    let complete = lines.rfind('\n').map_or("", |end| &lines[..end]);
    complete
        .lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not a JSON object: {line:?}: {error}"));
            assert!(event["event"].is_string(), "no event's name: {line}");
            event
        })
        .collect()
}

/// The events of that name.
pub(crate) fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == name)
        .collect()
}

/// The states gone through, in order, in small letters.
pub(crate) fn states(events: &[Value]) -> Vec<String> {
    let state = |event: &&Value| event["state"].as_str().expect("a state").to_lowercase();
    named(events, "state").iter().map(state).collect()
}
