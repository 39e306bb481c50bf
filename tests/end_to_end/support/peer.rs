//! Child processes that never outlive their test.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A running program; it is killed when this is dropped.
pub(crate) struct Peer {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Peer {
    /// Starts `command`. Its output goes to `<name>.out` and `<name>.err` in `folder`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let output = folder.join(name);
        let file = |extension: &str| {
            File::create(output.with_extension(extension)).expect("a file in the test's folder")
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}; run `make packages`"));
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// What it wrote to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        read(&self.output.with_extension("out"))
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.output.with_extension("err"))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child's state").is_none()
    }

    /// Waits for its end; killed and a failure after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child's state") {
                return status;
            }
            if begin.elapsed() > limit {
                self.kill();
                panic!(
                    "{} did not end within {limit:?}; it wrote:\n{}{}",
                    self.name,
                    self.stdout(),
                    self.stderr()
                );
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until `condition` holds; a failure when it ends before, or after `limit`.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) {
        let begin = Instant::now();
        while !condition(self) {
            let why = if !self.runs() {
                "it ended"
            } else if begin.elapsed() > limit {
                "too late"
            } else {
                thread::sleep(POLL);
                continue;
            };
            panic!(
                "{}: {why} before this was so: {what}; it wrote:\n{}{}",
                self.name,
                self.stdout(),
                self.stderr()
            );
        }
    }

    /// Sends the signal of that name: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "kill -{name} failed"
        );
    }

    /// Ends it without a chance to clean up.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a tool to its end and returns what it wrote to standard output.
pub(crate) fn output_of(command: &mut Command) -> Vec<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name} does not start: {error}; run `make packages`"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {words}");
    output.stdout
}

/// Waits until `condition` holds; a failure after `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "not so within {limit:?}: {what}");
        thread::sleep(POLL);
    }
}

/// A port on the loopback that nothing listened at a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("the port's number").port()
}

/// Whether a program listens at this port, found out without connecting: a server for one would take that
/// for its publisher.
pub(crate) fn is_listened_at(port: u16) -> bool {
    const LISTENING: &str = "0A";
    let address = format!("0100007F:{port:04X}");
    let sockets = fs::read_to_string("/proc/net/tcp").expect("the system's sockets");
    sockets.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        columns.next() == Some(&address) && columns.nth(1) == Some(LISTENING)
    })
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

const POLL: Duration = Duration::from_millis(20);
