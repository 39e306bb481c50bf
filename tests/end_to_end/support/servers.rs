//! Servers besides nginx that take a stream and keep it in a file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    peer::{Peer, free_port, is_listened_at},
    scene::Scene,
};

/// A server that writes what it gets to files.
pub(crate) struct Server {
    port: u16,
    folder: PathBuf,
    peer: Peer,
}

/// Debian's FFmpeg, and the newer one that `scripts/interop-peers.sh` fetches.
pub(crate) fn ffmpegs() -> [(&'static str, PathBuf); 2] {
    [
        ("ffmpeg", PathBuf::from("ffmpeg")),
        ("ffmpeg 9", ffmpeg_9()),
    ]
}

/// The newer FFmpeg, which knows Enhanced RTMP.
pub(crate) fn ffmpeg_9() -> PathBuf {
    fetched("ffmpeg-9/ffmpeg")
}

impl Server {
    /// `ffmpeg -listen 1`: takes one publisher and ends with it.
    pub(crate) fn ffmpeg(scene: &Scene, program: &Path) -> Self {
        let port = free_port();
        let folder = scene.path("ffmpeg");
        fs::create_dir_all(&folder).expect("a folder for the recording");
        let mut command = Command::new(program);
        command.args(["-nostdin", "-v", "warning", "-listen", "1", "-i"]);
        command.arg(format!("rtmp://127.0.0.1:{port}/live/studio"));
        command.args(["-c", "copy"]).arg(folder.join("out.flv"));
        let peer = Peer::start("ffmpeg", &mut command, scene.folder());
        Self::listening(port, folder, peer)
    }

    /// node-media-server, recording every publisher.
    pub(crate) fn node_media_server(scene: &Scene) -> Self {
        let (port, http_port) = (free_port(), free_port());
        let folder = scene.path("node-media-server");
        let module = fetched("node-media-server/node_modules/node-media-server");
        let script = format!(
            "new (require('{module}'))({{
                bind: '127.0.0.1', rtmp: {{ port: {port} }}, http: {{ port: {http_port} }},
                auth: {{ play: false, publish: false, secret: '', jwt: {{ secret: 'unused', users: [] }} }},
                store: {{ path: '{store}' }}, record: {{ auto: true, path: '{folder}' }}
            }}).run()",
            module = module.display(),
            store = scene.path("store").display(),
            folder = folder.display(),
        );
        let mut command = scene.command("node");
        let peer = Peer::start("node", command.args(["-e", &script]), scene.folder());
        Self::listening(port, folder, peer)
    }

    fn listening(port: u16, folder: PathBuf, mut peer: Peer) -> Self {
        peer.wait_until("it listens", PATIENCE, |_| is_listened_at(port));
        Self { port, folder, peer }
    }

    /// The address of its application, without a key.
    pub(crate) fn live(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.port)
    }

    /// Its only recording, wherever it put it.
    pub(crate) fn recording(&self) -> PathBuf {
        let mut files = files_under(&self.folder);
        assert_eq!(files.len(), 1, "recordings: {files:?}");
        files.remove(0)
    }

    /// The server's process.
    pub(crate) fn peer(&mut self) -> &mut Peer {
        &mut self.peer
    }
}

/// What `scripts/interop-peers.sh` fetched.
fn fetched(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let found = target
        .expect("Cargo's target folder")
        .join("peers")
        .join(path);
    assert!(
        found.exists(),
        "{} is not here: run scripts/interop-peers.sh (it needs npm, Python's pip and the network, once)",
        found.display()
    );
    found
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a server's folder") {
        let path = entry.expect("an entry of a server's folder").path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files
}

const PATIENCE: Duration = Duration::from_secs(15);
