//! Where the stream goes: server and stream key, and the destinations beside the first.

use eframe::egui::{Event, Rect, Ui, pos2, vec2};

use super::{connection, further};
use crate::{
    rtmp::url::{MAX_KEY_BYTES, MAX_URL_BYTES},
    secret::Secret,
    settings::secrets::SecretKind,
    ui::{
        command::{Change, Commands, UiCommand},
        desk::{Desk, Entry, Place},
        theme::{measure, tokens},
        widgets::{
            button::{self, Look},
            card,
            field::Field,
        },
        words,
    },
};

/// Shows the card: the first destination, and those beside it.
pub fn show(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    card::card(ui, "Destination", |ui, title_end| {
        // While streaming how they fare comes before what cannot be changed now.
        let streams = !desk.view.is_offline();
        if streams {
            further::list(ui, desk, commands);
        }
        if let Some(entry) = desk.entry(Place::FIRST) {
            fields(ui, desk, entry, commands);
        }
        if let Some(trouble) = &desk.keychain_trouble {
            card::remark(ui, &words::sentence(trouble), tokens(ui).warning);
        }
        if !streams {
            further::list(ui, desk, commands);
        }
        further::add(ui, title_end, desk, commands);
    });
}

/// Server and key of one destination, and what is folded away behind them.
pub(super) fn fields(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    ui.add_enabled_ui(desk.view.is_offline(), |ui| {
        server(ui, entry, commands);
        key(ui, desk, entry, commands);
    });
    if let Some(words) = entry.sheet.remark {
        card::remark(ui, words, tokens(ui).warning);
    }
    connection::show(ui, desk, entry, commands);
}

fn server(ui: &mut Ui, entry: Entry<'_>, commands: &mut Commands) {
    let line = card::line(ui, measure::CONTROL);
    let field = Field {
        name: "Server",
        hint: "rtmp://server/app, or paste the whole URL",
        masked: false,
        limit: MAX_SERVER,
        reserved: 0.0,
    };
    let mut text = entry.settings.server.clone();
    let response = field.show(ui, line, &mut text).on_hover_text(
        "The address you were given. A whole URL is split into server and key when pasted.",
    );
    if response.changed() {
        // A field has one line; what was pasted may have had more.
        let change = match pasted(ui) {
            Some(whole) if text.len() <= whole.len() => Change::Pasted(whole),
            Some(_) => Change::Pasted(text),
            None => Change::Server(text),
        };
        commands.change(entry.place, change);
    }
    if response.lost_focus() {
        commands.change(entry.place, Change::ServerDone);
    }
}

fn key(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, commands: &mut Commands) {
    let line = card::line(ui, measure::CONTROL);
    let show = Rect::from_min_max(
        pos2(line.right() - 60.0, line.top() + 4.0),
        line.max - vec2(4.0, 4.0),
    );
    let field = Field {
        name: "Stream key",
        hint: "Stream key",
        masked: !desk.key_shown,
        limit: MAX_KEY,
        reserved: 56.0,
    };
    let mut text = entry.key().expose().to_owned();
    let response = field.show(ui, line, &mut text);
    if response.changed() {
        let kind = SecretKind::StreamKey;
        let change = match pasted(ui) {
            Some(whole) if whole.contains("://") => Change::PastedKey(Secret::new(whole)),
            _ => Change::Secret(kind, Secret::new(text)),
        };
        commands.change(entry.place, change);
    }
    if response.lost_focus() {
        commands.change(entry.place, Change::KeyDone);
    }
    let command = UiCommand::ToggleKeyShown;
    let word = if desk.key_shown {
        "Hide"
    } else {
        command.label()
    };
    if button::button(ui, show, word, Look::Link, button::face())
        .on_hover_text(command.hint())
        .clicked()
    {
        commands.run(command);
    }
}

/// What was pasted in this frame, if anything was.
pub(super) fn pasted(ui: &Ui) -> Option<String> {
    ui.input(|input| {
        input.events.iter().find_map(|event| match event {
            Event::Paste(text) => Some(text.clone()),
            _ => None,
        })
    })
}

/// Longer than what is taken: too much is told, not cut off.
const MAX_SERVER: usize = 2 * MAX_URL_BYTES;
const MAX_KEY: usize = 2 * MAX_KEY_BYTES;
