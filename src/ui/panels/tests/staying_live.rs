//! Further destinations, backups, limits of the bitrate, and what is shown while the connection is lost.

use super::*;
use crate::{
    engine::{
        command::{Broadcast, Follow},
        event::{self, Decision, DestinationState, Figure, Severity},
    },
    settings::{
        destination::{AlsoSettings, DestinationSettings, FollowChoice},
        secrets::{Answer, Request},
    },
    units::Bitrate,
};

/// A desk with a second destination that is ready to be streamed to.
fn two() -> Desk {
    let mut desk = ready();
    desk.act(Action::Do(UiCommand::AddDestination));
    for change in [
        Change::Name("Church".into()),
        Change::Pasted("rtmp://b.example/live/k3y-two".into()),
    ] {
        desk.act(second(change));
    }
    desk.act(Action::Do(UiCommand::CloseDestination));
    let _ = desk.take_effects();
    desk
}

fn second(change: Change) -> Action {
    Action::Edit(Edit::Destination(Place::also(0), change))
}

fn go_live(desk: &mut Desk) -> Option<Broadcast> {
    desk.act(Action::Do(UiCommand::GoLiveOrStop));
    desk.take_effects()
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Engine(Command::GoLive(broadcast)) => Some(*broadcast),
            _ => None,
        })
}

fn state(name: &str, status: StreamStatus) -> DestinationState {
    DestinationState {
        name: name.into(),
        status,
        on_backup: false,
        backup_ready: None,
        sent: Bitrate::from_kbps(2_431),
        advised: Bitrate::from_kbps(2_500),
        queue: Duration::from_millis(42),
        latency: None,
        stream_latency: None,
        round_trip: None,
        frames_sent: 990,
        frames_dropped: 10,
        acknowledged: 1,
        disconnects: 3,
    }
}

fn live_at(host: &str) -> StreamStatus {
    StreamStatus::Live {
        host: host.into(),
        since: MediaTime::from_millis(4_000),
    }
}

fn lost(attempt: u32, retry_at: u64) -> StreamStatus {
    StreamStatus::Reconnecting {
        host: "example.org".into(),
        attempt,
        retry_at: MediaTime::from_millis(retry_at),
        because: Failure::of_ours(Cause::Stalled, "The uplink carries nothing.", "Check it."),
    }
}

fn with_banner<'a>(desk: Desk) -> Harness<'a, Bench> {
    harness(desk, |ui, rect, desk, commands| {
        let height = banner::height(ui, rect.width(), desk);
        let place = Rect::from_min_size(rect.min, vec2(rect.width(), height));
        banner::show(ui, place, desk, commands);
    })
}

#[test]
fn one_destination_is_all_there_is_until_another_is_asked_for() {
    let harness = cards(ready(), destination::show);
    assert!(harness.query_by_label("Bitrate follows").is_none());
    assert!(harness.query_by_label("Name").is_none());
    harness.get_by_role_and_label(Role::Button, "Also stream to…");
    let broadcast = go_live(&mut ready()).unwrap();
    assert_eq!(broadcast.destinations.len(), 1);
}

#[test]
fn a_further_destination_is_added_in_a_dialog() {
    let mut harness = harness(ready(), |ui, _, desk, commands| {
        ui.set_max_width(344.0);
        destination::show(ui, desk, commands);
        further::dialog(ui.ctx(), desk, commands);
    });
    harness
        .get_by_role_and_label(Role::Button, "Also stream to…")
        .click();
    harness.run_steps(3);
    harness.get_by_label("Name").focus();
    harness.run_steps(2);
    harness.get_by_label("Name").type_text("Church");
    harness.run_steps(2);
    let server = |node: &egui_kittest::Node<'_>| node.rect().width() > 340.0;
    let field = harness.get_all_by_label("Server").find(server);
    field.expect("the dialog's").focus();
    harness.run_steps(2);
    let url = "rtmp://b.example/live/k3y-two";
    harness.event(egui::Event::Paste(url.into()));
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, "Done").click();
    harness.run_steps(3);

    assert!(harness.query_by_label("Name").is_none(), "it is closed");
    let switch = harness.get_by_role_and_label(Role::Switch, "Stream to Church");
    switch.click();
    harness.run_steps(3);
    let also = &harness.state().desk.settings.also;
    assert_eq!(also[0].destination.server, "rtmp://b.example/live");
    assert!(!also[0].enabled, "it has just been switched off");
    assert_eq!(harness.unnamed_widgets(), Vec::<String>::new());
}

#[test]
fn a_destination_into_which_nothing_was_entered_does_not_stay() {
    let mut desk = ready();
    desk.act(Action::Do(UiCommand::AddDestination));
    assert_eq!(desk.settings.also.len(), 1);
    desk.act(Action::Do(UiCommand::CloseDestination));
    assert_eq!(desk.settings.also, []);
    assert_eq!(desk.sheets.len(), 1);
    assert!(go_live(&mut desk).is_some());
}

#[test]
fn there_is_a_most_of_destinations() {
    let mut desk = ready();
    for number in 0..20 {
        desk.act(Action::Do(UiCommand::AddDestination));
        let place = Place::also(desk.settings.also.len() - 1);
        let server = Change::Server(format!("rtmp://h{number}.example/live"));
        desk.act(Action::Edit(Edit::Destination(place, server)));
        desk.act(Action::Do(UiCommand::CloseDestination));
    }
    assert_eq!(desk.settings.also.len(), AlsoSettings::MOST);
    let harness = cards(desk, destination::show);
    let add = harness.get_by_role_and_label(Role::Button, "Also stream to…");
    assert!(add.accesskit_node().is_disabled());
}

#[test]
fn all_that_are_switched_on_reach_the_engine_in_order() {
    let mut desk = two();
    desk.act(Action::Edit(Edit::Follow(FollowChoice::Slowest)));
    let broadcast = go_live(&mut desk).unwrap();
    assert_eq!(broadcast.follow, Follow::Slowest);
    let [first, church] = broadcast.destinations.as_slice() else {
        panic!("{broadcast:?}");
    };
    assert_eq!(
        (first.server.as_str(), first.key.expose()),
        ("rtmp://example.org/live", "s3cret")
    );
    assert_eq!(church.name, "Church");
    assert_eq!(
        (church.server.as_str(), church.key.expose()),
        ("rtmp://b.example/live", "k3y-two")
    );

    let mut desk = two();
    desk.act(second(Change::Enabled(false)));
    assert_eq!(go_live(&mut desk).unwrap().destinations.len(), 1);
}

#[test]
fn one_that_is_not_ready_keeps_the_stream_from_starting_and_is_named() {
    let mut desk = two();
    desk.act(second(Change::Server("https://b.example/live".into())));
    let obstacle = desk.obstacle().unwrap();
    assert!(obstacle.starts_with("Church is not ready."), "{obstacle}");
    assert!(go_live(&mut desk).is_none());
    desk.act(second(Change::Enabled(false)));
    assert_eq!(desk.obstacle(), None);
}

#[test]
fn a_backup_reaches_the_engine_with_the_same_key_unless_it_has_its_own() {
    let mut desk = ready();
    let whole = "rtmp://backup.example/live/s3cret".to_owned();
    desk.act(changed(Change::PastedBackup(whole)));
    let settings = desk.settings.destination.backup.clone();
    assert_eq!(settings.server, "rtmp://backup.example/live");
    desk.act(changed(Change::Backup(
        crate::settings::destination::BackupSettings {
            warm: false,
            return_to_primary: true,
            ..settings
        },
    )));
    let broadcast = go_live(&mut desk).unwrap();
    let backup = broadcast.destinations[0].backup.clone().unwrap();
    assert_eq!(backup.server, "rtmp://backup.example/live");
    assert_eq!(backup.key.expose(), "s3cret");
    assert!(!backup.warm && backup.return_to_primary);

    let own = Change::Secret(SecretKind::BackupKey, Secret::new("0ther"));
    desk.act(changed(own));
    let broadcast = go_live(&mut desk).unwrap();
    let backup = broadcast.destinations[0].backup.as_ref().unwrap();
    assert_eq!(backup.key.expose(), "0ther");
    assert!(!format!("{desk:?}").contains("0ther"));
}

#[test]
fn a_wrong_backup_address_is_told_beside_its_field_and_before_going_live() {
    let mut desk = ready();
    desk.settings.destination.backup.server = "https://backup.example/live".into();
    let words = desk.obstacle().unwrap();
    desk.act(Action::Do(UiCommand::ToggleAdvanced));
    let harness = cards(desk, destination::show);
    harness.get_by_label(&words);
    harness.get_by_role_and_label(Role::Switch, "Keep it ready");
    harness.get_by_role_and_label(Role::Switch, "Go back when the first is well");
    assert_eq!(harness.unnamed_widgets(), Vec::<String>::new());
}

#[test]
fn two_channels_of_one_server_have_their_own_keys_in_the_keychain() {
    let mut desk = two();
    let server = desk.settings.destination.server.clone();
    desk.act(second(Change::Server(server.clone())));
    desk.act(second(Change::KeyDone));
    desk.act(changed(Change::KeyDone));
    let stored: Vec<String> = desk
        .take_effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Keychain(Request::Store { server, .. }) => Some(server),
            _ => None,
        })
        .collect();
    assert_eq!(stored, [format!("{server} [2]"), server.clone()]);

    let mut settings = desk.settings.clone();
    settings.follow = FollowChoice::Primary;
    let wall = WallClock::new(Local::now(), MediaTime::ZERO);
    let mut again = Desk::new(settings, "/videos".into(), wall);
    for (account, text) in [(format!("{server} [2]"), "two"), (server, "one")] {
        again.hear_keychain(Answer::Loaded {
            kind: SecretKind::StreamKey,
            server: account,
            secret: Some(Secret::new(text)),
        });
    }
    let broadcast = go_live(&mut again).unwrap();
    let keys: Vec<_> = broadcast
        .destinations
        .iter()
        .map(|destination| destination.key.expose())
        .collect();
    assert_eq!(keys, ["one", "two"]);
}

#[test]
fn a_removed_destination_leaves_nothing_in_the_keychain() {
    let mut desk = two();
    desk.act(Action::Edit(Edit::Opened(Place::also(0))));
    desk.act(Action::Do(UiCommand::RemoveDestination));
    assert_eq!(desk.settings.also.len(), 1, "not by one press");
    desk.act(Action::Do(UiCommand::RemoveDestination));
    assert_eq!(desk.settings.also, []);
    let effects = desk.take_effects();
    for wanted in SecretKind::ALL {
        assert!(effects.iter().any(|effect| matches!(
            effect,
            Effect::Keychain(Request::Delete { kind, server })
                if *kind == wanted && server == "rtmp://b.example/live [2]"
        )));
    }
}

#[test]
fn a_dead_destination_tells_its_own_cause_and_the_others_go_on() {
    let mut desk = two();
    assert!(go_live(&mut desk).is_some());
    let refused = Failure::of_ours(
        Cause::StreamDenied,
        "The key was refused.",
        "Copy it again.",
    );
    desk.hear(Event::Status(live_at("example.org")));
    desk.hear(Event::Destinations(vec![
        state("example.org", live_at("example.org")),
        state(
            "Church",
            StreamStatus::Offline {
                because: Some(refused),
            },
        ),
    ]));
    let mut harness = cards(desk, destination::show);
    let church = harness.get_by_role_and_label(Role::Status, "Church");
    assert_eq!(church.value().as_deref(), Some("Offline"));
    harness.get_by_label("The key was refused. Copy it again.");
    assert!(harness.state().desk.view.is_live());

    let desk = &mut harness.state_mut().desk;
    desk.hear(Event::Destinations(Vec::new()));
    desk.hear(Event::Status(StreamStatus::default()));
    harness.run_steps(2);
    harness.get_by_label_contains("The key was refused.");
}

#[test]
fn a_dead_first_tells_its_cause_while_another_goes_on() {
    let mut desk = two();
    assert!(go_live(&mut desk).is_some());
    let refused = Failure::of_ours(
        Cause::StreamDenied,
        "The key was refused.",
        "Copy it again.",
    );
    let because = Some(refused);
    desk.hear(Event::Status(live_at("b.example")));
    desk.hear(Event::Destinations(vec![
        state("example.org", StreamStatus::Offline { because }),
        state("Church", lost(2, 12_000)),
    ]));
    let mut harness = cards(desk, destination::show);
    harness.get_by_label("The key was refused. Copy it again.");
    harness.get_by_label("The uplink carries nothing.");
    harness
        .get_by_role_and_label(Role::Button, "Retry now: Church")
        .click();
    harness.run_steps(2);
    assert_eq!(engine_commands(&mut harness), [Command::RetryNow]);
}

#[test]
fn a_live_destination_shows_its_figure_and_cannot_be_changed() {
    let mut desk = two();
    assert!(go_live(&mut desk).is_some());
    desk.hear(Event::Status(live_at("example.org")));
    let mut church = state("Church", live_at("b.example"));
    church.on_backup = true;
    desk.hear(Event::Destinations(vec![
        state("example.org", live_at("example.org")),
        church,
    ]));
    let harness = cards(desk, destination::show);
    let church = harness.get_by_role_and_label(Role::Status, "Church");
    assert_eq!(church.value().as_deref(), Some("Live (backup) 2,431 kb/s"));
    let add = harness.get_by_role_and_label(Role::Button, "Also stream to…");
    assert!(add.accesskit_node().is_disabled());
    for name in ["Stream to Church", "Edit Church", "Bitrate follows"] {
        assert!(harness.query_by_label(name).is_none(), "{name}");
    }
}

#[test]
fn the_limits_of_the_bitrate_are_changed_while_live() {
    let mut harness = cards(live(), output::show);
    let line = harness.get_by_role_and_label(Role::Button, "Follow the uplink");
    assert_eq!(line.value().as_deref(), Some("down to 300 kb/s"));
    line.click();
    harness.run_steps(3);
    harness
        .get_by_role_and_label(Role::ComboBox, "Lowest video bitrate")
        .click();
    harness.run_steps(3);
    harness
        .get_by_role_and_label(Role::ListBoxOption, "800 kb/s")
        .click();
    harness.run_steps(3);
    let rates = |harness: &mut Harness<'_, Bench>| {
        let commands = engine_commands(harness);
        let [Command::SetFormat(format)] = commands.as_slice() else {
            panic!("{commands:?}");
        };
        (format.rate.adaptive, format.rate.floor)
    };
    assert_eq!(rates(&mut harness), (true, Bitrate::from_kbps(800)));

    let name = "Lower the bitrate with the uplink";
    harness.get_by_role_and_label(Role::Switch, name).click();
    harness.run_steps(3);
    assert!(!rates(&mut harness).0);
    let picker = harness.get_by_role_and_label(Role::ComboBox, "Lowest video bitrate");
    assert!(picker.accesskit_node().is_disabled());
    assert_eq!(harness.unnamed_widgets(), Vec::<String>::new());
}

#[test]
fn the_floor_is_never_above_the_ceiling() {
    let mut desk = ready();
    desk.settings.output.floor_kbps = Some(5_000);
    desk.settings.output.video_kbps = 1_000;
    let rate = crate::ui::desk::rate_of(&desk.settings.output);
    assert_eq!(rate.floor, Bitrate::from_kbps(1_000));
}

#[test]
fn a_wait_is_counted_down_and_can_be_cut_short() {
    let mut desk = live();
    desk.hear(Event::Status(lost(3, 13_000)));
    let mut harness = with_banner(desk);
    harness.get_by_label("Next attempt in 3 s (attempt 3)");
    let before = harness.get_by_label_contains("Next attempt").rect();
    let now = MediaTime::from_millis(12_500);
    harness.state_mut().desk.step(now);
    harness.run_steps(2);
    let after = harness
        .get_by_label("Next attempt in 1 s (attempt 3)")
        .rect();
    assert_eq!((before.min, before.height()), (after.min, after.height()));
    harness
        .get_by_role_and_label(Role::Button, "Retry now")
        .click();
    harness.run_steps(2);
    assert_eq!(engine_commands(&mut harness), [Command::RetryNow]);
}

#[test]
fn attempts_that_come_every_second_are_not_counted_down() {
    let mut desk = live();
    for attempt in 1..=7 {
        desk.step(MediaTime::from_millis(10_000 + u64::from(attempt) * 1_000));
        let retry_at = desk.now.as_millis() + 1_000;
        desk.hear(Event::Status(lost(attempt, retry_at)));
    }
    desk.step(MediaTime::from_millis(23_100));
    let harness = with_banner(desk);
    harness.get_by_label("Trying again… (attempt 7, 12 s without connection)");
    harness.get_by_label_contains("The uplink carries nothing.");
}

#[test]
fn retrying_is_asked_for_only_while_something_is_lost() {
    let mut desk = live();
    let retry = Action::Do(UiCommand::RetryNow);
    desk.act(retry.clone());
    assert_eq!(desk.take_effects(), []);
    desk.hear(Event::Destinations(vec![
        state("example.org", live_at("example.org")),
        state("Church", lost(1, 12_000)),
    ]));
    desk.act(retry);
    assert_eq!(desk.take_effects(), [Effect::Engine(Command::RetryNow)]);
}

#[test]
fn the_story_tells_the_part_the_destination_and_the_figures() {
    let mut desk = live();
    desk.hear(Event::Destinations(vec![
        state("example.org", live_at("example.org")),
        state("Church", live_at("b.example")),
    ]));
    desk.hear(Event::Decision(Decision {
        at: MediaTime::from_millis(9_000),
        severity: Severity::Warning,
        cause: event::Cause::Uplink,
        text: "Uplink slowed: 2,500 to 1,300 kb/s".into(),
        figures: vec![Figure {
            name: "queue_ms",
            value: 320.0,
        }],
        destination: Some("Church".into()),
    }));
    let words = crate::ui::words::decision(desk.view.story.iter().next().unwrap());
    assert!(
        words.contains("queue 320 ms") && words.contains("Church"),
        "{words}"
    );
    let harness = harness(desk, story::show);
    harness.get_by_label("Uplink: Church: Uplink slowed: 2,500 to 1,300 kb/s");
}

#[test]
fn the_graph_says_what_is_sent_wanted_and_allowed() {
    let mut desk = live();
    desk.hear(Event::Stats(Stats {
        sent: Bitrate::from_kbps(1_243),
        target: Bitrate::from_kbps(1_300),
        ceiling: Bitrate::from_kbps(2_500),
        ..Stats::default()
    }));
    let harness = harness(desk, |ui, rect, desk, _| graph::show(ui, rect, desk));
    let graph = harness.get_by_label("Bitrate graph");
    let words = "1,243 of 1,300, at most 2,500 kb/s";
    assert_eq!(graph.value().as_deref(), Some(words));
}

#[test]
fn settings_of_further_destinations_are_shown_again() {
    let settings = Settings {
        also: vec![AlsoSettings {
            number: 2,
            enabled: true,
            destination: DestinationSettings {
                server: "rtmp://b.example/live".into(),
                ..DestinationSettings::default()
            },
            ..AlsoSettings::default()
        }],
        ..Settings::default()
    };
    let wall = WallClock::new(Local::now(), MediaTime::ZERO);
    let mut desk = Desk::new(settings, "/videos".into(), wall);
    let asks = desk.take_effects().into_iter().any(|effect| {
        matches!(effect, Effect::Keychain(Request::Load { server, .. })
            if server == "rtmp://b.example/live [2]")
    });
    assert!(asks, "for the key of the second");
    let harness = cards(desk, destination::show);
    harness.get_by_role_and_label(Role::Button, "Edit b.example");
}

#[test]
fn a_kept_report_is_one_press_away_until_the_next_stream() {
    use crate::ui::reports::News;
    let mut desk = ready();
    let file = std::path::PathBuf::from("/reports/2026-11-23 14-22-05.html");
    desk.hear_report(News::Kept(file.clone()));
    let mut harness = harness(desk, story::show);
    harness
        .get_by_role_and_label(Role::Button, "Report")
        .click();
    harness.run_steps(2);
    let desk = &mut harness.state_mut().desk;
    assert_eq!(desk.take_effects(), [Effect::OpenReport(file)]);
    assert!(go_live(desk).is_some());
    harness.run_steps(2);
    assert!(harness.query_by_label("Report").is_none());

    let desk = &mut harness.state_mut().desk;
    desk.hear_report(News::Trouble("The report could not be opened.".into()));
    harness.run_steps(2);
    harness.get_by_label_contains("could not be opened");
}
