//! Go Live, pressed in a real window.

use std::{fs, sync::Arc, time::Duration};

use eframe::{App as _, egui::Vec2};
use egui_kittest::{Harness, kittest::Queryable};
use skywave::{
    engine::{
        command::Command,
        event::{Arrival, Event},
    },
    media::frame::I420,
    settings::model::Settings,
    ui::app::{App, Engine},
    units::MediaTime,
};

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
    let settings = format!(
        "version = 1\n\
         [video]\nkind = \"test-picture\"\n\
         [audio]\nkind = \"beep\"\n\
         [output]\nwidth = 320\nheight = 180\nframe_rate = 15\nvideo_kbps = 400\n\
         [destination]\nserver = \"{}\"\nremember_key = false\n",
        nginx.live()
    );
    fs::create_dir(scene.settings_folder()).expect("the settings' folder");
    fs::write(scene.settings_folder().join("settings.toml"), &settings).expect("settings.toml");

    let mut command = skywave(&scene, &[]);
    let mut program = start(&scene, display.offer_to(&mut command));
    display.wait_for_window("Skywave", PATIENCE);
    // The test picture's bars are far brighter than the window without a picture.
    program.wait_until("the preview shows a picture", PATIENCE, |_| {
        display.brightness("700x160+100+90") > 60
    });
    display.screenshot("window-idle");

    let (x, y) = place_of("Stream key", &settings);
    display.click(x, y);
    display.type_text("studio");
    display.screenshot("window-ready");
    display.press("ctrl+Return");
    program.wait_until("nginx records", PATIENCE, |_| {
        nginx.recorded_bytes() > 200_000
    });
    display.screenshot("window-live");

    // It asks first, and the safe answer has the keyboard; the other is one further.
    display.press("ctrl+Return");
    display.press("Tab");
    display.press("Return");
    program.wait_until("the stream is ended", PATIENCE, |_| {
        nginx.log().contains("deleteStream")
    });
    display.screenshot("window-stopped");

    let recording = Recording::open(&nginx.recording());
    assert_eq!(recording.video["profile"], "High");
    assert_eq!(recording.audio["codec_name"], "aac");
    assert!(nginx.log().contains("studio"), "the key that was typed");
    assert!(program.runs(), "{}", program.stderr());
}

#[test]
fn the_preview_has_the_same_colours_from_a_shader_and_from_software() {
    let scene = Scene::new();
    let display = Display::start(&scene);
    fs::create_dir(scene.settings_folder()).expect("the settings' folder");
    // One picture that fills its place, with its round corners; one that is reduced to less than half.
    let sizes = [
        ("wide", "width = 640\nheight = 360"),
        ("reduced", "width = 1440\nheight = 1080"),
    ];
    let ways = [
        ("opengl", "made by OpenGL"),
        ("software", "made in software"),
    ];
    for ((way, words), (name, size)) in ways
        .into_iter()
        .flat_map(|way| sizes.map(|size| (way, size)))
    {
        let settings = format!(
            "version = 1\n[video]\nkind = \"test-picture\"\n[output]\n{size}\nframe_rate = 15\n"
        );
        fs::write(scene.settings_folder().join("settings.toml"), settings).expect("settings.toml");
        let mut command = skywave(&scene, &[]);
        command.env("SKYWAVE_LOG", "debug");
        command.env("SKYWAVE_PREVIEW", way);
        let mut program = start(&scene, display.offer_to(&mut command));
        display.wait_for_window("Skywave", PATIENCE);
        let is_bar = |pixel| BARS.iter().any(|bar| is_near(pixel, *bar));
        program.wait_until("the preview shows bars", PATIENCE, |_| {
            let row = display.colours("600x1+156+150");
            // Between two bars stands a pixel or two of both.
            let in_place = row.iter().filter(|pixel| is_bar(**pixel)).count();
            let is_there = |bar: &&[u8; 3]| row.iter().any(|pixel| is_near(*pixel, **bar));
            // Of seven bars, two may be outside this part.
            in_place > row.len() * 9 / 10 && BARS.iter().filter(is_there).count() >= 5
        });
        display.screenshot(&format!("preview-{way}-{name}"));
        assert!(program.stderr().contains(words), "{}", program.stderr());
    }
}

/// Whether no channel is further off than two different ways to round.
fn is_near(pixel: [u8; 3], colour: [u8; 3]) -> bool {
    let mut channels = pixel.into_iter().zip(colour);
    channels.all(|(got, want)| got.abs_diff(want) <= 2)
}

/// The bars of the test picture: at 75 %, as in BT.709.
const BARS: [[u8; 3]; 7] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
];

/// Where the control of that name is in a window of the display's size: the same window is laid out here,
/// where controls can be asked for by name.
fn place_of(name: &str, settings: &str) -> (u32, u32) {
    let settings: Settings = toml::from_str(settings).expect("settings");
    let mut app = None;
    let mut frame = eframe::Frame::_new_kittest();
    let mut harness = Harness::builder()
        .with_size(Vec2::new(1280.0, 800.0))
        .build_ui(|ui| {
            let app = app.get_or_insert_with(|| {
                App::new(ui.ctx(), Box::new(NoEngine), None, settings.clone(), None)
            });
            app.ui(ui, &mut frame);
        });
    harness.run_steps(3);
    let center = harness.get_by_label(name).rect().center();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the window"
    )]
    (center.x as u32, center.y as u32)
}

/// Enough of an engine to lay out a window.
struct NoEngine;

impl Engine for NoEngine {
    fn send(&self, _: Command) {}

    fn try_event(&mut self) -> Option<Event> {
        None
    }

    fn preview(&mut self) -> Option<Arc<I420>> {
        None
    }

    fn set_waker(&mut self, _: Box<dyn Fn(Arrival) + Send + Sync>) {}

    fn now(&self) -> MediaTime {
        MediaTime::ZERO
    }
}

const PATIENCE: Duration = Duration::from_mins(1);
