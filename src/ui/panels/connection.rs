//! "Advanced connection": what servers and networks want beyond address and key, folded away by default.

use eframe::egui::{Align2, Rect, Response, Ui, pos2, vec2};

use super::destination::pasted;
use crate::{
    secret::Secret,
    settings::{
        connection::{ConnectionSettings, TrustChoice},
        destination::BackupSettings,
        secrets::SecretKind,
    },
    ui::{
        command::{Change, Commands, UiCommand},
        connection,
        desk::{Desk, Entry},
        theme::{Weight, font, measure, tokens},
        widgets::{
            button, card, field::Field, fold::fold, icon::Icon, picker::picker, switch::switch,
            text,
        },
        words,
    },
};

/// The line that opens the fold, and what is in it while it is open.
pub fn show(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let toggle = UiCommand::ToggleAdvanced;
    let line = card::line(ui, 24.0);
    let summary = connection::summary(entry);
    if fold(
        ui,
        line,
        toggle.label(),
        &summary,
        entry.sheet.advanced_shown,
    )
    .on_hover_text(toggle.hint())
    .clicked()
    {
        commands.run(toggle);
        ui.data_mut(|data| data.insert_temp(ui.scope_id().with(JUST_PRESSED), ()));
    }
    if !entry.sheet.advanced_shown {
        return;
    }
    let fields = ui.add_enabled_ui(desk.view.is_offline(), |ui| {
        remember(ui, entry, commands);
        backup(ui, desk, entry, commands);
        login(ui, desk, entry, commands);
        certificate(ui, entry, commands);
        way(ui, desk, entry, commands);
        session(ui, desk, entry, commands);
    });
    // What has just been opened is to be seen, though the column ends above it.
    let pressed = ui.data_mut(|data| data.remove_temp::<()>(ui.scope_id().with(JUST_PRESSED)));
    if pressed.is_some() {
        ui.scroll_to_rect(fields.response.rect.expand(measure::XL), None);
    }
}

fn remember(ui: &mut Ui, entry: Entry<'_>, commands: &mut Commands) {
    let line = card::line(ui, 24.0);
    let on = entry.settings.remember_key;
    let name = "Remember key in keychain";
    if switch(ui, line, name, "Remember key in the keychain", on)
        .on_hover_text(
            "The key is kept by your system's keychain, never in a file of this program.",
        )
        .clicked()
    {
        commands.change(entry.place, Change::RememberKey(!on));
    }
}

fn backup(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let settings = &entry.settings.backup;
    let row = card::row(ui, "Backup");
    let hint = "rtmp://server/app";
    let (response, server) = typed(ui, row, "Backup server", hint, &settings.server);
    let _ = response.on_hover_text("Where to go when the first server fails.");
    let has_server = !settings.server.is_empty();
    match (server, pasted(ui)) {
        (Some(_), Some(whole)) => commands.change(entry.place, Change::PastedBackup(whole)),
        (Some(server), None) => {
            let changed = BackupSettings {
                server,
                ..settings.clone()
            };
            commands.change(entry.place, Change::Backup(changed));
        }
        (None, _) => {}
    }
    if has_server {
        let row = card::row(ui, "");
        let hint = "its key, if it is another";
        secret(ui, row, desk, entry, commands, SecretKind::BackupKey, hint);
        let choices = [
            (
                "Keep it ready",
                "A connection stays open there, so that a switch takes a moment only.",
                settings.warm,
                BackupSettings {
                    warm: !settings.warm,
                    ..settings.clone()
                },
            ),
            (
                "Go back when the first is well",
                "Viewers may notice the switch back. Off: stay on the backup until you stop.",
                settings.return_to_primary,
                BackupSettings {
                    return_to_primary: !settings.return_to_primary,
                    ..settings.clone()
                },
            ),
        ];
        for (name, hint, on, changed) in choices {
            let line = card::line(ui, 24.0);
            let line = Rect::from_min_max(pos2(line.left() + measure::LABEL, line.top()), line.max);
            if switch(ui, line, name, name, on)
                .on_hover_text(hint)
                .clicked()
            {
                commands.change(entry.place, Change::Backup(changed));
            }
        }
    }
    told(ui, connection::backup(entry));
}

fn login(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let settings = &entry.settings.connection;
    let row = card::row(ui, "User");
    let user = typed(
        ui,
        row,
        "User name",
        "only if the server asks",
        &settings.user,
    );
    if let (_, Some(user)) = user {
        edit(entry, commands, |settings| settings.user = user);
    }
    let row = card::row(ui, "Password");
    secret(ui, row, desk, entry, commands, SecretKind::Password, "");
    told(ui, connection::credentials(entry));
}

fn certificate(ui: &mut Ui, entry: Entry<'_>, commands: &mut Commands) {
    let trust = &entry.settings.connection.trust;
    let options = [
        (TrustChoice::System, "As this system".to_owned()),
        (file_choice(trust), "Trust a file too".to_owned()),
        (pin_choice(trust), "One fingerprint".to_owned()),
    ];
    let shown = options
        .iter()
        .find(|(option, _)| option == trust)
        .map_or_else(String::new, |(_, words)| words.clone());
    let row = card::row(ui, "Certificate");
    let (response, picked) = picker(ui, row, "Certificate", &shown, trust, options);
    let _ = response.on_hover_text(
        "For rtmps:// servers whose certificate this system does not trust. It is always checked.",
    );
    if let Some(trust) = picked {
        edit(entry, commands, |settings| settings.trust = trust);
    }
    match trust {
        TrustChoice::System => {}
        TrustChoice::File { file } => {
            let row = card::row(ui, "");
            let choose = UiCommand::ChooseCertificate;
            let sign =
                Rect::from_center_size(pos2(row.right() - 16.0, row.center().y), vec2(32.0, 32.0));
            let name = Rect::from_min_max(row.min, pos2(sign.left() - measure::S, row.bottom()));
            let words = file
                .file_name()
                .map_or_else(|| "no file chosen".into(), |name| name.to_string_lossy());
            text::write(
                ui,
                name,
                Align2::LEFT_CENTER,
                &words,
                font(Weight::Regular, 12.5),
                tokens(ui).text,
            );
            if button::icon(ui, sign, choose.label(), Icon::Folder)
                .on_hover_text(choose.hint())
                .clicked()
            {
                commands.run(choose);
            }
        }
        TrustChoice::Pinned { fingerprint } => {
            let row = card::row(ui, "");
            let hint = "SHA-256, 64 digits";
            if let (_, Some(fingerprint)) = typed(ui, row, "Fingerprint", hint, fingerprint) {
                edit(entry, commands, |settings| {
                    settings.trust = TrustChoice::Pinned { fingerprint };
                });
            }
        }
    }
    told(ui, connection::trust(entry));
}

fn way(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let settings = &entry.settings.connection;
    let row = card::row(ui, "Leave via");
    let hint = "address or interface";
    let (response, from) = typed(ui, row, "Leave via", hint, &settings.from);
    let _ = response.on_hover_text(
        "An address or a network interface of this computer, such as 192.168.1.20 or eth0.",
    );
    if let Some(from) = from {
        edit(entry, commands, |settings| settings.from = from);
    }
    told(ui, connection::local(entry));

    let row = card::row(ui, "Proxy");
    let (response, proxy) = typed(ui, row, "Proxy", "http://host:port", &settings.proxy);
    if response.lost_focus() {
        commands.change(entry.place, Change::ProxyDone);
    }
    let _ = response.on_hover_text("An HTTP proxy on the way to rtmps:// servers.");
    if let Some(proxy) = proxy {
        edit(entry, commands, |settings| settings.proxy = proxy);
    }
    if !settings.proxy.is_empty() {
        let row = card::row(ui, "");
        let hint = "password, if it wants one";
        secret(
            ui,
            row,
            desk,
            entry,
            commands,
            SecretKind::ProxyPassword,
            hint,
        );
    }
    told(ui, connection::proxy(entry));
}

fn session(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let settings = &entry.settings.connection;
    let row = card::row(ui, "Handshake");
    let options = [
        (false, "Simple".to_owned()),
        (true, "With digests".to_owned()),
    ];
    let shown = options[usize::from(settings.digest_handshake)].1.clone();
    let chosen = &settings.digest_handshake;
    let (response, picked) = picker(ui, row, "Handshake", &shown, chosen, options);
    let _ = response.on_hover_text("Some old Adobe servers insist on digests.");
    if let Some(digests) = picked {
        edit(entry, commands, |settings| {
            settings.digest_handshake = digests;
        });
    }

    let row = card::row(ui, "Arguments");
    let kind = SecretKind::ConnectArguments;
    secret(ui, row, desk, entry, commands, kind, "B:1 S:text N:1.5");
    told(ui, connection::arguments(entry));

    let line = card::line(ui, 24.0);
    let on = !settings.plain_connect;
    if switch(ui, line, "Offer Enhanced RTMP", "Offer Enhanced RTMP", on)
        .on_hover_text("Switch it off for a server that stumbles over it.")
        .clicked()
    {
        edit(entry, commands, |settings| settings.plain_connect = on);
    }
}

/// A field for text that is no secret; the text when a person changed it.
pub(super) fn typed(
    ui: &mut Ui,
    rect: Rect,
    name: &str,
    hint: &str,
    text: &str,
) -> (Response, Option<String>) {
    let field = Field {
        name,
        hint,
        masked: false,
        limit: MAX_TEXT,
        reserved: 0.0,
    };
    let mut text = text.to_owned();
    let response = field.show(ui, rect, &mut text);
    let changed = response.changed().then_some(text);
    (response, changed)
}

fn secret(
    ui: &mut Ui,
    rect: Rect,
    desk: &Desk,
    entry: Entry<'_>,
    commands: &mut Commands,
    kind: SecretKind,
    hint: &str,
) {
    let name = match kind {
        SecretKind::StreamKey => "Stream key",
        SecretKind::BackupKey => "Backup stream key",
        SecretKind::Password => "Password",
        SecretKind::ProxyPassword => "Proxy password",
        SecretKind::ConnectArguments => "Connect arguments",
    };
    let field = Field {
        name,
        hint,
        masked: !desk.key_shown,
        limit: MAX_TEXT,
        reserved: 0.0,
    };
    let mut text = entry.sheet.secrets.get(kind).expose().to_owned();
    let response = field.show(ui, rect, &mut text);
    if response.changed() {
        commands.change(entry.place, Change::Secret(kind, Secret::new(text)));
    }
    if response.lost_focus() {
        commands.change(entry.place, Change::KeyDone);
    }
}

/// What is wrong with the fields above, if anything is.
fn told<T>(ui: &mut Ui, checked: Result<T, String>) {
    if let Err(error) = checked {
        card::remark(ui, &words::sentence(&error), tokens(ui).warning);
    }
}

fn edit(entry: Entry<'_>, commands: &mut Commands, change: impl FnOnce(&mut ConnectionSettings)) {
    let mut settings = entry.settings.connection.clone();
    change(&mut settings);
    commands.change(entry.place, Change::Connection(settings));
}

/// The choice of a file: the present one, if it is.
fn file_choice(trust: &TrustChoice) -> TrustChoice {
    match trust {
        TrustChoice::File { .. } => trust.clone(),
        _ => TrustChoice::File {
            file: std::path::PathBuf::new(),
        },
    }
}

/// The choice of a fingerprint: the present one, if it is.
fn pin_choice(trust: &TrustChoice) -> TrustChoice {
    match trust {
        TrustChoice::Pinned { .. } => trust.clone(),
        _ => TrustChoice::Pinned {
            fingerprint: String::new(),
        },
    }
}

const JUST_PRESSED: &str = "just pressed";
const MAX_TEXT: usize = 1024;
