//! What this program is: version, licence, and how well it encodes on this computer.

use eframe::egui::{Align2, Color32, Context, Rect, Ui, pos2, vec2};

use crate::ui::{
    command::{Commands, UiCommand},
    desk::Desk,
    theme::{Weight, font, measure, tokens},
    widgets::{
        button::{self, Look},
        card,
        dialog::dialog,
        icon::Icon,
        text,
    },
    words,
};

/// Shows the dialog, if it is open. Escape and a press beside it close it.
pub fn show(ctx: &Context, desk: &Desk, commands: &mut Commands) {
    if !desk.about_shown {
        return;
    }
    if dialog(ctx, "about", WIDTH, 0, |ui| contents(ui, desk, commands)) {
        commands.run(UiCommand::CloseAbout);
    }
}

fn contents(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let tokens = tokens(ui);
    let line = card::line(ui, 22.0);
    text::write(
        ui,
        line,
        Align2::LEFT_CENTER,
        "Skywave",
        font(Weight::SemiBold, 16.0),
        tokens.text,
    );
    ui.add_space(measure::XS);
    fact(ui, "Version", env!("CARGO_PKG_VERSION"));
    fact(ui, "Licence", "MIT or Apache 2.0, as you prefer");
    fact(ui, "Video", "H.264 by OpenH264, built from its source");
    let acceleration = desk.view.acceleration;
    fact(ui, "Speed", words::acceleration(acceleration));
    if let Some(remedy) = words::acceleration_remedy(acceleration) {
        warning(ui, remedy, tokens.warning);
    }
    fact(
        ui,
        "Sound",
        "AAC by Fraunhofer FDK AAC, built from its source",
    );
    ui.add_space(measure::S);

    let command = UiCommand::CloseAbout;
    let line = card::line(ui, 40.0);
    let face = font(Weight::SemiBold, 13.0);
    let close = button::button(ui, line, command.label(), Look::Outlined, face);
    if close.clicked() {
        commands.run(command);
    }
    if ui.memory(|memory| memory.focused().is_none()) {
        close.request_focus();
    }
}

/// Label left, words right, over as many lines as they need.
fn fact(ui: &mut Ui, label: &str, words: &str) {
    let tokens = tokens(ui);
    let face = font(Weight::Regular, 12.5);
    let width = ui.available_width() - measure::LABEL;
    let height = text::paragraph_height(ui, width, words, face.clone());
    let line = card::line(ui, height);
    text::write(ui, line, Align2::LEFT_TOP, label, face.clone(), tokens.dim);
    let at = pos2(line.left() + measure::LABEL, line.top());
    text::paragraph(ui, at, width, words, face, tokens.text);
}

/// What is to be done, under the words that say what is wrong.
fn warning(ui: &mut Ui, words: &str, colour: Color32) {
    let face = font(Weight::Medium, 12.5);
    let width = ui.available_width() - measure::LABEL - SIGN;
    let height = text::paragraph_height(ui, width, words, face.clone());
    let line = card::line(ui, height);
    let at = pos2(line.left() + measure::LABEL, line.top());
    let sign = Rect::from_min_size(at + vec2(0.0, 2.0), vec2(12.0, 12.0));
    Icon::Warning.paint(ui.painter(), sign, colour);
    text::paragraph(ui, at + vec2(SIGN, 0.0), width, words, face, colour);
}

const WIDTH: f32 = 376.0;
/// Width of the sign before a warning.
const SIGN: f32 = 20.0;
