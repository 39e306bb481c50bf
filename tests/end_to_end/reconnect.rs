//! A server that goes away and comes back.

use std::time::Duration;

use crate::support::{
    media::Recording,
    nginx::Nginx,
    program::{events, live, start, states},
    scene::Scene,
};

#[test]
fn a_restarted_server_is_live_again_from_a_key_frame_at_time_zero() {
    let scene = Scene::new();
    let mut nginx = Nginx::start(&scene);
    let mut command = live(&scene, &nginx.live(), &["--duration", "25s", "--json"]);
    let mut program = start(&scene, command.env("KEY", "studio"));
    program.wait_until("it is live", PATIENCE, |_| nginx.recorded_bytes() > 100_000);

    nginx.kill();
    program.wait_until("the loss is noticed", PATIENCE, |program| {
        last_state(&program.stdout()) == "reconnecting"
    });
    let recorded = nginx.recorded_bytes();
    nginx.restart(&scene);
    program.wait_until("it is live again", PATIENCE, |program| {
        last_state(&program.stdout()) == "live" && nginx.recorded_bytes() > recorded + 100_000
    });
    let status = program.wait(Duration::from_mins(1));

    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    let second = nginx.recordings().pop().expect("a second recording");
    let second = Recording::open(&second);
    assert!(second.pictures[0].is_key);
    assert!(
        second.pictures[0].time < 0.5,
        "it begins at {}",
        second.pictures[0].time
    );
    assert_eq!(second.video["profile"], "High");
    assert_eq!(second.audio["codec_name"], "aac");
}

#[test]
fn giving_up_when_asked_to_has_its_own_exit_status() {
    let scene = Scene::new();
    let mut nginx = Nginx::start(&scene);
    let mut command = live(&scene, &nginx.live(), &["--give-up-after", "3s", "--json"]);
    let mut program = start(&scene, command.env("KEY", "studio"));
    program.wait_until("it is live", PATIENCE, |_| nginx.recorded_bytes() > 100_000);

    nginx.kill();
    let status = program.wait(Duration::from_secs(20));

    assert_eq!(status.code(), Some(5), "{}", program.stderr());
}

fn last_state(lines: &str) -> String {
    states(&events(lines)).pop().unwrap_or_default()
}

const PATIENCE: Duration = Duration::from_secs(20);
