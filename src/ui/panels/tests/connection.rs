//! Addresses, keys and "Advanced connection" in the destination's card.

use super::*;
use crate::{
    engine::command::{Destination, Fingerprint, HandshakeForm, LocalEnd, Trust},
    settings::{
        connection::{ConnectionSettings, TrustChoice},
        secrets::Request,
    },
};

fn card<'a>(desk: Desk) -> Harness<'a, Bench> {
    cards(desk, destination::show)
}

fn opened<'a>(mut desk: Desk) -> Harness<'a, Bench> {
    desk.act(Action::Do(UiCommand::ToggleAdvanced));
    card(desk)
}

fn with(change: impl FnOnce(&mut ConnectionSettings)) -> Desk {
    let mut desk = ready();
    desk.settings.destination.server = "rtmps://example.org/live".into();
    change(&mut desk.settings.destination.connection);
    desk
}

fn paste(harness: &mut Harness<'_, Bench>, field: &str, text: &str) {
    harness.get_by_label(field).focus();
    harness.run_steps(2);
    harness.event(egui::Event::Paste(text.into()));
    harness.run_steps(3);
}

fn went_live(desk: &mut Desk) -> Option<Destination> {
    desk.act(Action::Do(UiCommand::GoLiveOrStop));
    desk.take_effects()
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Engine(Command::GoLive(broadcast)) => broadcast.destinations.into_iter().next(),
            _ => None,
        })
}

#[test]
fn instructions_pasted_as_the_address_fill_both_fields() {
    let mut harness = card(desk());
    let text = "Server: rtmp://example.org/live\nStream key: abc-123";
    paste(&mut harness, "Server", text);
    let desk = &harness.state().desk;
    assert_eq!(desk.settings.destination.server, "rtmp://example.org/live");
    assert_eq!(key(desk).expose(), "abc-123");
}

#[test]
fn a_key_pasted_as_the_address_is_moved_to_its_field_and_told() {
    let mut harness = card(desk());
    paste(&mut harness, "Server", "live_123_abc");
    harness.get_by_label_contains("That was a stream key");
    let desk = &harness.state().desk;
    assert!(desk.settings.destination.server.is_empty());
    assert_eq!(key(desk).expose(), "live_123_abc");

    paste(&mut harness, "Server", "rtmp://example.org/live");
    let told = harness.query_by_label_contains("That was a stream key");
    assert!(told.is_none(), "told until there is an address");
}

#[test]
fn a_whole_url_pasted_as_the_key_fills_both_fields() {
    let mut harness = card(desk());
    paste(&mut harness, "Stream key", "rtmps://example.org/app/abc");
    let desk = &harness.state().desk;
    assert_eq!(desk.settings.destination.server, "rtmps://example.org/app");
    assert_eq!(key(desk).expose(), "abc");
}

#[test]
fn a_key_keeps_its_inner_spaces_and_loses_those_around_it() {
    let mut harness = card(ready());
    harness.state_mut().desk.sheets[0].secrets = crate::ui::secrets::Secrets::default();
    harness.get_by_label("Stream key").focus();
    harness.run_steps(2);
    harness.get_by_label("Stream key").type_text(" my key ");
    harness.run_steps(2);
    harness.state_mut().desk.act(changed(Change::KeyDone));
    assert_eq!(key(&harness.state().desk).expose(), "my key");
}

#[test]
fn a_login_in_the_address_goes_to_its_own_fields() {
    for typed in [false, true] {
        let mut desk = desk();
        let text = "rtmp://me:p%40ss@example.org/live".to_owned();
        if typed {
            desk.act(changed(Change::Server(text)));
            desk.act(changed(Change::ServerDone));
        } else {
            desk.act(changed(Change::Pasted(text)));
        }
        let destination = &desk.settings.destination;
        assert_eq!(destination.server, "rtmp://example.org/live");
        assert_eq!(destination.connection.user, "me");
        assert_eq!(
            desk.sheets[0].secrets.get(SecretKind::Password).expose(),
            "p@ss"
        );
    }
}

#[test]
fn an_address_with_a_query_may_do_without_a_key() {
    let mut desk = desk();
    desk.settings.destination.server = "rtmp://example.org/mystream?user=me".into();
    assert_eq!(desk.obstacle(), None);
    assert!(went_live(&mut desk).unwrap().key.is_empty());
}

#[test]
fn advanced_connection_is_folded_away_until_it_is_asked_for() {
    let mut harness = card(ready());
    assert!(harness.query_by_label("Proxy").is_none());
    let line = harness.get_by_role_and_label(Role::Button, "Advanced connection");
    assert_eq!(line.accesskit_node().data().is_expanded(), Some(false));
    line.focus();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("Proxy");
    let line = harness.get_by_role_and_label(Role::Button, "Advanced connection");
    assert_eq!(line.accesskit_node().data().is_expanded(), Some(true));
}

#[test]
fn what_is_set_is_told_while_it_is_folded_and_moves_nothing() {
    let desk = with(|settings| {
        settings.proxy = "http://proxy.example:3128".into();
        settings.digest_handshake = true;
    });
    let [plain, set] = [card(ready()), card(desk)].map(|harness| {
        let line = harness.get_by_role_and_label(Role::Button, "Advanced connection");
        (line.rect(), line.value())
    });
    assert_eq!(plain.0, set.0);
    assert_eq!(plain.1, None);
    assert_eq!(set.1.as_deref(), Some("proxy, handshake"));
}

#[test]
fn every_control_of_the_fold_has_a_name() {
    for trust in [
        TrustChoice::System,
        TrustChoice::File {
            file: "/ca.pem".into(),
        },
        TrustChoice::Pinned {
            fingerprint: String::new(),
        },
    ] {
        let harness = opened(with(|settings| settings.trust = trust));
        assert_eq!(harness.unnamed_widgets(), Vec::<String>::new());
        for name in [
            "Remember key in keychain",
            "Backup server",
            "User name",
            "Password",
            "Certificate",
            "Leave via",
            "Proxy",
            "Handshake",
            "Connect arguments",
            "Offer Enhanced RTMP",
        ] {
            harness.get_by_label(name);
        }
    }
}

#[test]
fn the_fold_cannot_be_changed_while_live() {
    let mut desk = live();
    desk.act(Action::Do(UiCommand::ToggleAdvanced));
    let harness = card(desk);
    let picker = harness.get_by_role_and_label(Role::ComboBox, "Handshake");
    assert!(picker.accesskit_node().is_disabled());
}

#[test]
fn what_cannot_be_right_is_told_beside_its_field_and_before_going_live() {
    let pinned = |fingerprint: &str| TrustChoice::Pinned {
        fingerprint: fingerprint.into(),
    };
    let no_file = TrustChoice::File {
        file: std::path::PathBuf::new(),
    };
    let mut plain = with(|settings| settings.trust = pinned(&"AB".repeat(32)));
    plain.settings.destination.server = "rtmp://example.org/live".into();
    let mut secret = ready();
    secret.sheets[0]
        .secrets
        .set(SecretKind::ConnectArguments, Secret::new("B:1 X:2"));
    for (mut desk, words) in [
        (
            with(|settings| settings.user = "me".into()),
            "The user has no password",
        ),
        (
            with(|settings| settings.trust = pinned("12:34")),
            "The fingerprint has 4 digits",
        ),
        (
            with(|settings| settings.trust = pinned("")),
            "There is no fingerprint",
        ),
        (
            with(|settings| settings.trust = no_file),
            "No certificate file is chosen",
        ),
        (
            with(|settings| settings.from = "not one".into()),
            "\"not one\" is neither an IP address",
        ),
        (
            with(|settings| settings.proxy = "socks5://a:1".into()),
            "socks5:// is not a kind of proxy",
        ),
        (plain, "rtmp:// has no certificate"),
        (secret, "Connect argument 2 has no type"),
    ] {
        let obstacle = desk.obstacle().unwrap_or_default();
        assert!(obstacle.starts_with(words), "{obstacle}");
        assert!(went_live(&mut desk).is_none());
        let harness = opened(desk);
        harness.get_by_label_contains(words);
    }
}

#[test]
fn what_was_set_reaches_the_engine() {
    let mut desk = with(|settings| {
        settings.user = "me".into();
        settings.trust = TrustChoice::Pinned {
            fingerprint: "AB".repeat(32),
        };
        settings.from = "eth0".into();
        settings.proxy = "http://us@proxy.example:3128".into();
        settings.digest_handshake = true;
        settings.plain_connect = true;
    });
    for (kind, text) in [
        (SecretKind::Password, "pass"),
        (SecretKind::ProxyPassword, "through"),
        (SecretKind::ConnectArguments, "B:1 S:x"),
    ] {
        desk.act(changed(Change::Secret(kind, Secret::new(text))));
    }
    let destination = went_live(&mut desk).unwrap();
    let login = destination.credentials.unwrap();
    assert_eq!(
        (login.user.as_str(), login.password.expose()),
        ("me", "pass")
    );
    assert_eq!(
        destination.route.trust,
        Trust::Only(Fingerprint([0xAB; 32]))
    );
    assert_eq!(
        destination.route.local,
        Some(LocalEnd::Interface("eth0".into()))
    );
    let proxy = destination.route.proxy.unwrap();
    assert_eq!(proxy.credentials.unwrap().password.expose(), "through");
    assert_eq!(destination.options.handshake, HandshakeForm::Digest);
    assert!(!destination.options.enhanced);
    assert_eq!(destination.options.connect_arguments.len(), 2);
}

#[test]
fn passwords_go_to_the_keychain_and_not_into_the_settings() {
    const SECRET: &str = "s3cretWORD";
    let mut desk = ready();
    let settings = ConnectionSettings {
        user: "me".into(),
        proxy: format!("http://us:{SECRET}@proxy.example:3128"),
        ..ConnectionSettings::default()
    };
    desk.act(changed(Change::Connection(settings)));
    desk.act(changed(Change::ProxyDone));
    let password = Secret::new(SECRET);
    desk.act(changed(Change::Secret(SecretKind::Password, password)));
    desk.act(changed(Change::KeyDone));

    let proxy = &desk.settings.destination.connection.proxy;
    assert_eq!(proxy, "http://us@proxy.example:3128");
    let effects = desk.take_effects();
    for wanted in SecretKind::ALL {
        let is_kept = effects.iter().any(
            |effect| matches!(effect, Effect::Keychain(Request::Store { kind, .. }) if *kind == wanted),
        );
        assert_eq!(
            is_kept,
            !matches!(wanted, SecretKind::ConnectArguments | SecretKind::BackupKey),
            "{wanted:?}"
        );
    }
    let shown = format!("{:?} {effects:?} {desk:?}", desk.settings);
    assert!(!shown.contains(SECRET));
}

#[test]
fn a_chosen_certificate_file_is_read_and_what_is_wrong_with_it_told() {
    let mut desk = with(|_| ());
    desk.act(Action::Do(UiCommand::ChooseCertificate));
    desk.act(Action::Do(UiCommand::ChooseCertificate));
    assert_eq!(desk.take_effects(), [Effect::ChooseCertificate]);
    desk.act(Action::Edit(Edit::Certificate(Some("/ca.pem".into()))));
    assert_eq!(
        desk.take_effects(),
        [Effect::ReadCertificate("/ca.pem".into())]
    );
    assert!(desk.obstacle().is_some(), "not before it has been read");
    desk.hear_certificate(
        "/ca.pem".as_ref(),
        &Err("the certificate file is empty".to_owned()),
    );
    assert_eq!(
        desk.obstacle().as_deref(),
        Some("The certificate file is empty.")
    );
    desk.hear_certificate("/ca.pem".as_ref(), &Ok(Trust::Also(Vec::new())));
    let destination = went_live(&mut desk).unwrap();
    assert_eq!(destination.route.trust, Trust::Also(Vec::new()));
}
