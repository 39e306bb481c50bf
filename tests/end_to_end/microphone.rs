//! What is played is what arrives.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::Value;

use crate::support::{
    media::Recording,
    nginx::Nginx,
    peer::output_of,
    program::{named, run, skywave, start, states},
    scene::Scene,
    sound_server::SoundServer,
};

#[test]
fn what_is_played_is_what_arrives() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let sound = SoundServer::start(&scene);
    let tone = tone(&scene, "20");
    let mut player = sound.play(&scene, &tone);

    let mut command = skywave(&scene, &live_arguments(&nginx.live(), "8s"));
    sound.offer_to(command.env("KEY", "studio"));
    let ended = run(&scene, &mut command, Duration::from_secs(40));

    ended.assert_status(0);
    assert!(
        player.runs(),
        "the tone ended before the stream: the test is too slow here"
    );
    let recording = Recording::open(&nginx.recording());
    // The microphone starts a little after the stream.
    let loudness: Vec<_> = recording
        .loudness()
        .into_iter()
        .filter(|(time, _)| *time > 1.0 && *time < recording.end() - 0.2)
        .collect();
    assert!(
        loudness.len() > 500,
        "{} hundredths of a second",
        loudness.len()
    );
    for (time, level) in loudness {
        let decibels = 20.0 * (level / TONE_LEVEL).log10();
        assert!(
            decibels.abs() < 1.0,
            "at {time} s it is {decibels} dB off: a dropout, or another level; it decided: {:?}",
            named(&ended.events(), "decision")
        );
    }
}

#[test]
fn a_microphone_is_listed_by_the_name_a_person_knows() {
    let scene = Scene::new();
    let sound = SoundServer::start(&scene);
    let mut command = skywave(&scene, &["devices", "--json"]);
    let ended = run(
        &scene,
        sound.offer_to(&mut command),
        Duration::from_secs(30),
    );
    ended.assert_status(0);
    let devices: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    let microphones = devices["microphones"].as_array().expect("microphones");
    let names: Vec<_> = microphones
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert!(names.contains(&SoundServer::MICROPHONE), "{names:?}");
    assert!(
        !names.iter().any(|name| name.contains("Discard")),
        "{names:?}"
    );
    assert_eq!(ended.stderr, "", "no library's noise");
}

#[test]
fn a_lost_microphone_becomes_silence_and_words_not_the_end() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let mut sound = SoundServer::start(&scene);

    let mut command = skywave(&scene, &live_arguments(&nginx.live(), "10s"));
    let mut program = start(&scene, sound.offer_to(command.env("KEY", "studio")));
    program.wait_until("it is live", Duration::from_secs(20), |_| {
        nginx.recorded_bytes() > 50_000
    });
    sound.kill();
    let status = program.wait(Duration::from_secs(40));

    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    let events = crate::support::program::events(&program.stdout());
    assert!(!states(&events).contains(&"reconnecting".to_owned()));
    let told = named(&events, "decision").iter().any(|event| {
        event["text"]
            .as_str()
            .is_some_and(|text| text.to_lowercase().contains("microphone"))
    });
    assert!(told, "{events:?}");
    let recording = Recording::open(&nginx.recording());
    let pictures = recording.pictures.last().expect("pictures").time;
    assert!(
        recording.sounds.last().expect("sound").time > pictures - 0.5,
        "sound goes on"
    );
}

fn live_arguments<'a>(server: &'a str, duration: &'a str) -> [&'a str; 17] {
    [
        "live",
        "--test-picture",
        "--mic",
        SoundServer::MICROPHONE,
        "--to",
        server,
        "--key-env",
        "KEY",
        "--size",
        "320x180",
        "--fps",
        "15",
        "--video-bitrate",
        "400k",
        "--duration",
        duration,
        "--json",
    ]
}

/// A sound file: a steady tone on both channels.
fn tone(scene: &Scene, seconds: &str) -> PathBuf {
    let file = scene.path("tone.wav");
    let source = format!(
        "aevalsrc={TONE_AMPLITUDE}*sin(2*PI*997*t)|{TONE_AMPLITUDE}*sin(2*PI*997*t):s=48000:d={seconds}"
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", &source]);
    output_of(command.arg(&file));
    file
}

/// Full scale is 1.0.
const TONE_AMPLITUDE: f64 = 0.25;
/// The root mean square of a sine of that amplitude.
const TONE_LEVEL: f64 = TONE_AMPLITUDE * std::f64::consts::FRAC_1_SQRT_2;
