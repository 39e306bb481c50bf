//! Bad input: one line that says what to do, and an exit status.

use std::time::Duration;

use crate::support::{
    nginx::Nginx,
    peer::free_port,
    program::{Ended, run, skywave},
    scene::Scene,
};

const USAGE: i32 = 2;
const DEVICE: i32 = 3;
const REFUSED: i32 = 4;
const NETWORK: i32 = 5;

#[test]
fn a_setting_that_cannot_work_is_named_with_what_would_work() {
    let scene = Scene::new();
    for (arguments, status, named) in [
        (vec!["--size", "321x180"], USAGE, "321x180"),
        (vec!["--size", "100x50"], USAGE, "100x50"),
        (vec!["--size", "8000x4000"], USAGE, "8000x4000"),
        (vec!["--size", "large"], USAGE, "large"),
        (vec!["--fps", "0"], USAGE, "0 fps"),
        (vec!["--fps", "61"], USAGE, "61 fps"),
        (vec!["--video-bitrate", "0"], USAGE, "0 kb/s"),
        (vec!["--video-bitrate", "9000M"], USAGE, "9000M"),
        (vec!["--video-bitrate", "fast"], USAGE, "fast"),
        (vec!["--audio-bitrate", "5k"], USAGE, "5 kb/s"),
        (vec!["--audio-bitrate", "900k"], USAGE, "900 kb/s"),
        (vec!["--keyframe-interval", "0s"], USAGE, "0s"),
        (vec!["--keyframe-interval", "11s"], USAGE, "11s"),
        (vec!["--duration", "soon"], USAGE, "soon"),
        (vec!["--loud"], USAGE, "--loud"),
        (vec!["--camera", "No such camera"], DEVICE, "No such camera"),
        (vec!["--camera", "97"], DEVICE, "97"),
        (
            vec!["--mic", "No such microphone"],
            DEVICE,
            "No such microphone",
        ),
    ] {
        // Where it went on despite the bad setting, it would fail with another status.
        let server = format!("rtmp://127.0.0.1:{}/live", free_port());
        let mut all = vec![
            "live",
            "--to",
            &server,
            "--key-env",
            "KEY",
            "--give-up-after",
            "1s",
        ];
        all.extend(&arguments);
        let mut command = skywave(&scene, &all);
        let ended = run(&scene, command.env("KEY", "studio"), PATIENCE);
        is_refused_in_one_line(&ended, status, named);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let scene = Scene::new();
    let refused_port = free_port().to_string();
    for (server, status, named) in [
        ("http://127.0.0.1/live".to_owned(), USAGE, "http"),
        ("127.0.0.1:1935/live".to_owned(), USAGE, "127.0.0.1:1935"),
        ("rtmp://".to_owned(), USAGE, "rtmp://"),
        (
            "rtmp://127.0.0.1:99999/live".to_owned(),
            USAGE,
            "port of 127.0.0.1",
        ),
        (
            "rtmp://no-such-host.invalid/live".to_owned(),
            NETWORK,
            "no-such-host.invalid",
        ),
        (
            format!("rtmp://127.0.0.1:{refused_port}/live"),
            NETWORK,
            &refused_port,
        ),
    ] {
        let mut command = skywave(&scene, &live(&server));
        let ended = run(&scene, command.env("KEY", "studio"), PATIENCE);
        is_refused_in_one_line(&ended, status, named);
    }
}

#[test]
fn a_key_that_is_missing_is_asked_for() {
    let scene = Scene::new();
    let server = format!("rtmp://127.0.0.1:{}/live", free_port());
    let file = scene.path("no-such-file");
    let file = file.to_str().expect("a path in UTF-8");
    for (key, named) in [
        (["--key-env", "EMPTY"], "EMPTY"),
        (["--key-env", "NOT_SET"], "NOT_SET"),
        (["--key-file", file], "no-such-file"),
    ] {
        let mut command = skywave(&scene, &["live", "--to", &server, "--give-up-after", "1s"]);
        let ended = run(&scene, command.args(key).env("EMPTY", ""), PATIENCE);
        is_refused_in_one_line(&ended, USAGE, named);
    }
}

#[test]
fn a_server_that_refuses_ends_the_program_at_once() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    for (server, named) in [(nginx.closed(), "127.0.0.1"), (nginx.not_rtmp(), "RTMP")] {
        // Without --give-up-after: waiting cannot mend this, so it must end by itself.
        let mut command = skywave(&scene, &["live", "--to", &server, "--key-env", "KEY"]);
        command.args([
            "--test-picture",
            "--tone",
            "--size",
            "320x180",
            "--fps",
            "15",
        ]);
        let ended = run(&scene, command.env("KEY", "studio"), PATIENCE);
        is_refused_in_one_line(&ended, REFUSED, named);
    }
}

#[test]
fn a_key_or_an_application_that_nginx_does_not_know_is_blamed_on_them() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    // It says nothing in either case: it closes, at another moment.
    for (application, named) in [("asking", "key"), ("no-such-app", "address")] {
        let server = nginx.application(application);
        let mut command = skywave(&scene, &live(&server));
        let ended = run(&scene, command.env("KEY", "studio"), PATIENCE);
        is_refused_in_one_line(&ended, REFUSED, named);
    }
}

#[test]
fn damaged_settings_do_not_stop_the_command_line() {
    let scene = Scene::new();
    std::fs::create_dir(scene.settings_folder()).expect("the settings' folder");
    std::fs::write(
        scene.settings_folder().join("settings.toml"),
        "= [ nonsense",
    )
    .expect("a damaged file");
    let ended = run(&scene, &mut skywave(&scene, &["devices"]), PATIENCE);
    ended.assert_status(0);
}

fn live(server: &str) -> [&str; 13] {
    [
        "live",
        "--test-picture",
        "--tone",
        "--size",
        "320x180",
        "--fps",
        "15",
        "--to",
        server,
        "--key-env",
        "KEY",
        "--give-up-after",
        "2s",
    ]
}

fn is_refused_in_one_line(ended: &Ended, status: i32, named: &str) {
    ended.assert_status(status);
    let lines: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "one line, not:\n{}", ended.stderr);
    // A size may be shown as people write it.
    let line = lines[0].replace('×', "x");
    assert!(line.contains(named), "{named:?} is not named: {line}");
    assert!(!line.contains("panicked"), "{line}");
    // What is wrong, and what to do about it: two clauses at least.
    let clauses = line
        .split([';', '.', ':', ','])
        .filter(|clause| clause.trim().contains(' '));
    assert!(clauses.count() >= 2, "no remedy: {line}");
}

const PATIENCE: Duration = Duration::from_secs(30);
