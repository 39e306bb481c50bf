//! Whatever breaks is named in time, with the part of the way that it belongs to. What needs another link than the
//! loopback is in the network lab (`make test-network`).

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    nginx::Nginx,
    peer::Peer,
    program::{events, live, skywave, start},
    scene::Scene,
};

/// What can break here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ServerKilled,
    ServerCloses,
    ServerHangs,
    PortRefuses,
    NameInUse,
    NameUnknown,
    DiskFull,
}

/// A fault, and the state, the cause and one of the words that must be told of it.
type Row = (Fault, &'static str, &'static str, &'static [&'static str]);

const FAULTS: [Row; 7] = [
    (
        Fault::ServerKilled,
        "reconnecting",
        "server",
        &["closed the connection", "refused"],
    ),
    (
        Fault::ServerCloses,
        "reconnecting",
        "server",
        &["closed the connection"],
    ),
    (
        Fault::ServerHangs,
        "reconnecting",
        "server",
        &["took nothing"],
    ),
    (Fault::PortRefuses, "reconnecting", "server", &["refused"]),
    (Fault::NameInUse, "reconnecting", "server", &["in use"]),
    (
        Fault::NameUnknown,
        "reconnecting",
        "uplink",
        &["no-such-host.invalid"],
    ),
    (Fault::DiskFull, "live", "disk", &["full", "space"]),
];

#[test]
fn whatever_breaks_is_named_with_its_cause_within_three_seconds() {
    let mut wrong = Vec::new();
    println!("| fault | expected | state | cause | after | words |");
    println!("|---|---|---|---|---|---|");
    for (fault, state, cause, words) in FAULTS {
        let seen = provoke(fault);
        println!(
            "| {fault:?} | {state}, {cause} | {} | {} | {:.1} s | {} |",
            seen.states, seen.cause, seen.after, seen.words
        );
        let in_words = words.iter().any(|word| seen.words.contains(word));
        // It may be over already.
        let in_state = match state {
            "live" => seen.states == state,
            _ => seen.states.contains(state),
        };
        if !in_state || seen.cause != cause || !in_words {
            wrong.push(format!("{fault:?}: {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was told of a fault within the time.
#[derive(Debug, Default)]
struct Seen {
    /// The states it went through, or stayed in.
    states: String,
    /// The cause of the last error; of the last warning if there was no error.
    cause: String,
    /// Seconds from the fault to it.
    after: f64,
    /// Its words.
    words: String,
}

/// Brings it about, and says what was told of it.
fn provoke(fault: Fault) -> Seen {
    let scene = Scene::new();
    let mut nginx = Nginx::start(&scene);
    let start_live = |nginx: &Nginx| {
        let mut told = Told::start(&scene, live(&scene, &nginx.live(), &[]));
        told.look_until("it is live", |told| {
            told.state() == "live" && nginx.recorded_bytes() > 100_000
        });
        told
    };
    match fault {
        Fault::ServerKilled => {
            let told = start_live(&nginx);
            let broke = Instant::now();
            nginx.kill();
            told.seen_within(broke, WITHIN)
        }
        Fault::ServerCloses => {
            let told = start_live(&nginx);
            let broke = Instant::now();
            nginx.drop_publisher("studio");
            told.seen_within(broke, WITHIN)
        }
        Fault::ServerHangs => {
            // So much that the system's buffers are full at once.
            let mut told = Told::start(&scene, large(&scene, &nginx));
            told.look_until("it is live", |told| {
                told.state() == "live" && nginx.recorded_bytes() > 1_000_000
            });
            let broke = Instant::now();
            nginx.hang();
            told.seen_within(broke, WITHIN + BUFFERED)
        }
        Fault::PortRefuses => {
            nginx.kill();
            Told::start(&scene, live(&scene, &nginx.live(), &[]))
                .seen_within(Instant::now(), WITHIN)
        }
        Fault::NameInUse => {
            let mut first = live(&scene, &nginx.live(), &[]);
            let mut first = Peer::start("first", first.env("KEY", "studio"), scene.folder());
            first.wait_until("it is live", PATIENCE, |_| nginx.recorded_bytes() > 100_000);
            Told::start(&scene, live(&scene, &nginx.live(), &[]))
                .seen_within(Instant::now(), WITHIN)
        }
        Fault::NameUnknown => {
            let server = "rtmp://no-such-host.invalid/live";
            Told::start(&scene, live(&scene, server, &[])).seen_within(Instant::now(), WITHIN)
        }
        Fault::DiskFull => {
            let (command, file) = on_a_small_disk(&scene, &nginx);
            let mut told = Told::start(&scene, command);
            let seen_by_it = |path: &str, id: u32| format!("/proc/{id}/root{path}");
            told.look_until("the disk is almost full", |told| {
                let file = seen_by_it(&file, told.program.id());
                fs::metadata(file).is_ok_and(|file| file.len() > ALMOST_FULL)
            });
            told.seen_within(Instant::now(), WITHIN + BUFFERED)
        }
    }
}

/// Publishes some ten times as much as [`live`].
fn large(scene: &Scene, nginx: &Nginx) -> Command {
    let mut command = skywave(
        scene,
        &["live", "--test-picture", "--tone", "--key-env", "KEY"],
    );
    command.args([
        "--to",
        &nginx.live(),
        "--size",
        "640x360",
        "--video-bitrate",
        "5M",
    ]);
    command
}

/// Publishes and records, on a disk of 200 kB that this command alone sees; root or user namespaces let us mount it.
fn on_a_small_disk(scene: &Scene, nginx: &Nginx) -> (Command, String) {
    let disk = scene.path("disk");
    fs::create_dir(&disk).expect("a mount point");
    let utf8 = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let file = utf8(&disk.join("service.flv"));
    let program = live(scene, &nginx.live(), &["--record", &file]);
    let script = "mount -t tmpfs -o size=200k tmpfs \"$1\" || exit 77; shift; exec \"$@\"";
    let mut command = scene.command("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(&disk).arg(program.get_program());
    command.args(program.get_args());
    (command, file)
}

/// A running Skywave and what it told.
struct Told {
    program: Peer,
    events: Vec<Value>,
    /// When its clock began, as far as known: nothing is read before it is written.
    zero: Option<Instant>,
}

impl Told {
    fn start(scene: &Scene, mut command: Command) -> Self {
        command.arg("--json").env("KEY", "studio");
        let program = start(scene, &mut command);
        Self {
            program,
            events: Vec::new(),
            zero: None,
        }
    }

    fn look(&mut self) {
        let all = events(&self.program.stdout());
        let now = Instant::now();
        for event in &all[self.events.len()..] {
            let zero = now
                .checked_sub(at(event))
                .expect("it began after this machine did");
            self.zero = Some(self.zero.map_or(zero, |known| known.min(zero)));
        }
        self.events = all;
    }

    fn look_until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !condition(self) {
            assert!(
                begin.elapsed() < PATIENCE && self.program.runs(),
                "not before its end, or not in time: {what}; it wrote:\n{}{}",
                self.program.stdout(),
                self.program.stderr()
            );
            thread::sleep(POLL);
            self.look();
        }
    }

    fn state(&self) -> &str {
        let newest = self.events.iter().rfind(|event| event["event"] == "state");
        newest.map_or("", |event| event["state"].as_str().unwrap_or_default())
    }

    /// What it tells of something within `time` after that broke.
    fn seen_within(mut self, broke: Instant, time: Duration) -> Seen {
        while broke.elapsed() < time {
            thread::sleep(POLL);
            self.look();
        }
        let zero = self.zero.unwrap_or(broke);
        let since = broke.saturating_duration_since(zero);
        let decisions = self
            .events
            .iter()
            .filter(|event| event["event"] == "decision" && at(event) >= since);
        let decisions: Vec<&Value> = decisions.collect();
        let of = |severity: &str| {
            decisions
                .iter()
                .rfind(|event| event["severity"] == severity)
                .copied()
        };
        let mut states: Vec<&str> = self
            .events
            .iter()
            .filter(|event| event["event"] == "state" && at(event) >= since)
            .map(|event| event["state"].as_str().unwrap_or_default())
            .collect();
        states.dedup();
        let states = if states.is_empty() {
            self.state().to_owned()
        } else {
            states.join(", ")
        };
        let Some(worst) = of("error").or(of("warning")) else {
            return Seen {
                states,
                ..Seen::default()
            };
        };
        let word = |field: &str| worst[field].as_str().unwrap_or_default().to_owned();
        Seen {
            states,
            cause: word("cause"),
            after: at(worst).saturating_sub(since).as_secs_f64(),
            words: word("text"),
        }
    }
}

fn at(event: &Value) -> Duration {
    Duration::from_millis(event["at_ms"].as_u64().expect("when it happened"))
}

/// State and cause are right after so long; the rest is for a slow machine's last line to be read.
const WITHIN: Duration = Duration::from_millis(3250);
/// What is still taken after a fault: by the system's buffers, by the rest of a disk.
const BUFFERED: Duration = Duration::from_secs(1);
/// Of a disk of 200 kB.
const ALMOST_FULL: u64 = 180_000;
/// For a start.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
