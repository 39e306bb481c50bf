//! A box in the middle, over everything else.

use eframe::egui::{Context, Frame, Id, Margin, Modal, Stroke, Ui};

use crate::ui::theme::{CARD_RADIUS, measure, tokens};

/// Shows the dialog `id`, `width` wide inside, of which `bar` at the right is for a scroll bar. Returns whether
/// Escape or a press beside it closes it.
pub fn dialog(
    ctx: &Context,
    id: &'static str,
    width: f32,
    bar: i8,
    contents: impl FnOnce(&mut Ui),
) -> bool {
    let response = Modal::new(Id::unique(id))
        .frame(Frame::new())
        .show(ctx, |ui| {
            let tokens = tokens(ui);
            Frame::new()
                .fill(tokens.panel)
                .stroke(Stroke::new(1.0, tokens.line))
                .corner_radius(CARD_RADIUS)
                .inner_margin(Margin {
                    right: MARGIN - bar,
                    ..Margin::same(MARGIN)
                })
                .show(ui, |ui| {
                    ui.set_width(width + f32::from(bar));
                    ui.spacing_mut().item_spacing.y = measure::S;
                    contents(ui);
                });
        });
    response.should_close()
}

const MARGIN: i8 = 24;
