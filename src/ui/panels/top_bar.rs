//! One glance: am I live, for how long, where to.

use eframe::egui::{Align2, Key, Popup, PopupCloseBehavior, Rect, Stroke, Ui, pos2, vec2};

use crate::{
    engine::event::StreamStatus,
    settings::model::ThemeChoice,
    ui::{
        command::{Commands, Edit, UiCommand},
        desk::Desk,
        theme::{Weight, font, measure, tokens},
        widgets::{
            button::{self, Look},
            card,
            icon::Icon,
            text,
        },
        words,
    },
};

/// Shows name, state, duration and sentence.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let tokens = tokens(ui);
    let status = &desk.view.status;
    let line = Rect::from_min_max(
        pos2(rect.left() + measure::XL, rect.top() + 14.0),
        pos2(rect.right() - measure::XL, rect.bottom() - 10.0),
    );
    let name = text::write(
        ui,
        line,
        Align2::LEFT_CENTER,
        "Skywave",
        font(Weight::SemiBold, 15.0),
        tokens.text,
    );

    let (icon, ink, fill, edge) = match status {
        StreamStatus::Offline { .. } => (
            Icon::Ring,
            tokens.dim,
            tokens.raised,
            Stroke::new(1.0, tokens.line),
        ),
        StreamStatus::Connecting { .. } => (
            turning(desk),
            tokens.accent,
            tokens.raised,
            Stroke::new(1.0, tokens.accent),
        ),
        StreamStatus::Live { .. } => (Icon::Dot, tokens.on_fill, tokens.live_fill, Stroke::NONE),
        StreamStatus::Reconnecting { .. } => (
            turning(desk),
            tokens.warning,
            tokens.raised,
            Stroke::new(1.0, tokens.warning),
        ),
        StreamStatus::Stopping => (
            Icon::Square,
            tokens.dim,
            tokens.raised,
            Stroke::new(1.0, tokens.line),
        ),
    };
    let word = words::status_word(status);
    // As wide as its word needs, but never less than the usual ones: it is steady within a state.
    let width = if word.len() > 9 { 128.0 } else { 104.0 };
    let pill = Rect::from_min_size(
        pos2(name.rect.right() + 22.0, line.center().y - 12.0),
        vec2(width, 24.0),
    );
    text::pill(ui, pill, icon, word, ink, fill, edge);

    let mut left = pill.right() + measure::L;
    if let Some(duration) = words::live_for(status, desk.now) {
        let place = Rect::from_min_max(pos2(left, line.top()), line.max);
        let clock = text::write(
            ui,
            place,
            Align2::LEFT_CENTER,
            &words::clock(duration),
            font(Weight::SemiBold, 13.0),
            tokens.text,
        );
        left = clock.rect.right() + measure::L;
    }

    let settings = Rect::from_min_max(
        pos2(line.right() - 64.0, line.center().y - 14.0),
        pos2(line.right() + 8.0, line.center().y + 14.0),
    );
    text::write(
        ui,
        Rect::from_min_max(
            pos2(left, line.top()),
            pos2(settings.left() - measure::S, line.bottom()),
        ),
        Align2::LEFT_CENTER,
        &words::status_sentence(desk),
        font(Weight::Regular, 13.0),
        tokens.dim,
    );
    settings_menu(ui, settings, desk, commands);
}

/// A sign that turns while something is under way.
fn turning(desk: &Desk) -> Icon {
    let millis = u16::try_from(desk.now.as_millis() % 1_200).unwrap_or(0);
    Icon::Arc(f32::from(millis) / 1_200.0)
}

fn settings_menu(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let response = button::button(ui, rect, "Settings", Look::Quiet, button::face());
    Popup::menu(&response)
        .width(MENU_WIDTH)
        .gap(6.0)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            let tokens = tokens(ui);
            ui.set_width(MENU_WIDTH);
            eframe::egui::Frame::new()
                .inner_margin(10.0)
                .show(ui, |ui| {
                    appearance(ui, desk.settings.window.theme, commands);
                    ui.add_space(measure::XS);
                    for command in UiCommand::WITH_SHORTCUT {
                        let line = card::line(ui, 20.0);
                        let label = match command {
                            UiCommand::GoLiveOrStop => "Go live or stop",
                            UiCommand::ToggleRecording => "Record or finish",
                            UiCommand::ToggleMute => "Mute or unmute",
                            other => other.label(),
                        };
                        text::write(
                            ui,
                            line,
                            Align2::LEFT_CENTER,
                            label,
                            font(Weight::Regular, 12.0),
                            tokens.dim,
                        );
                        text::write(
                            ui,
                            line,
                            Align2::RIGHT_CENTER,
                            &command.shortcut_text(),
                            font(Weight::Medium, 12.0),
                            tokens.text,
                        );
                    }
                    ui.add_space(measure::XS);
                    let command = UiCommand::ShowAbout;
                    let mut place = card::line(ui, 28.0);
                    place.set_width(ABOUT_WIDTH);
                    let place = place.translate(vec2(-8.0, 0.0));
                    if button::button(ui, place, command.label(), Look::Link, button::face())
                        .on_hover_text(command.hint())
                        .clicked()
                    {
                        commands.run(command);
                        ui.close();
                    }
                    if ui.input(|input| input.key_pressed(Key::Escape)) {
                        ui.close();
                    }
                });
        });
}

/// Three buttons, one of them chosen.
fn appearance(ui: &mut Ui, chosen: ThemeChoice, commands: &mut Commands) {
    let row = card::row(ui, "Appearance");
    let width = row.width() / 3.0;
    let choices = [
        (ThemeChoice::System, "System"),
        (ThemeChoice::Dark, "Dark"),
        (ThemeChoice::Light, "Light"),
    ];
    let mut left = row.left();
    for (choice, word) in choices {
        let place = Rect::from_min_size(pos2(left, row.top()), vec2(width, row.height()));
        let look = if choice == chosen {
            Look::Outlined
        } else {
            Look::Quiet
        };
        if button::button(ui, place, word, look, button::face()).clicked() {
            commands.edit(Edit::Theme(choice));
        }
        left += width;
    }
}

const MENU_WIDTH: f32 = 272.0;
const ABOUT_WIDTH: f32 = 104.0;
