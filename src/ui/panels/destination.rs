//! Server and stream key.

use eframe::egui::{Event, Rect, Ui, pos2, vec2};

use super::connection;
use crate::{
    rtmp::url::{MAX_KEY_BYTES, MAX_URL_BYTES},
    secret::Secret,
    settings::secrets::SecretKind,
    ui::{
        command::{Commands, Edit, UiCommand},
        desk::Desk,
        theme::{measure, tokens},
        widgets::{
            button::{self, Look},
            card,
            field::Field,
            switch::switch,
        },
        words,
    },
};

/// Shows the card.
pub fn show(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    card::card(ui, "Destination", |ui, _| {
        ui.add_enabled_ui(desk.view.is_offline(), |ui| {
            server(ui, desk, commands);
            key(ui, desk, commands);
        });
        if let Some(words) = desk.address_remark {
            card::remark(ui, words, tokens(ui).warning);
        }
        remember(ui, desk, commands);
        if let Some(trouble) = &desk.keychain_trouble {
            card::remark(ui, &words::sentence(trouble), tokens(ui).warning);
        }
        connection::show(ui, desk, commands);
    });
}

fn server(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let line = card::line(ui, measure::CONTROL);
    let field = Field {
        name: "Server",
        hint: "rtmp://server/app, or paste the whole URL",
        masked: false,
        limit: MAX_SERVER,
        reserved: 0.0,
    };
    let mut text = desk.settings.destination.server.clone();
    let response = field.show(ui, line, &mut text).on_hover_text(
        "The address you were given. A whole URL is split into server and key when pasted.",
    );
    if response.changed() {
        // A field has one line; what was pasted may have had more.
        commands.edit(match pasted(ui) {
            Some(whole) if text.len() <= whole.len() => Edit::Pasted(whole),
            Some(_) => Edit::Pasted(text),
            None => Edit::Server(text),
        });
    }
    if response.lost_focus() {
        commands.edit(Edit::ServerDone);
    }
}

fn key(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
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
    let mut text = desk.key().expose().to_owned();
    let response = field.show(ui, line, &mut text);
    if response.changed() {
        let kind = SecretKind::StreamKey;
        commands.edit(match pasted(ui) {
            Some(whole) if whole.contains("://") => Edit::PastedKey(Secret::new(whole)),
            _ => Edit::Secret(kind, Secret::new(text)),
        });
    }
    if response.lost_focus() {
        commands.edit(Edit::KeyDone);
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

fn remember(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let line = card::line(ui, 24.0);
    let on = desk.settings.destination.remember_key;
    let name = "Remember key in keychain";
    if switch(ui, line, name, "Remember key in the keychain", on)
        .on_hover_text(
            "The key is kept by your system's keychain, never in a file of this program.",
        )
        .clicked()
    {
        commands.edit(Edit::RememberKey(!on));
    }
}

/// What was pasted in this frame, if anything was.
fn pasted(ui: &Ui) -> Option<String> {
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
