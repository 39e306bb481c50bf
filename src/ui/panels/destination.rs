//! Server and stream key.

use eframe::egui::{Event, Rect, Ui, pos2, vec2};

use crate::{
    secret::Secret,
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
        remember(ui, desk, commands);
        if let Some(trouble) = &desk.keychain_trouble {
            card::remark(ui, &words::sentence(trouble), tokens(ui).warning);
        }
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
        let pasted = ui.input(|input| {
            input
                .events
                .iter()
                .any(|event| matches!(event, Event::Paste(_)))
        });
        commands.edit(if pasted {
            Edit::Pasted(text)
        } else {
            Edit::Server(text)
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
    let mut text = desk.key.expose().to_owned();
    let response = field.show(ui, line, &mut text);
    if response.changed() {
        commands.edit(Edit::Key(Secret::new(text.trim())));
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

const MAX_SERVER: usize = 2048;
const MAX_KEY: usize = 1024;
