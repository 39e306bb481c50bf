//! Our own receiver, `skywave receive`, saving what it gets.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use serde_json::Value;

use super::{
    peer::{Peer, free_port, is_listened_at},
    program::{events, named, skywave},
    scene::Scene,
};

/// A running `skywave receive`.
pub(crate) struct Receiver {
    port: u16,
    saved: PathBuf,
    peer: Peer,
}

impl Receiver {
    /// Starts it on a loopback port of its own, with what `adjust` adds to its command line.
    pub(crate) fn start(scene: &Scene, adjust: impl FnOnce(&mut Command)) -> Self {
        let port = free_port();
        let saved = scene.path("received");
        fs::create_dir_all(&saved).expect("a folder for the streams");
        let mut command = skywave(scene, &["receive", "--json", "--save"]);
        command.arg(&saved);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        adjust(&mut command);
        let mut peer = Peer::start("receiver", &mut command, scene.folder());
        peer.wait_until("it listens", PATIENCE, |_| is_listened_at(port));
        Self { port, saved, peer }
    }

    /// The address of that application, without a key.
    pub(crate) fn application(&self, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{name}", self.port)
    }

    /// The same for TLS.
    pub(crate) fn secure_application(&self, name: &str) -> String {
        format!("rtmps://localhost:{}/{name}", self.port)
    }

    /// Waits until so many streams are over and saved.
    pub(crate) fn wait_for_recordings(&mut self, count: usize) {
        self.peer
            .wait_until("the streams are saved", PATIENCE, |peer| {
                let saved = |event: &&&Value| event["state"] == "finished";
                let events = events(&peer.stdout());
                named(&events, "recording").iter().filter(saved).count() == count
            });
    }

    /// Waits until a stream has been there for so long.
    pub(crate) fn wait_for_stream(&mut self, uptime: Duration) {
        let wanted = u64::try_from(uptime.as_millis()).expect("a short time");
        self.peer.wait_until("a stream is there", PATIENCE, |peer| {
            let events = events(&peer.stdout());
            let uptime = |event: &&Value| event["uptime_ms"].as_u64() >= Some(wanted);
            named(&events, "stream").iter().any(uptime)
        });
    }

    /// Stops it as Ctrl-C does; what it told.
    pub(crate) fn stop(mut self) -> Vec<Value> {
        self.peer.signal("INT");
        let status = self.peer.wait(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", self.peer.stderr());
        events(&self.peer.stdout())
    }

    /// The only recording of that application's streams.
    pub(crate) fn recording(&self, application: &str) -> PathBuf {
        let folder = fs::read_dir(&self.saved).expect("the receiver's folder");
        let mut files: Vec<_> = folder
            .map(|entry| entry.expect("an entry of the receiver's folder").path())
            .filter(|path| path.to_string_lossy().contains(application))
            .collect();
        assert_eq!(files.len(), 1, "{application}: {files:?}");
        files.remove(0)
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
