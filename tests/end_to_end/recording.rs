//! Nothing recorded is lost.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    media::Recording,
    nginx::Nginx,
    program::{Ended, events, named, run, skywave, start, states},
    scene::Scene,
};

#[test]
fn a_killed_program_leaves_a_recording_that_plays_to_within_two_seconds_of_the_end() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let file = scene.path("service.flv");

    let mut command = record(&scene, &nginx.live(), &file, "60s");
    let mut program = start(&scene, &mut command);
    program.wait_until("something is recorded", Duration::from_secs(20), |_| {
        size(&file) > 0
    });
    let begin = Instant::now();
    program.wait_until("seven seconds have passed", Duration::from_secs(20), |_| {
        begin.elapsed() > Duration::from_secs(7)
    });
    let recorded_for = begin.elapsed().as_secs_f64();
    program.kill();

    let recording = Recording::open(&file);
    assert_eq!(recording.video["codec_name"], "h264");
    assert_eq!(recording.audio["codec_name"], "aac");
    let end = recording.end();
    assert!(
        end > recorded_for - 2.0,
        "it ends at {end} s of {recorded_for} s"
    );
    assert!(
        recording.brightness().len() > 60,
        "its pictures can be decoded"
    );
}

#[test]
fn a_finished_recording_holds_what_was_sent() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let file = scene.path("service.flv");
    let ended = run(
        &scene,
        &mut record(&scene, &nginx.live(), &file, "6s"),
        PATIENCE,
    );
    ended.assert_status(0);

    let (here, there) = (Recording::open(&file), Recording::open(&nginx.recording()));
    assert!(here.pictures.len() >= there.pictures.len());
    assert!(here.pictures[0].is_key);
    assert!((here.end() - 6.0).abs() < 1.0, "{}", here.end());
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let file = scene.path("service.flv");
    fs::write(&file, "last Sunday").expect("a file");

    let ended = run(
        &scene,
        &mut record(&scene, &nginx.live(), &file, "4s"),
        PATIENCE,
    );

    assert_eq!(fs::read_to_string(&file).expect("the file"), "last Sunday");
    assert!(
        ended.stdout.contains("service.flv") || ended.stderr.contains("service.flv"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_stream_goes_on() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    fs::write(scene.path("file"), "").expect("a file");
    // Nobody, root included, can make a file below a file.
    let file = scene.path("file/service.flv");

    let ended = run(
        &scene,
        &mut record(&scene, &nginx.live(), &file, "5s"),
        PATIENCE,
    );

    the_disk_is_told_of_and_the_stream_went_on(&ended, &nginx, &scene.path("file"));
}

#[test]
fn a_full_disk_is_told_and_the_stream_goes_on() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let disk = scene.path("disk");
    fs::create_dir(&disk).expect("a mount point");
    let recorded = scene.path("service.flv");
    let on_disk = disk.join("service.flv");

    // A disk of 200 kB, seen by this command only; root or user namespaces let us mount it.
    let program = record(&scene, &nginx.live(), &on_disk, "10s");
    let script = "mount -t tmpfs -o size=200k tmpfs \"$1\" || exit 77
        file=$2 copy=$3; shift 3
        \"$@\"; status=$?
        cp \"$file\" \"$copy\"; exit $status";
    let mut command = scene.command("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(&disk).arg(&on_disk).arg(&recorded);
    command
        .arg(program.get_program())
        .args(program.get_args())
        .env("KEY", "studio");
    let ended = run(&scene, &mut command, PATIENCE);

    assert_ne!(
        ended.status,
        Some(77),
        "no small disk can be mounted here: {}",
        ended.stderr
    );
    the_disk_is_told_of_and_the_stream_went_on(&ended, &nginx, &disk);
    let recording = Recording::open(&recorded);
    assert!(
        recording.pictures.len() > 15,
        "what fitted plays: {}",
        recording.pictures.len()
    );
}

fn the_disk_is_told_of_and_the_stream_went_on(ended: &Ended, nginx: &Nginx, place: &Path) {
    let place = place.to_str().expect("a path in UTF-8");
    ended.assert_status(RECORDING_FAILED);
    let events = events(&ended.stdout);
    assert!(
        !states(&events).contains(&"reconnecting".to_owned()),
        "{}",
        ended.stdout
    );
    let told = named(&events, "decision").iter().any(|event| {
        let text = event["text"].as_str().unwrap_or_default();
        event["severity"] == "error" && event["cause"] == "disk" && text.contains(place)
    });
    assert!(told, "no word of the recording:\n{}", ended.stdout);
    let streamed = Recording::open(&nginx.recording());
    assert!(
        streamed.end() > 3.0,
        "the stream ended at {} s",
        streamed.end()
    );
}

fn record(scene: &Scene, server: &str, file: &Path, duration: &str) -> Command {
    let file = file.to_str().expect("a path in UTF-8");
    let mut command = skywave(
        scene,
        &[
            "live",
            "--test-picture",
            "--tone",
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
            "--record",
            file,
            "--duration",
            duration,
            "--json",
        ],
    );
    command.env("KEY", "studio");
    command
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// The stream was not affected, but whoever asked for a recording must know that there is none, or less.
const RECORDING_FAILED: i32 = 6;

const PATIENCE: Duration = Duration::from_mins(1);
