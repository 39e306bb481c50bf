//! What a server records is what was asked for, picture and sound in step.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::support::{
    judge,
    media::Recording,
    nginx::Nginx,
    peer::Peer,
    program::{live, named, run, skywave, start, states},
    scene::Scene,
};

#[test]
fn what_the_server_records_is_what_was_asked_for() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);

    let mut command = live(&scene, &nginx.live(), &["--duration", "20s", "--json"]);
    let ended = run(&scene, command.env("KEY", "studio"), Duration::from_mins(1));

    ended.assert_status(0);
    let events = ended.events();
    the_events_tell_the_whole_story(&events);

    let recording = Recording::open(&nginx.recording());
    picture_and_sound_are_as_asked(&recording);
    flash_and_beep_stay_in_step(&recording);
}

fn the_events_tell_the_whole_story(events: &[Value]) {
    let states = states(events);
    assert_eq!(states[..2], ["connecting", "live"], "{states:?}");
    assert_eq!(
        states.last().map(String::as_str),
        Some("offline"),
        "{states:?}"
    );

    let reports = named(events, "stats");
    assert!(reports.len() >= 19, "{} reports in 20 s", reports.len());
    for figure in [
        "target_kbps",
        "sent_kbps",
        "frames_captured",
        "frames_encoded",
        "frames_sent",
        "frames_dropped",
        "queue_ms",
        "uptime_ms",
    ] {
        assert!(
            reports[0][figure].is_number(),
            "no {figure} in {}",
            reports[0]
        );
    }
    let last = reports.last().expect("reports");
    assert_eq!(last["frames_dropped"], 0, "{last}");

    let summary = events.last().expect("events");
    assert_eq!(summary["event"], "summary", "{summary}");
    assert_eq!(summary["exit_status"], 0, "{summary}");
}

fn picture_and_sound_are_as_asked(recording: &Recording) {
    judge::headers_came_through(recording);
    judge::pictures_are_in_time(recording);
    judge::key_frames_come_each(30, recording);
    judge::sounds_are_in_time(recording);
    assert!(
        (295..=305).contains(&recording.pictures.len()),
        "{} pictures in 20 s",
        recording.pictures.len()
    );
    let bitrate = recording.video_bitrate_after(Duration::from_secs(2));
    assert!(
        (360e3..=440e3).contains(&bitrate),
        "{bitrate} b/s instead of 400,000"
    );
}

fn flash_and_beep_stay_in_step(recording: &Recording) {
    let flashes = recording.flashes();
    let beeps = recording.beeps();
    assert!((18..=21).contains(&flashes.len()), "flashes at {flashes:?}");
    for flash in &flashes {
        let late = beeps
            .iter()
            .map(|beep| beep - flash)
            .min_by(|a, b| a.abs().total_cmp(&b.abs()));
        assert!(
            late.is_some_and(|late| late.abs() <= 0.040),
            "the flash at {flash} has its beep {late:?} s later; beeps at {beeps:?}"
        );
    }
}

#[test]
fn ctrl_c_stops_within_a_second_and_says_goodbye() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let mut command = live(&scene, &nginx.live(), &["--json"]);
    let mut program = start(&scene, command.env("KEY", "studio"));
    program.wait_until("it is live", Duration::from_secs(20), |_| {
        nginx.recorded_bytes() > 50_000
    });

    program.signal("INT");
    // The promise is one second; the rest is for starting `kill` and noticing the end on a busy machine.
    let status = program.wait(Duration::from_millis(1500));

    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    assert!(nginx.log().contains("deleteStream"), "{}", nginx.log());
}

#[test]
fn a_viewer_who_joins_late_gets_picture_and_sound() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let mut command = live(&scene, &nginx.live(), &[]);
    let mut program = start(&scene, command.env("KEY", "studio"));
    program.wait_until("it is live", Duration::from_secs(20), |_| {
        nginx.recorded_bytes() > 100_000
    });

    let seen = scene.path("seen.flv");
    let address = format!("{}/studio", nginx.live());
    let mut viewer = scene.command("rtmpdump");
    viewer.args(["--quiet", "--live", "--rtmp", &address, "--flv"]);
    let mut viewer = Peer::start("rtmpdump", viewer.arg(&seen), scene.folder());
    viewer.wait_until("the viewer has seen some", Duration::from_secs(30), |_| {
        fs::metadata(&seen).is_ok_and(|file| file.len() > 300_000)
    });
    viewer.kill();

    let seen = Recording::open(&seen);
    assert_eq!(seen.video["profile"], "High", "{}", viewer.stderr());
    assert_eq!(seen.audio["codec_name"], "aac");
    assert!(seen.pictures.len() > 30 && seen.sounds.len() > 50);
}

#[test]
fn the_built_in_check_passes_and_reports_what_viewers_would_get() {
    let scene = Scene::new();
    let mut command = skywave(&scene, &["check", "--json"]);
    let ended = run(&scene, &mut command, Duration::from_secs(90));
    ended.assert_status(0);
    assert!(!ended.events().is_empty());

    let mut command = skywave(&scene, &["check"]);
    let ended = run(&scene, &mut command, Duration::from_secs(90));
    ended.assert_status(0);
    for word in ["H.264", "AAC", "fps", "kb/s", "key frame"] {
        assert!(
            ended.stdout.to_lowercase().contains(&word.to_lowercase()),
            "no {word}:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn devices_are_listed_for_people_and_for_scripts() {
    let scene = Scene::new();
    let ended = run(
        &scene,
        &mut skywave(&scene, &["devices"]),
        Duration::from_secs(30),
    );
    ended.assert_status(0);
    assert!(!ended.stdout.trim().is_empty());

    let ended = run(
        &scene,
        &mut skywave(&scene, &["devices", "--json"]),
        Duration::from_secs(30),
    );
    ended.assert_status(0);
    let devices: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert!(
        devices["cameras"].is_array() && devices["microphones"].is_array(),
        "{devices}"
    );
}
