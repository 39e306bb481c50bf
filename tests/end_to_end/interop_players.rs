//! Players see what our receiver holds, from a key frame on, in time, to its end.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use crate::support::{
    judge,
    media::Recording,
    peer::{Peer, output_of},
    program::{live, start},
    receiver::Receiver,
    scene::Scene,
    servers::ffmpeg_9,
};

#[test]
fn every_player_sees_the_stream_from_a_key_frame_to_its_end() {
    let scene = Scene::new();
    let mut receiver = Receiver::start(&scene, |_| {});
    let server = receiver.application("live");
    let more = ["--duration", "9s", "--keyframe-interval", "1s"];
    let mut publisher = start(&scene, live(&scene, &server, &more).env("KEY", "studio"));
    receiver.wait_for_stream(Duration::from_secs(2));

    let address = format!("{server}/studio");
    let mut players = [
        ffmpeg(&scene, &address),
        rtmpdump(&scene, &address),
        vlc(&scene, &address),
        gstreamer(&scene, &address),
    ];
    // It does not keep what it plays, but tells of each packet.
    let ffprobe = thread::Builder::new()
        .name("ffprobe".to_owned())
        .spawn(move || Recording::open(Path::new(&address)))
        .expect("a thread");
    let status = publisher.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", publisher.stderr());

    judge("ffprobe", &ffprobe.join().expect("ffprobe ends well"));
    for (name, player, seen) in &mut players {
        let status = player.wait(PATIENCE);
        assert!(status.success(), "{name}: {status}: {}", player.stderr());
        judge(name, &Recording::open(seen));
    }
    receiver.stop();
}

/// What a player saw that came two to four seconds after the begin of nine seconds.
fn judge(name: &str, seen: &Recording) {
    judge::headers_came_through(seen);
    judge::pictures_are_in_time(seen);
    judge::key_frames_come_within(15, seen);
    judge::sounds_are_in_time(seen);
    let count = seen.pictures.len();
    assert!((4 * 15..9 * 15).contains(&count), "{name}: {count}");
    judge::is_whole(seen, count);
}

/// A player's name, its process, and what it saw.
type Player = (&'static str, Peer, PathBuf);

/// The newer FFmpeg; its wheel has no `ffprobe`.
fn ffmpeg(scene: &Scene, address: &str) -> Player {
    let seen = scene.path("ffmpeg.mkv");
    let mut command = Command::new(ffmpeg_9());
    command.args(["-nostdin", "-v", "error", "-i", address, "-c", "copy"]);
    let player = Peer::start("ffmpeg", command.arg(&seen), scene.folder());
    ("FFmpeg 9", player, seen)
}

fn rtmpdump(scene: &Scene, address: &str) -> Player {
    let seen = scene.path("rtmpdump.flv");
    let mut command = scene.command("rtmpdump");
    command.args(["--quiet", "--live", "--rtmp", address, "--flv"]);
    let player = Peer::start("rtmpdump", command.arg(&seen), scene.folder());
    ("rtmpdump", player, seen)
}

/// VLC without a window. It refuses to run as root and then runs as nobody, who may write nowhere: so what
/// it plays goes to its output.
fn vlc(scene: &Scene, address: &str) -> Player {
    let mut command = if output_of(Command::new("id").arg("-u")) == b"0\n" {
        let mut command = scene.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc"]);
        command
    } else {
        scene.command("cvlc")
    };
    command.args(["-I", "dummy", "--play-and-exit"]);
    command.args([
        "--sout",
        "#std{access=file,mux=ts,dst=-}",
        address,
        "vlc://quit",
    ]);
    let player = Peer::start("vlc", &mut command, scene.folder());
    ("VLC", player, scene.path("vlc.out"))
}

/// GStreamer, with its own source: the one made of librtmp connects anew at the end, and waits for more.
fn gstreamer(scene: &Scene, address: &str) -> Player {
    let seen = scene.path("gstreamer.mkv");
    let pipeline = format!(
        "rtmp2src location={address} ! flvdemux name=demux \
         matroskamux name=mux ! filesink location={} \
         demux.video ! queue ! h264parse ! mux. demux.audio ! queue ! aacparse ! mux.",
        seen.display()
    );
    let mut command = scene.command("gst-launch-1.0");
    command.args(["-q", "-e"]).args(pipeline.split_whitespace());
    let player = Peer::start("gstreamer", &mut command, scene.folder());
    ("GStreamer", player, seen)
}

const PATIENCE: Duration = Duration::from_secs(40);
