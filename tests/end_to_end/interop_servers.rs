//! Other people's servers get what was sent, whole and in time, and see it end.

use std::{fs, path::Path, time::Duration};

use crate::support::{
    judge,
    media::Recording,
    nginx::Nginx,
    peer::wait_until,
    program::{live, run},
    scene::Scene,
    servers::{Server, ffmpegs},
};

#[test]
fn ffmpeg_listening_gets_the_whole_stream() {
    for (name, program) in ffmpegs() {
        let scene = Scene::new();
        let mut server = Server::ffmpeg(&scene, &program);
        let frames = publish(&scene, &server.live(), SHORT);

        let status = server.peer().wait(PATIENCE);
        assert!(status.success(), "{name}: {status}");
        // Its server knows no other end of a connection than this, whoever publishes: read(2) gave nothing.
        let words = server.peer().stderr();
        let strange = words
            .lines()
            .find(|line| !line.ends_with("Input/output error"));
        assert_eq!(strange, None, "{name}");
        arrived_whole(&server.recording(), frames);
    }
}

#[test]
fn node_media_server_gets_the_whole_stream() {
    let scene = Scene::new();
    let mut server = Server::node_media_server(&scene);
    let frames = publish(&scene, &server.live(), SHORT);

    server
        .peer()
        .wait_until("it saw the end", PATIENCE, |server| {
            server.stdout().contains("close")
        });
    let words = server.peer().stdout() + &server.peer().stderr();
    assert!(!words.contains("ERROR"), "{words}");
    arrived_whole(&server.recording(), frames);
}

#[test]
fn nginx_cuts_hls_exactly_at_our_key_frames() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let frames = publish_for_segments(&scene, &nginx);

    let folder = nginx.segments("hls");
    let playlist = fs::read_to_string(folder.join("studio.m3u8")).expect("an HLS playlist");
    let names = playlist.lines().filter(|line| !line.starts_with('#'));
    let pieces: Vec<_> = names
        .map(|name| Recording::open(&folder.join(name)))
        .collect();
    are_cut_at_key_frames(&pieces, frames);
    let full = playlist.matches("#EXTINF:2.000,").count();
    assert_eq!(full, pieces.len() - 1, "{playlist}");
    for piece in &pieces {
        judge::headers_came_through(piece);
    }
    // As it is, a player would wait for more.
    let list = folder.join("whole.m3u8");
    fs::write(&list, playlist + "#EXT-X-ENDLIST\n").expect("a file in nginx's folder");
    let whole = Recording::open(&list);
    judge::pictures_are_in_time(&whole);
    judge::key_frames_come_each(30, &whole);
    judge::sounds_are_in_time(&whole);
    judge::is_whole(&whole, frames);
}

#[test]
fn nginx_cuts_dash_exactly_at_our_key_frames() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let frames = publish_for_segments(&scene, &nginx);

    let folder = nginx.segments("dash");
    let manifest = fs::read_to_string(folder.join("studio.mpd")).expect("a DASH manifest");
    let times: Vec<_> = manifest
        .split("<S t=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    // Both sorts of pieces have the same times; each is read behind the header of its sort.
    let (times, sound_times) = times.split_at(times.len() / 2);
    assert_eq!(times, sound_times, "{manifest}");
    let piece = |time: &str, kind: &str| {
        let file = |name: &str| folder.join(format!("studio-{name}.{kind}"));
        let read = |name| fs::read(file(name)).expect("a piece that the manifest names");
        let whole = [read("init"), read(time)].concat();
        let joined = scene.path("piece.mp4");
        fs::write(&joined, whole).expect("a file in the test's folder");
        Recording::open(&joined)
    };
    let pictures: Vec<_> = times.iter().map(|time| piece(time, "m4v")).collect();
    are_cut_at_key_frames(&pictures, frames);
    for picture in &pictures {
        judge::picture_header_came_through(picture);
    }
    for time in times {
        let sound = piece(time, "m4a");
        judge::sound_header_came_through(&sound);
        judge::sounds_are_in_time(&sound);
    }
}

/// Each piece begins with a key frame, has no other, and goes on where the last ended; each but the last
/// has the thirty pictures of one key frame interval.
fn are_cut_at_key_frames(pieces: &[Recording], frames: usize) {
    assert_eq!(pieces.len(), frames.div_ceil(30), "pieces");
    let mut due = pieces[0].pictures[0].time;
    for (number, piece) in pieces.iter().enumerate() {
        judge::pictures_are_in_time(piece);
        judge::key_frames_come_each(30, piece);
        let begin = piece.pictures[0].time;
        assert!((begin - due).abs() < 0.0021, "piece {number} at {begin}");
        due += 2.0;
    }
    let all: Vec<_> = pieces.iter().map(|piece| piece.pictures.len()).collect();
    let (last, full) = all.split_last().expect("pieces");
    assert!(full.iter().all(|&count| count == 30), "{all:?}");
    assert_eq!(full.len() * 30 + last, frames, "{all:?}");
}

/// Publishes until nginx has closed its last piece; the number of pictures sent.
fn publish_for_segments(scene: &Scene, nginx: &Nginx) -> usize {
    let frames = publish(scene, &nginx.application("segments"), &["--duration", "7s"]);
    wait_until("nginx closed its pieces", PATIENCE, || {
        nginx.log().contains("deleteStream")
    });
    frames
}

/// Publishes and stops as it should; the number of pictures sent.
fn publish(scene: &Scene, server: &str, more: &[&str]) -> usize {
    let mut command = live(scene, server, more);
    let ended = run(
        scene,
        command.args(["--json"]).env("KEY", "studio"),
        PATIENCE,
    );
    ended.assert_status(0);
    let summary = ended.events().pop().expect("a summary");
    let frames = summary["frames_sent"].as_u64().expect("frames sent");
    usize::try_from(frames).expect("few frames")
}

/// What a server kept of a stream with a key frame each second.
fn arrived_whole(recording: &Path, frames: usize) {
    let recording = Recording::open(recording);
    judge::headers_came_through(&recording);
    judge::pictures_are_in_time(&recording);
    judge::key_frames_come_within(15, &recording);
    judge::sounds_are_in_time(&recording);
    judge::is_whole(&recording, frames);
}

const SHORT: &[&str] = &["--duration", "4s", "--keyframe-interval", "1s"];
const PATIENCE: Duration = Duration::from_secs(30);
