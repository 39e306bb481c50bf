//! The stream key appears nowhere.

use std::{fs, path::Path, time::Duration};

use crate::support::{
    nginx::Nginx,
    program::{run, skywave, start},
    scene::Scene,
};

/// Letters that no other text here contains.
const KEY: &str = "qz7-wholly-unmistakable-91";

#[test]
fn the_key_of_a_stream_is_in_no_output_file_or_argument() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let record = scene.path("service.flv");
    let record = record.to_str().expect("a path in UTF-8");
    let mut command = skywave(&scene, &live(&nginx.live()));
    command.args(["--duration", "5s", "--record", record]);
    let mut program = start(&scene, with_key(&mut command));
    program.wait_until("it is live", PATIENCE, |_| nginx.recorded_bytes() > 20_000);

    let arguments = fs::read(format!("/proc/{}/cmdline", program.id())).expect("its arguments");
    assert!(!contains_key(&arguments), "in the process list");
    let status = program.wait(PATIENCE);

    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    assert!(nginx.log().contains(KEY), "the server got it");
    no_file_has_the_key(scene.folder(), &scene.path("nginx"));
}

#[test]
fn the_key_of_a_refused_stream_is_in_no_output() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    for server in [
        nginx.closed(),
        nginx.not_rtmp(),
        "rtmp://no-such-host.invalid/live".to_owned(),
    ] {
        let mut command = skywave(&scene, &live(&server));
        command.args(["--give-up-after", "1s"]);
        let ended = run(&scene, with_key(&mut command), PATIENCE);
        assert_ne!(ended.status, Some(0));
        assert!(!contains_key((ended.stdout + &ended.stderr).as_bytes()));
    }
    no_file_has_the_key(scene.folder(), &scene.path("nginx"));
}

#[test]
fn a_key_on_the_command_line_works_but_warns_without_repeating_it() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let mut command = skywave(
        &scene,
        &[
            "live",
            "--test-picture",
            "--tone",
            "--size",
            "320x180",
            "--fps",
            "15",
            "--to",
            &nginx.live(),
            "--key",
            KEY,
            "--duration",
            "2s",
        ],
    );
    let ended = run(&scene, &mut command, PATIENCE);
    ended.assert_status(0);
    assert!(
        ended.stderr.contains("--key-env"),
        "no warning: {}",
        ended.stderr
    );
    assert!(!contains_key((ended.stdout + &ended.stderr).as_bytes()));
}

fn live(server: &str) -> [&str; 14] {
    [
        "live",
        "--test-picture",
        "--tone",
        "--size",
        "320x180",
        "--fps",
        "15",
        "--video-bitrate",
        "400k",
        "--to",
        server,
        "--key-env",
        "STREAM_KEY",
        "--json",
    ]
}

/// With everything the log can say.
fn with_key(command: &mut std::process::Command) -> &mut std::process::Command {
    command
        .env("STREAM_KEY", KEY)
        .env("SKYWAVE_LOG", "trace")
        .env("RUST_LOG", "trace")
}

/// Looks through all that the program wrote, settings, logs and recordings included.
fn no_file_has_the_key(folder: &Path, but: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path == but {
        } else if path.is_dir() {
            no_file_has_the_key(&path, but);
        } else if path.is_file() {
            let bytes = fs::read(&path).expect("a file");
            assert!(!contains_key(&bytes), "in {}", path.display());
        }
    }
}

fn contains_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes())
}

const PATIENCE: Duration = Duration::from_secs(30);
