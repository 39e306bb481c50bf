//! Go Live, pressed in a real window.

use std::{fs, time::Duration};

use crate::support::{
    display::Display,
    media::Recording,
    nginx::Nginx,
    program::{skywave, start},
    scene::Scene,
};

#[test]
fn go_live_pressed_in_the_window_is_live_at_the_server() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    let display = Display::start(&scene);
    fs::create_dir(scene.settings_folder()).expect("the settings' folder");
    fs::write(
        scene.settings_folder().join("settings.toml"),
        format!(
            "version = 1\n\
             [video]\nkind = \"test-picture\"\n\
             [audio]\nkind = \"beep\"\n\
             [output]\nwidth = 320\nheight = 180\nframe_rate = 15\nvideo_kbps = 400\n\
             [destination]\nserver = \"{}\"\nremember_key = false\n",
            nginx.live()
        ),
    )
    .expect("settings.toml");

    let mut command = skywave(&scene, &[]);
    let mut program = start(&scene, display.offer_to(&mut command));
    display.window("Skywave", Duration::from_mins(1));
    display.screenshot("window-idle");
    display.press("ctrl+k"); // to the stream key
    display.type_text("studio");
    display.press("ctrl+Return");
    program.wait_until("nginx records", Duration::from_mins(1), |_| {
        nginx.recorded_bytes() > 100_000
    });
    display.screenshot("window-live");
    display.press("ctrl+Return");
    let stopped = nginx.log().len();
    program.wait_until("the stream is ended", Duration::from_secs(10), |_| {
        nginx.log()[stopped..].contains("deleteStream")
    });

    let recording = Recording::open(&nginx.recording());
    assert_eq!(recording.video["profile"], "High");
    assert_eq!(recording.audio["codec_name"], "aac");
    assert!(program.runs(), "{}", program.stderr());
}
