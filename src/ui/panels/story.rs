//! What happened, in plain words, newest first.

use eframe::egui::{Align2, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::{
    engine::event::{Cause, Decision, Severity},
    ui::{
        command::{Commands, UiCommand},
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

/// Shows the card.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let tokens = tokens(ui);
    let inner = card::panel(ui, rect);
    let (title, body) = inner.split_top_bottom_at_y(inner.top() + 16.0);
    text::write(
        ui,
        title,
        Align2::LEFT_CENTER,
        "What happened",
        font(Weight::SemiBold, 12.0),
        tokens.dim,
    );
    if desk.report.is_some() {
        let command = UiCommand::OpenReport;
        let place = Rect::from_min_max(
            pos2(title.right() - 50.0, title.center().y - 11.0),
            pos2(title.right() + 6.0, title.center().y + 11.0),
        );
        if button::button(ui, place, command.label(), Look::Link, button::face())
            .on_hover_text(command.hint())
            .clicked()
        {
            commands.run(command);
        }
    }
    let mut list = Rect::from_min_max(
        pos2(body.left(), body.top() + 4.0),
        pos2(rect.right() - 4.0, rect.bottom() - 12.0),
    );
    if desk.view.story.iter().len() == 0 {
        list.max = body.max;
        text::write(
            ui,
            list,
            Align2::CENTER_CENTER,
            "Nothing yet",
            font(Weight::Regular, 12.0),
            tokens.faint,
        );
        return;
    }
    ui.scope_builder(UiBuilder::new().max_rect(list).id_salt("story"), |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        ScrollArea::vertical()
            .auto_shrink([false, false])
            .show_rows(ui, ROW, desk.view.story.iter().len(), |ui, range| {
                for entry in desk.view.story.iter().skip(range.start).take(range.len()) {
                    entry_line(ui, desk, entry);
                }
            });
    });
}

/// One entry: time, how a person should take it, what part of the way it concerns, words.
fn entry_line(ui: &mut Ui, desk: &Desk, entry: &Decision) {
    let tokens = tokens(ui);
    let mut line = card::line(ui, ROW);
    line.max.x -= measure::M;
    let face = font(Weight::Regular, 12.0);
    let colour = match entry.severity {
        Severity::Good => tokens.good,
        Severity::Info => tokens.dim,
        Severity::Warning => tokens.warning,
        Severity::Error => tokens.live,
    };
    let time = desk.wall.time_of_day(entry.at);
    let time = text::paint(
        ui.painter(),
        line,
        Align2::LEFT_CENTER,
        &time,
        face.clone(),
        tokens.faint,
    );
    let dot = Rect::from_center_size(pos2(time.right() + 14.0, line.center().y), vec2(12.0, 12.0));
    match entry.severity {
        Severity::Warning | Severity::Error => {
            Icon::Warning.paint(ui.painter(), dot, colour);
        }
        Severity::Good | Severity::Info => {
            ui.painter().circle_filled(dot.center(), 3.0, colour);
        }
    }
    let part = words::cause(entry.cause);
    let sign = Rect::from_center_size(pos2(dot.right() + 14.0, line.center().y), vec2(11.0, 11.0));
    icon(entry.cause).paint(ui.painter(), sign, tokens.dim);
    let left = sign.right() + 8.0;
    let words = match &entry.destination {
        Some(name) if desk.view.is_several() && !entry.text.contains(name.as_str()) => {
            format!("{name}: {}", entry.text)
        }
        _ => entry.text.clone(),
    };
    let place = Rect::from_min_max(pos2(left, line.top()), line.max);
    let ink = tokens.text;
    text::paint(ui.painter(), place, Align2::LEFT_CENTER, &words, face, ink);
    let id = ui.next_auto_id();
    ui.skip_ahead_auto_ids(1);
    let response = ui.interact(line, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{part}: {words}")));
    let _ = response.on_hover_text(words::decision(entry));
}

/// The sign of the part of the way that an entry concerns.
fn icon(cause: Cause) -> Icon {
    match cause {
        Cause::Source => Icon::Camera,
        Cause::Encoder => Icon::Chip,
        Cause::Uplink => Icon::Uplink,
        Cause::Server => Icon::Server,
        Cause::Disk => Icon::Disk,
        Cause::User => Icon::Person,
    }
}

/// Height of a line.
const ROW: f32 = 20.0;
