//! Our receiver takes other people's streams, whole and in time, with the codecs of Enhanced RTMP too; and
//! ours, through TLS and behind a login.

use std::{fs, path::Path, process::Command, time::Duration};

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::support::{
    judge,
    media::Recording,
    peer::{Peer, output_of},
    program::{live, named, run},
    receiver::Receiver,
    scene::Scene,
    servers::ffmpeg_9,
};

/// What each publisher here sends: three seconds, a key frame each second.
const FRAMES: usize = 45;

#[test]
fn the_streams_of_ffmpeg_and_gstreamer_arrive_whole() {
    let scene = Scene::new();
    let mut receiver = Receiver::start(&scene, |_| {});
    let h264 = "-c:v libx264 -preset ultrafast -g 15 -c:a aac";
    let ffmpeg_9 = ffmpeg_9();
    let mut publishers = [
        ffmpeg(&scene, &receiver, "old-ffmpeg", Path::new("ffmpeg"), h264),
        ffmpeg(&scene, &receiver, "new-ffmpeg", &ffmpeg_9, h264),
        gstreamer(&scene, &receiver, "gstreamer"),
    ];
    all_end_well(&mut publishers);
    receiver.wait_for_recordings(publishers.len());

    for application in ["old-ffmpeg", "new-ffmpeg", "gstreamer"] {
        let recording = Recording::open(&receiver.recording(application));
        is_as_sent(&recording, application, "h264", "aac");
        judge::sounds_are_in_time(&recording);
    }
    nobody_was_refused(receiver);
}

#[test]
fn the_codecs_of_enhanced_rtmp_arrive_whole() {
    let scene = Scene::new();
    let mut receiver = Receiver::start(&scene, |_| {});
    let program = ffmpeg_9();
    let streams = [
        (
            "hevc",
            "opus",
            "-c:v libx265 -preset ultrafast -x265-params bframes=0:keyint=15:log-level=error -c:a libopus",
        ),
        (
            "av1",
            "aac",
            "-c:v libsvtav1 -preset 12 -g 15 -svtav1-params pred-struct=1 -c:a aac",
        ),
        (
            "vp9",
            "flac",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 15 -c:a flac",
        ),
    ];
    let mut publishers = streams.map(|(video, _, codecs)| {
        let codecs = format!("{codecs} -rtmp_enhanced_codecs hvc1,av01,vp09");
        ffmpeg(&scene, &receiver, video, &program, &codecs)
    });
    all_end_well(&mut publishers);
    receiver.wait_for_recordings(publishers.len());

    for (video, audio, _) in streams {
        // Debian's ffprobe does not know these in FLV yet; the newer FFmpeg puts them where it does.
        let known = scene.path(video).with_extension("mkv");
        let mut copy = Command::new(&program);
        copy.args(["-v", "error", "-nostdin", "-i"])
            .arg(receiver.recording(video));
        output_of(copy.args(["-c", "copy"]).arg(&known));
        is_as_sent(&Recording::open(&known), video, video, audio);
    }
    nobody_was_refused(receiver);
}

#[test]
fn our_own_stream_arrives_whole_through_tls_and_a_login() {
    let scene = Scene::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (scene.path("certificate.pem"), scene.path("key.pem"));
    fs::write(&certificate, cert.pem()).expect("a file in the test's folder");
    fs::write(&key, signing_key.serialize_pem()).expect("a file in the test's folder");
    let mut receiver = Receiver::start(&scene, |command| {
        command.arg("--tls").args([&certificate, &key]);
        command.args(["--user", "ann", "--password-env", "PASSWORD"]);
        command.env("PASSWORD", "open sesame");
    });
    let server = receiver.secure_application("live");
    let login = ["--user", "ann", "--password-env", "PASSWORD", "--json"];
    let mut publisher = live(&scene, &server, &["--duration", "3s"]);
    publisher.arg("--ca-file").arg(&certificate).args(login);
    publisher.args(["--keyframe-interval", "1s"]);
    publisher
        .env("KEY", "studio")
        .env("PASSWORD", "open sesame");
    let ended = run(&scene, &mut publisher, PATIENCE);

    ended.assert_status(0);
    receiver.wait_for_recordings(1);
    let recording = Recording::open(&receiver.recording("live"));
    judge::headers_came_through(&recording);
    judge::pictures_are_in_time(&recording);
    judge::key_frames_come_within(15, &recording);
    judge::sounds_are_in_time(&recording);
    let summary = ended.events().pop().expect("a summary");
    let sent = summary["frames_sent"].as_u64().expect("frames sent");
    judge::is_whole(&recording, usize::try_from(sent).expect("few frames"));

    for (user, password, named) in [
        ("ann", "open barley", "password"),
        ("bob", "open sesame", "user"),
    ] {
        let mut publisher = live(&scene, &server, &["--give-up-after", "5s"]);
        publisher.arg("--ca-file").arg(&certificate);
        publisher.args(["--user", user, "--password-env", "PASSWORD"]);
        publisher.env("KEY", "studio").env("PASSWORD", password);
        let ended = run(&scene, &mut publisher, PATIENCE);
        ended.assert_status(4);
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
    }
}

/// `ffmpeg` publishing a test picture and a tone in real time.
fn ffmpeg(
    scene: &Scene,
    receiver: &Receiver,
    application: &str,
    program: &Path,
    codecs: &str,
) -> Peer {
    let mut command = Command::new(program);
    command.args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i"]);
    command.args(["testsrc2=s=320x180:r=15:d=3", "-f", "lavfi", "-i"]);
    command.args(["sine=f=1000:r=48000:d=3", "-pix_fmt", "yuv420p"]);
    command.args(["-ac", "2"]).args(codecs.split(' '));
    command
        .args(["-f", "flv"])
        .arg(format!("{}/studio", receiver.application(application)));
    Peer::start(application, &mut command, scene.folder())
}

/// GStreamer publishing the same.
fn gstreamer(scene: &Scene, receiver: &Receiver, application: &str) -> Peer {
    let sink = format!(
        "rtmp2sink location={}/studio",
        receiver.application(application)
    );
    let pipeline = format!(
        "flvmux name=mux streamable=true ! {sink} \
         videotestsrc is-live=true num-buffers={FRAMES} ! video/x-raw,width=320,height=180,framerate=15/1 \
         ! openh264enc gop-size=15 ! h264parse ! queue ! mux. \
         audiotestsrc is-live=true num-buffers=141 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 \
         ! voaacenc ! aacparse ! queue ! mux."
    );
    let mut command = scene.command("gst-launch-1.0");
    command.arg("-q").args(pipeline.split_whitespace());
    Peer::start(application, &mut command, scene.folder())
}

/// Each publisher ends by itself, content with its server.
fn all_end_well(publishers: &mut [Peer]) {
    for publisher in publishers {
        let status = publisher.wait(PATIENCE);
        assert!(status.success(), "{status}: {}", publisher.stderr());
    }
}

fn is_as_sent(recording: &Recording, application: &str, video: &str, audio: &str) {
    assert_eq!(recording.video["codec_name"], video, "{application}");
    assert_eq!(recording.audio["codec_name"], audio, "{application}");
    assert_eq!(recording.video["width"], 320, "{application}");
    assert_eq!(recording.audio["sample_rate"], "48000", "{application}");
    assert_eq!(recording.audio["channels"], 2, "{application}");
    judge::pictures_are_in_time(recording);
    judge::key_frames_come_each(15, recording);
    judge::is_whole(recording, FRAMES);
}

fn nobody_was_refused(receiver: Receiver) {
    let events = receiver.stop();
    assert_eq!(named(&events, "refused"), [&serde_json::Value::Null; 0]);
    let ended_badly = |event: &&&serde_json::Value| !event["because"].is_null();
    let publishing = named(&events, "publishing");
    assert_eq!(publishing.iter().find(ended_badly), None);
}

const PATIENCE: Duration = Duration::from_secs(40);
