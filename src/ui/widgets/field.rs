//! A line of text to edit.

use eframe::egui::{Align2, Frame, Margin, Rect, Response, Stroke, StrokeKind, TextEdit, Ui};

use crate::ui::theme::{RADIUS, Weight, font, measure, tokens};

/// What a field is like.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What a screen reader calls it.
    pub name: &'a str,
    /// What is shown while it is empty.
    pub hint: &'a str,
    /// Whether its text is shown as dots.
    pub masked: bool,
    /// Most characters it takes.
    pub limit: usize,
    /// Room at its right end for a button.
    pub reserved: f32,
}

impl Field<'_> {
    /// Shows the field in `rect`; `text` is edited in place.
    pub fn show(self, ui: &mut Ui, rect: Rect, text: &mut String) -> Response {
        let tokens = tokens(ui);
        ui.painter().rect_filled(rect, RADIUS, tokens.raised);
        let mut inner = rect.shrink2([measure::M, 0.0].into());
        inner.max.x -= self.reserved;
        let ink = tokens.text;
        let edit = TextEdit::singleline(text)
            .id(ui.scope_id().with(("field", self.name)))
            .hint_text(eframe::egui::RichText::new(self.hint).color(tokens.faint))
            .password(self.masked)
            .char_limit(self.limit)
            .font(font(Weight::Regular, 12.5))
            .text_color(ink)
            .frame(Frame::NONE)
            .margin(Margin::ZERO)
            .align(Align2::LEFT_CENTER)
            .desired_width(inner.width())
            .min_size(inner.size());
        let response = ui.put(inner, edit).accessible_name(self.name);
        let edge = if response.has_focus() {
            Stroke::new(1.5, tokens.accent)
        } else {
            Stroke::new(1.0, tokens.line)
        };
        ui.painter()
            .rect_stroke(rect, RADIUS, edge, StrokeKind::Inside);
        response
    }
}
