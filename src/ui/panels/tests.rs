//! The panels as a person and a screen reader meet them: found by name, pressed, read.

use std::time::Duration;

use chrono::Local;
use eframe::egui::{self, Key, Modifiers, Rect, Role, Ui, pos2, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};

use crate::{
    capture::source::{
        CameraInfo, CaptureError, DeviceId, DeviceKind, MicrophoneInfo, SourceEvent,
    },
    engine::{
        command::Command,
        event::{Acceleration, Event, Latency, RecordingStatus, Stats, StreamStatus},
    },
    rtmp::refusal::{Cause, Failure},
    secret::Secret,
    settings::{
        model::{AudioSource, Settings, VideoSource},
        secrets::SecretKind,
    },
    ui::{
        command::{Action, Change, Commands, Edit, UiCommand},
        desk::{Desk, Effect, Place, Question, WallClock},
        picture::Picture,
        theme,
    },
    units::MediaTime,
};

mod connection;
mod staying_live;

use super::{
    about, banner, bottom_bar, destination, further, graph, output, preview, question, sources,
    story, top_bar,
};

/// A desk and everything panels have asked for.
struct Bench {
    desk: Desk,
    asked: Vec<Action>,
}

fn desk() -> Desk {
    let wall = WallClock::new(Local::now(), MediaTime::ZERO);
    let mut desk = Desk::new(Settings::default(), "/videos".into(), wall);
    let _ = desk.take_effects();
    desk.step(MediaTime::from_millis(10_000));
    desk
}

fn ready() -> Desk {
    let mut desk = desk();
    desk.settings.destination.server = "rtmp://example.org/live".into();
    desk.sheets[0]
        .secrets
        .set(SecretKind::StreamKey, Secret::new("s3cret"));
    desk
}

fn live() -> Desk {
    let mut desk = ready();
    desk.hear(Event::Status(StreamStatus::Live {
        host: "example.org".into(),
        since: MediaTime::from_millis(4_000),
    }));
    desk
}

fn key(desk: &Desk) -> &Secret {
    desk.sheets[0].secrets.get(SecretKind::StreamKey)
}

/// A change of the first destination.
fn changed(change: Change) -> Action {
    Action::Edit(Edit::Destination(Place::FIRST, change))
}

/// Shows one panel; what it asks for is carried out on the desk, as the window does.
fn harness<'a>(
    desk: Desk,
    panel: impl Fn(&mut Ui, Rect, &Desk, &mut Commands) + 'a,
) -> Harness<'a, Bench> {
    let bench = Bench {
        desk,
        asked: Vec::new(),
    };
    let mut fonts = false;
    let mut harness = Harness::builder()
        .with_size(vec2(1_280.0, 420.0))
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                if !fonts {
                    theme::install(ui.ctx());
                    fonts = true;
                    return;
                }
                let mut commands = Commands::default();
                let rect = Rect::from_min_size(pos2(8.0, 8.0), vec2(880.0, 400.0));
                panel(ui, rect, &bench.desk, &mut commands);
                for action in commands.into_actions() {
                    bench.desk.act(action.clone());
                    bench.asked.push(action);
                }
            },
            bench,
        );
    harness.run_steps(3);
    harness
}

fn bottom<'a>(desk: Desk) -> Harness<'a, Bench> {
    harness(desk, |ui, rect, desk, commands| {
        let bar = Rect::from_min_size(rect.min, vec2(1_240.0, 80.0));
        bottom_bar::show(ui, bar, desk, commands);
    })
}

fn cards<'a>(desk: Desk, card: fn(&mut Ui, &Desk, &mut Commands)) -> Harness<'a, Bench> {
    harness(desk, move |ui, _, desk, commands| {
        ui.set_max_width(344.0);
        card(ui, desk, commands);
    })
}

fn engine_commands(harness: &mut Harness<'_, Bench>) -> Vec<Command> {
    let effects = harness.state_mut().desk.take_effects();
    effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Engine(command) => Some(command),
            _ => None,
        })
        .collect()
}

#[test]
fn go_live_waits_for_a_server_and_says_so() {
    let mut harness = bottom(desk());
    let button = harness.get_by_role_and_label(Role::Button, "Go Live");
    assert!(button.accesskit_node().is_disabled());
    button.click();
    harness.run_steps(2);
    assert!(harness.state().asked.is_empty());

    let words = sentence(&desk());
    assert!(words.contains("Enter the server's address"), "{words}");
    let mut keyless = ready();
    keyless.sheets[0]
        .secrets
        .set(SecretKind::StreamKey, Secret::default());
    let words = sentence(&keyless);
    assert!(words.contains("Enter the stream key"), "{words}");
}

/// The sentence of the top bar.
fn sentence(desk: &Desk) -> String {
    crate::ui::words::status_sentence(desk)
}

#[test]
fn a_wrong_scheme_is_told_before_going_live() {
    let mut wrong = ready();
    wrong.settings.destination.server = "https://example.org/live".into();
    assert!(wrong.obstacle().is_some());
}

#[test]
fn go_live_sends_server_and_key_to_the_engine() {
    let mut harness = bottom(ready());
    harness
        .get_by_role_and_label(Role::Button, "Go Live")
        .click();
    harness.run_steps(2);
    let commands = engine_commands(&mut harness);
    let [Command::GoLive(broadcast)] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    let destination = &broadcast.destinations[0];
    assert_eq!(destination.server, "rtmp://example.org/live");
    assert_eq!(destination.key.expose(), "s3cret");
}

#[test]
fn stopping_while_live_asks_first() {
    let mut harness = harness(live(), |ui, rect, desk, commands| {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 80.0));
        bottom_bar::show(ui, bar, desk, commands);
        question::show(ui.ctx(), desk, commands);
    });
    harness.get_by_role_and_label(Role::Button, "Stop").click();
    harness.run_steps(3);
    assert_eq!(harness.state().desk.question, Some(Question::Stop));
    assert!(engine_commands(&mut harness).is_empty());

    harness
        .get_by_role_and_label(Role::Button, "Keep streaming")
        .click();
    harness.run_steps(3);
    assert_eq!(harness.state().desk.question, None);

    harness.get_by_role_and_label(Role::Button, "Stop").click();
    harness.run_steps(3);
    harness
        .get_by_role_and_label(Role::Button, "Stop the stream")
        .click();
    harness.run_steps(3);
    assert_eq!(engine_commands(&mut harness), [Command::Stop]);
}

#[test]
fn a_stray_enter_keeps_the_stream() {
    let mut desk = live();
    desk.question = Some(Question::Stop);
    let mut harness = harness(desk, |ui, _, desk, commands| {
        question::show(ui.ctx(), desk, commands);
    });
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().desk.question, None);
    assert!(engine_commands(&mut harness).is_empty());
}

#[test]
fn connecting_is_cancelled_at_once() {
    let mut connecting = ready();
    connecting.hear(Event::Status(StreamStatus::Connecting {
        host: "example.org".into(),
    }));
    let mut harness = bottom(connecting);
    harness
        .get_by_role_and_label(Role::Button, "Cancel")
        .click();
    harness.run_steps(2);
    assert_eq!(engine_commands(&mut harness), [Command::Stop]);
}

#[test]
fn figures_are_told_by_name_and_value() {
    let mut desk = live();
    desk.hear(Event::Stats(Stats {
        frames_sent: 999,
        frames_dropped: 1,
        queue: Duration::from_millis(42),
        latency: Some(Latency {
            p50: Duration::from_micros(18_500),
            p95: Duration::from_millis(31),
            max: Duration::from_millis(88),
        }),
        ..Stats::default()
    }));
    let harness = bottom(desk);
    for (name, value) in [
        ("Dropped", "1 (0.10 %)"),
        ("Waiting", "42 ms"),
        ("Delay to wire", "19 ms"),
        ("Sent", "0 kb/s"),
    ] {
        assert_eq!(harness.get_by_label(name).value().as_deref(), Some(value));
    }
}

#[test]
fn mute_is_one_press_and_is_seen() {
    let mut harness = cards(desk(), sources::show);
    harness.get_by_role_and_label(Role::Button, "Mute").click();
    harness.run_steps(2);
    assert_eq!(engine_commands(&mut harness), [Command::SetMuted(true)]);
    assert!(harness.state().desk.settings.muted);
}

#[test]
fn the_gain_can_be_set_from_a_screen_reader_and_reset() {
    let mut harness = cards(desk(), sources::show);
    harness
        .get_by_role_and_label(Role::Slider, "Gain")
        .set_value_accesskit(6.0);
    harness.run_steps(2);
    assert!((harness.state().desk.settings.gain_db - 6.0).abs() < 0.01);
    harness
        .get_by_role_and_label(Role::Button, "Reset gain")
        .click();
    harness.run_steps(2);
    assert!(harness.state().desk.settings.gain_db.abs() < 0.01);
}

#[test]
fn a_camera_is_chosen_from_the_list() {
    let mut desk = desk();
    desk.settings.video = VideoSource::TestPicture;
    desk.hear(devices());
    let mut harness = cards(desk, sources::show);
    let picker = harness.get_by_role_and_label(Role::ComboBox, "Camera");
    assert_eq!(picker.value().as_deref(), Some("Test picture"));
    picker.click();
    harness.run_steps(3);
    harness
        .get_by_role_and_label(Role::ListBoxOption, "HD Webcam")
        .click();
    harness.run_steps(3);
    let chosen = &harness.state().desk.settings.video;
    assert!(
        matches!(chosen, VideoSource::Camera { id, .. } if id == "cam-1"),
        "{chosen:?}"
    );
}

#[test]
fn a_camera_that_is_not_connected_keeps_its_name() {
    let mut desk = desk();
    desk.settings.video = VideoSource::Camera {
        id: "gone".into(),
        name: "Old Cam".into(),
    };
    let harness = cards(desk, sources::show);
    let picker = harness.get_by_role_and_label(Role::ComboBox, "Camera");
    assert_eq!(picker.value().as_deref(), Some("Old Cam (not connected)"));
}

#[test]
fn the_first_devices_are_taken_when_nothing_was_chosen() {
    let mut desk = desk();
    desk.hear(devices());
    assert!(matches!(&desk.settings.video, VideoSource::Camera { id, .. } if id == "cam-1"));
    assert!(matches!(&desk.settings.audio, AudioSource::Microphone { id, .. } if id == "mic-2"));
}

fn devices() -> Event {
    let microphone = |id: &str, is_default| MicrophoneInfo {
        id: DeviceId(id.into()),
        name: id.into(),
        is_default,
    };
    Event::Devices {
        cameras: vec![CameraInfo {
            id: DeviceId("cam-1".into()),
            name: "HD Webcam".into(),
            formats: Vec::new(),
        }],
        microphones: vec![microphone("mic-1", false), microphone("mic-2", true)],
    }
}

#[test]
fn the_key_is_masked_until_it_is_asked_for() {
    let mut harness = cards(ready(), destination::show);
    let field = |harness: &Harness<'_, Bench>| harness.get_by_label("Stream key").value();
    assert!(!field(&harness).unwrap_or_default().contains("s3cret"));
    harness.get_by_role_and_label(Role::Button, "Show").click();
    harness.run_steps(2);
    assert_eq!(field(&harness).as_deref(), Some("s3cret"));
    assert!(!format!("{:?}", harness.state().desk).contains("s3cret"));
}

#[test]
fn a_pasted_url_fills_both_fields() {
    let mut harness = cards(desk(), destination::show);
    harness.get_by_label("Server").focus();
    harness.run_steps(2);
    harness.event(egui::Event::Paste("rtmp://example.org/live/abc-123".into()));
    harness.run_steps(3);
    let desk = &harness.state().desk;
    assert_eq!(desk.settings.destination.server, "rtmp://example.org/live");
    assert_eq!(key(desk).expose(), "abc-123");
}

#[test]
fn a_typed_address_is_left_as_it_is() {
    let mut harness = cards(desk(), destination::show);
    harness.get_by_label("Server").focus();
    harness.run_steps(2);
    harness
        .get_by_label("Server")
        .type_text("rtmp://example.org/live/x");
    harness.run_steps(3);
    let desk = &harness.state().desk;
    assert_eq!(
        desk.settings.destination.server,
        "rtmp://example.org/live/x"
    );
    assert!(key(desk).is_empty());
}

#[test]
fn not_remembering_deletes_the_key_from_the_keychain() {
    let mut desk = ready();
    desk.act(Action::Do(UiCommand::ToggleAdvanced));
    let mut harness = cards(desk, destination::show);
    harness
        .get_by_role_and_label(Role::Switch, "Remember key in keychain")
        .click();
    harness.run_steps(2);
    let desk = &mut harness.state_mut().desk;
    assert!(!desk.settings.destination.remember_key);
    assert!(matches!(
        desk.take_effects().as_slice(),
        [
            Effect::Keychain(crate::settings::secrets::Request::Delete { .. }),
            ..
        ]
    ));
}

#[test]
fn a_refusal_is_told_with_the_servers_words_and_what_to_do() {
    let mut desk = ready();
    desk.hear(Event::Status(StreamStatus::Offline {
        because: Some(Failure {
            server_words: Some("bad name".into()),
            ..Failure::of_ours(
                Cause::StreamDenied,
                "The server refused the key.",
                "Copy the key again.",
            )
        }),
    }));
    let mut harness = harness(desk, |ui, rect, desk, commands| {
        let height = banner::height(ui, rect.width(), desk);
        assert!(desk.view.failure.is_none() || height > 40.0);
        banner::show(
            ui,
            Rect::from_min_size(rect.min, vec2(rect.width(), height)),
            desk,
            commands,
        );
    });
    harness.get_by_label_contains("The server refused the key.");
    harness.get_by_label_contains("bad name");
    harness.get_by_label_contains("Copy the key again.");
    harness
        .get_by_role_and_label(Role::Button, "Dismiss")
        .click();
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("refused").is_none());
}

#[test]
fn only_the_video_bitrate_can_be_changed_while_live() {
    let harness = cards(live(), output::show);
    for (role, name, disabled) in [
        (Role::ComboBox, "Picture size", true),
        (Role::ComboBox, "Frame rate", true),
        (Role::Slider, "Video bitrate", false),
        (Role::ComboBox, "Audio bitrate", true),
        (Role::ComboBox, "Key frame interval", true),
    ] {
        let control = harness.get_by_role_and_label(role, name);
        assert_eq!(control.accesskit_node().is_disabled(), disabled, "{name}");
    }
}

#[test]
fn the_bitrate_moves_in_steps() {
    let mut harness = cards(desk(), output::show);
    harness
        .get_by_role_and_label(Role::Slider, "Video bitrate")
        .increment_accesskit();
    harness.run_steps(2);
    assert_eq!(harness.state().desk.settings.output.video_kbps, 3_000);
}

#[test]
fn recording_starts_in_the_chosen_folder_and_ends() {
    use crate::engine::command::RecordingTarget;
    let mut harness = cards(desk(), output::show);
    harness
        .get_by_role_and_label(Role::Switch, "Record")
        .click();
    harness.run_steps(2);
    let folder = RecordingTarget::Folder("/videos".into());
    assert_eq!(
        engine_commands(&mut harness),
        [Command::StartRecording(folder)]
    );

    harness
        .state_mut()
        .desk
        .hear(Event::Recording(RecordingStatus::Recording {
            path: "/videos/a.flv".into(),
            bytes: 12_300_000,
            duration: Duration::from_mins(1),
        }));
    harness.run_steps(2);
    harness
        .get_by_role_and_label(Role::Switch, "Record")
        .click();
    harness.run_steps(2);
    assert_eq!(engine_commands(&mut harness), [Command::StopRecording]);
}

#[test]
fn the_folder_dialog_is_opened_once() {
    let mut desk = desk();
    desk.act(Action::Do(UiCommand::ChooseFolder));
    desk.act(Action::Do(UiCommand::ChooseFolder));
    assert_eq!(desk.take_effects(), [Effect::ChooseFolder]);
    desk.act(Action::Edit(Edit::Folder(Some("/elsewhere".into()))));
    assert_eq!(desk.folder().to_str(), Some("/elsewhere"));
    assert!(!desk.choosing);
}

#[test]
fn the_state_has_one_word_and_a_sentence() {
    let harness = harness(live(), |ui, rect, desk, commands| {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 54.0));
        top_bar::show(ui, bar, desk, commands);
    });
    harness.get_by_role_and_label(Role::Status, "Live");
    harness.get_by_label_contains("to example.org");
    harness.get_by_label("00:00:06");
}

#[test]
fn the_theme_is_chosen_in_the_settings() {
    use crate::settings::model::ThemeChoice;
    let mut harness = harness(desk(), |ui, rect, desk, commands| {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 54.0));
        top_bar::show(ui, bar, desk, commands);
    });
    harness
        .get_by_role_and_label(Role::Button, "Settings")
        .click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, "Light").click();
    harness.run_steps(3);
    let desk = &mut harness.state_mut().desk;
    assert_eq!(desk.settings.window.theme, ThemeChoice::Light);
    assert_eq!(desk.take_effects(), [Effect::ApplyTheme]);
}

#[test]
fn a_missing_picture_is_explained() {
    let mut desk = desk();
    desk.hear(Event::VideoSource(SourceEvent::Lost(CaptureError::Busy {
        kind: DeviceKind::Camera,
        name: "Cam".into(),
    })));
    let harness = harness(desk, |ui, rect, desk, _| {
        preview::show(ui, rect, desk, &Picture::default());
    });
    harness.get_by_label("No picture from the camera");
    harness.get_by_label_contains("in use by another program");
}

#[test]
fn the_about_box_tells_version_licence_and_how_the_encoder_runs() {
    for (told, words) in [
        (None, "Not known yet"),
        (Some(Acceleration::Avx2), "AVX2 instructions"),
        (Some(Acceleration::None), "Several times slower"),
    ] {
        let mut desk = desk();
        if let Some(acceleration) = told {
            desk.hear(Event::Encoder(acceleration));
        }
        let mut harness = harness(desk, |ui, rect, desk, commands| {
            let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 52.0));
            top_bar::show(ui, bar, desk, commands);
            about::show(ui.ctx(), desk, commands);
        });
        assert!(harness.query_by_label_contains("Version").is_none());
        harness
            .get_by_role_and_label(Role::Button, "Settings")
            .click();
        harness.run_steps(3);
        harness
            .get_by_role_and_label(Role::Button, "About Skywave")
            .click();
        harness.run_steps(3);
        harness.get_by_label("Version");
        harness.get_by_label(env!("CARGO_PKG_VERSION"));
        harness.get_by_label_contains("MIT or Apache");
        harness.get_by_label_contains(words);
        let remedy = harness.query_by_label_contains("Install NASM");
        assert_eq!(remedy.is_some(), told == Some(Acceleration::None));

        harness.key_press(Key::Escape);
        harness.run_steps(3);
        assert!(!harness.state().desk.about_shown);
        assert!(harness.query_by_label_contains("MIT or Apache").is_none());
    }
}

#[test]
fn closing_while_live_asks_and_leaves_once_stopped() {
    let mut desk = live();
    assert!(!desk.may_close());
    assert_eq!(desk.question, Some(Question::Quit));
    desk.act(Action::Do(UiCommand::StopAndQuit));
    assert!(desk.take_effects().contains(&Effect::Engine(Command::Stop)));
    assert!(!desk.may_close(), "not before it has stopped");
    desk.hear(Event::Status(StreamStatus::default()));
    desk.step(MediaTime::from_millis(10_100));
    assert!(desk.take_effects().contains(&Effect::Close));
    assert!(desk.may_close());
}

#[test]
fn an_engine_that_does_not_stop_does_not_hold_the_window() {
    let mut desk = live();
    desk.act(Action::Do(UiCommand::StopAndQuit));
    let _ = desk.take_effects();
    desk.step(MediaTime::from_millis(12_000));
    assert!(desk.take_effects().contains(&Effect::Close));
}

#[test]
fn the_key_goes_to_the_keychain_once() {
    use crate::settings::secrets::Request;
    let mut desk = ready();
    desk.act(changed(Change::KeyDone));
    desk.act(changed(Change::KeyDone));
    let effects = desk.take_effects();
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Keychain(Request::Store { .. })]
        ),
        "{effects:?}"
    );
}

#[test]
fn every_control_of_the_cards_has_a_name() {
    let unnamed = |harness: Harness<'_, Bench>| harness.unnamed_widgets();
    assert_eq!(unnamed(cards(desk(), sources::show)), Vec::<String>::new());
    assert_eq!(unnamed(cards(desk(), output::show)), Vec::<String>::new());
    assert_eq!(
        unnamed(cards(desk(), destination::show)),
        Vec::<String>::new()
    );
    assert_eq!(unnamed(bottom(ready())), Vec::<String>::new());
}

#[test]
fn the_tab_key_reaches_the_controls_in_reading_order() {
    let mut harness = cards(ready(), destination::show);
    harness.key_press_modifiers(Modifiers::NONE, Key::Tab);
    harness.run_steps(2);
    assert!(harness.get_by_label("Server").is_focused());
    harness.key_press_modifiers(Modifiers::NONE, Key::Tab);
    harness.run_steps(2);
    assert!(harness.get_by_label("Stream key").is_focused());
}
