//! On or off, with a word beside it.

use eframe::egui::{
    Align2, CornerRadius, CursorIcon, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, lerp, pos2, vec2,
};

use crate::ui::theme::{Weight, font, tokens};

use super::{button::focus_ring, text};

/// A switch called `name` at the left of `rect`, with `words` beside it; pressing either turns it.
pub fn switch(ui: &mut Ui, rect: Rect, name: &str, words: &str, on: bool) -> Response {
    let id = ui.scope_id().with(("switch", name));
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::selected(Role::Switch, ui.is_enabled(), on, name));

    let tokens = tokens(ui);
    let track = Rect::from_min_size(
        pos2(rect.left(), rect.center().y - SIZE.1 / 2.0),
        vec2(SIZE.0, SIZE.1),
    );
    let radius = CornerRadius::same(10);
    let (fill, edge) = if on {
        (tokens.accent, Stroke::NONE)
    } else {
        (tokens.raised, Stroke::new(1.0, tokens.faint))
    };
    ui.painter()
        .rect(track, radius, fill, edge, StrokeKind::Inside);
    let way = ui.ctx().animate_bool(id, on);
    let inset = SIZE.1 / 2.0;
    let knob = pos2(
        lerp(track.left() + inset..=track.right() - inset, way),
        track.center().y,
    );
    let colour = if on { tokens.on_fill } else { tokens.dim };
    ui.painter()
        .circle_filled(knob, lerp(6.0..=8.0, way), colour);
    let beside = Rect::from_min_max(pos2(track.right() + 10.0, rect.top()), rect.max);
    let ink = if ui.is_enabled() {
        tokens.text
    } else {
        tokens.faint
    };
    text::paint(
        ui.painter(),
        beside,
        Align2::LEFT_CENTER,
        words,
        font(Weight::Regular, 12.5),
        ink,
    );
    focus_ring(ui, &response, track, radius);
    response
}

const SIZE: (f32, f32) = (34.0, 20.0);
