//! A titled card and its rows: labels left, values right.

use eframe::egui::{Align2, Frame, Margin, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::ui::theme::{CARD_RADIUS, Weight, font, measure, tokens};

use super::text;

/// A card as wide as there is room. `contents` gets the rectangle of the title line's right end first.
pub fn card(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui, Rect)) {
    let tokens = tokens(ui);
    Frame::new()
        .fill(tokens.panel)
        .stroke(Stroke::new(1.0, tokens.line))
        .corner_radius(CARD_RADIUS)
        .inner_margin(Margin::symmetric(15, 15))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = measure::S;
            let line = line(ui, 20.0);
            let name = text::write(
                ui,
                line,
                Align2::LEFT_CENTER,
                title,
                font(Weight::SemiBold, 13.0),
                tokens.text,
            );
            let rest =
                Rect::from_min_max(pos2(name.rect.right() + measure::M, line.top()), line.max);
            contents(ui, rest);
        });
}

/// A card that fills `rect`; returns the rectangle inside its margins.
pub fn panel(ui: &Ui, rect: Rect) -> Rect {
    let tokens = tokens(ui);
    ui.painter().rect(
        rect,
        CARD_RADIUS,
        tokens.panel,
        Stroke::new(1.0, tokens.line),
        eframe::egui::StrokeKind::Inside,
    );
    rect.shrink2(vec2(measure::L, measure::M))
}

/// The next line of the card, `height` high.
pub fn line(ui: &mut Ui, height: f32) -> Rect {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), height));
    rect
}

/// The next row of the card: paints its label, returns the place for its control. The control tells the
/// label to screen readers as its own name.
pub fn row(ui: &mut Ui, label: &str) -> Rect {
    let line = line(ui, measure::CONTROL);
    text::paint(
        ui.painter(),
        line,
        Align2::LEFT_CENTER,
        label,
        font(Weight::Regular, 12.0),
        tokens(ui).dim,
    );
    Rect::from_min_max(pos2(line.left() + measure::LABEL, line.top()), line.max)
}

/// A remark over the card's whole width.
pub fn remark(ui: &mut Ui, words: &str, colour: eframe::egui::Color32) {
    let face = font(Weight::Regular, 12.0);
    let galley = ui
        .painter()
        .layout(words.to_owned(), face, colour, ui.available_width());
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
    ui.painter().galley(rect.min, galley, colour);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
}
