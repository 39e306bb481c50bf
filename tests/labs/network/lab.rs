//! Two hosts on this machine, joined by a link whose rate and health can be changed.
//!
//! Both are network namespaces; what runs in them is ordinary programs over the kernel's real TCP. There is no
//! added delay or random loss here: those are tested on a virtual link, where they are exact and take no time.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Two hosts and the link between them. All that runs on them ends with it.
pub(crate) struct Lab {
    name: String,
    folder: TempDir,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Where the publisher runs.
    Client,
    /// Where the server runs.
    Server,
}

impl Host {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// The server's address.
pub(crate) const SERVER: &str = "192.0.2.1";
/// The server's name, as long as the client can look it up.
pub(crate) const SERVER_NAME: &str = "server.test";

impl Lab {
    /// Makes both hosts, and a link without limits.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}", process::id());
        let folder = TempDir::with_prefix(format!("{name}-")).expect("a folder for the lab");
        let lab = Self { name, folder };
        let (client, server) = (lab.namespace(Host::Client), lab.namespace(Host::Server));
        lab.names_can_be_looked_up(true);
        ip(&["netns", "add", &client]);
        ip(&["netns", "add", &server]);
        ip(&[
            "link", "add", LINK, "netns", &client, "type", "veth", "peer", "name", LINK, "netns",
            &server,
        ]);
        ip(&["-n", &client, "addr", "add", "192.0.2.2/24", "dev", LINK]);
        ip(&["-n", &server, "addr", "add", "192.0.2.1/24", "dev", LINK]);
        for host in [&client, &server] {
            ip(&["-n", host, "link", "set", "lo", "up"]);
            ip(&["-n", host, "link", "set", LINK, "up"]);
        }
        lab.nft(&["add", "table", "inet", "lab"]);
        for hook in ["input", "output"] {
            let definition = format!("{{ type filter hook {hook} priority 0; }}");
            lab.nft(&["add", "chain", "inet", "lab", hook, &definition]);
        }
        lab
    }

    /// A path in the lab's folder, which is removed at the end.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that runs on `host`, in the lab's folder, and sees a home of its own.
    pub(crate) fn command(&self, host: Host, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace(host)])
            .arg(program.as_ref())
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("SKYWAVE_CONFIG_DIR", self.path("settings"))
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Has `command` write to files of its own in the lab's folder; returns where standard output goes. Standard
    /// error goes beside it, with the ending `err`.
    pub(crate) fn keep_output(&self, command: &mut Command, name: &str) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let output = self.path(&format!("{name}-{count}.out"));
        let file = |path: &Path| File::create(path).expect("a file in the lab's folder");
        command.stdout(file(&output));
        command.stderr(file(&output.with_extension("err")));
        output
    }

    /// What the programs wrote to standard error, for a failure's words.
    pub(crate) fn errors(&self) -> String {
        let files = fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        let errors = files.filter(|file| file.path().extension().is_some_and(|end| end == "err"));
        errors
            .map(|file| fs::read_to_string(file.path()).unwrap_or_default())
            .collect()
    }

    /// From the client to the server so many kilobits per second, behind a queue of 300 ms as home routers have
    /// one; `None` for no limit.
    pub(crate) fn limit_uplink(&self, kbps: Option<u32>) {
        let client = self.namespace(Host::Client);
        let mut command = Command::new("tc");
        command.args(["-n", &client, "qdisc"]);
        match kbps {
            Some(kbps) => {
                command.args(["replace", "dev", LINK, "root", "tbf", "rate"]);
                command.arg(format!("{kbps}kbit"));
                command.args(["burst", "8kb", "latency", "300ms"]);
            }
            None => {
                command.args(["delete", "dev", LINK, "root"]);
            }
        }
        must(&mut command);
    }

    /// Packets vanish, both ways, and nobody is told: a mobile link that died, a router that hangs.
    pub(crate) fn black_hole(&self, on: bool) {
        if on {
            self.nft(&[
                "add", "rule", "inet", "lab", "input", "iifname", LINK, "drop",
            ]);
            self.nft(&[
                "add", "rule", "inet", "lab", "output", "oifname", LINK, "drop",
            ]);
        } else {
            self.nft(&["flush", "table", "inet", "lab"]);
        }
    }

    /// The client's own interface goes down or up; its system knows at once.
    pub(crate) fn plug_in(&self, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip(&[
            "-n",
            &self.namespace(Host::Client),
            "link",
            "set",
            LINK,
            state,
        ]);
    }

    /// Whether the client can look up [`SERVER_NAME`]. It asks a name server that does not answer otherwise.
    pub(crate) fn names_can_be_looked_up(&self, can: bool) {
        let folder = self.names_folder();
        fs::create_dir_all(&folder).expect("the namespaces' folder can be written");
        let hosts = if can {
            format!("127.0.0.1 localhost\n{SERVER} {SERVER_NAME}\n")
        } else {
            "127.0.0.1 localhost\n".to_owned()
        };
        // Written in place: programs that run already see the same file.
        fs::write(folder.join("hosts"), hosts).expect("the client's hosts");
        let servers = format!("nameserver {SERVER}\noptions timeout:1 attempts:1\n");
        fs::write(folder.join("resolv.conf"), servers).expect("the client's name servers");
    }

    /// How much of its receive buffers the server's system grants: little, so that a server that stops reading
    /// is felt at once.
    pub(crate) fn shorten_servers_buffers(&self) {
        let setting = "net.ipv4.tcp_rmem=4096 16384 16384";
        must(
            self.command(Host::Server, "sysctl")
                .args(["-q", "-w", setting]),
        );
    }

    /// Ends what still runs on `host`.
    fn kill_all(&self, host: Host) {
        kill_all_in(&self.namespace(host));
    }

    fn namespace(&self, host: Host) -> String {
        format!("{}-{}", self.name, host.name())
    }

    /// `ip netns exec` puts what is in there in the place of the system's files.
    fn names_folder(&self) -> PathBuf {
        Path::new(NAMES).join(self.namespace(Host::Client))
    }

    fn nft(&self, arguments: &[&str]) {
        must(self.command(Host::Server, "nft").args(arguments));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for host in [Host::Client, Host::Server] {
            self.kill_all(host);
            remove(&self.namespace(host));
        }
    }
}

/// Whether hosts can be made here.
///
/// # Errors
/// Why not, and what to do.
pub(crate) fn is_possible() -> Result<(), String> {
    let owner = fs::metadata("/proc/self").map(|process| process.uid());
    if owner.ok() != Some(0) {
        return Err(
            "The network lab makes network namespaces and changes the links between them, \
             which needs root: run it with sudo."
                .to_owned(),
        );
    }
    for (tool, arguments) in [("ip", "-V"), ("tc", "-V"), ("nft", "-v")] {
        if Command::new(tool).arg(arguments).output().is_err() {
            return Err(format!(
                "{tool} is not installed: run `scripts/system-packages.sh network`."
            ));
        }
    }
    let probe = format!("{PREFIX}{}-probe", process::id());
    let made = run(Command::new("ip").args(["netns", "add", &probe]));
    remove(&probe);
    if made.status.success() {
        return Ok(());
    }
    Err(format!(
        "This system makes no network namespaces, which the network lab needs: {}",
        String::from_utf8_lossy(&made.stderr).trim()
    ))
}

/// Removes what labs left behind whose program is no more, because it was killed.
pub(crate) fn sweep() {
    let list = run(Command::new("ip").args(["netns", "list"]));
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if is_orphan(name) {
            kill_all_in(name);
            remove(name);
        }
    }
    for folder in fs::read_dir(env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        if is_orphan(&folder.file_name().to_string_lossy()) {
            // Somebody else may do the same.
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

/// Whether it is named after a program of ours that is no more.
fn is_orphan(name: &str) -> bool {
    let owner = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next());
    owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists())
}

fn kill_all_in(namespace: &str) {
    // Once more, for those that were being started.
    for _ in 0..2 {
        let pids = run(Command::new("ip").args(["netns", "pids", namespace]));
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            // It may have ended by itself meanwhile.
            let _ = run(Command::new("kill").args(["-KILL", pid]));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn remove(namespace: &str) {
    // What is not there any more needs not be removed.
    let _ = run(Command::new("ip").args(["netns", "delete", namespace]));
    let _ = fs::remove_dir_all(Path::new(NAMES).join(namespace));
}

fn ip(arguments: &[&str]) {
    must(Command::new("ip").args(arguments));
}

/// Runs a tool that must do what it is told.
pub(crate) fn must(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {words}");
    output.stdout
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"))
}

/// Begins the names of our namespaces; the process id of their program follows.
const PREFIX: &str = "skywave-lab-";
/// The interface of each host.
const LINK: &str = "link0";
/// Where `ip netns exec` looks for a namespace's own `/etc`.
const NAMES: &str = "/etc/netns";
