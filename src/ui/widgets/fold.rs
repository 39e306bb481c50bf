//! A line that folds what follows it away.

use eframe::egui::{
    Align2, CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, accesskit::Action, pos2, vec2,
};

use crate::ui::theme::{RADIUS, Weight, font, tokens};

use super::{button::focus_ring, icon::Icon, text};

/// A line called `name` in `rect`; pressing it asks to open or to close what is below. `summary` stands at its
/// right end.
pub fn fold(ui: &mut Ui, rect: Rect, name: &str, summary: &str, open: bool) -> Response {
    let id = ui.scope_id().with(("fold", name));
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Button, ui.is_enabled(), name);
        info.current_text_value = (!summary.is_empty()).then(|| summary.to_owned());
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_expanded(open);
        node.add_action(if open {
            Action::Collapse
        } else {
            Action::Expand
        });
    });

    let tokens = tokens(ui);
    let lit = response.hovered() || response.has_focus();
    let ink = if lit { tokens.text } else { tokens.dim };
    let sign = Rect::from_center_size(pos2(rect.left() + 6.0, rect.center().y), vec2(10.0, 10.0));
    let chevron = if open {
        Icon::Chevron
    } else {
        Icon::ChevronRight
    };
    chevron.paint(ui.painter(), sign, ink);
    let words = Rect::from_min_max(pos2(sign.right() + 8.0, rect.top()), rect.max);
    let written = text::paint(
        ui.painter(),
        words,
        Align2::LEFT_CENTER,
        name,
        font(Weight::Medium, 12.0),
        ink,
    );
    let rest = Rect::from_min_max(pos2(written.right() + 12.0, rect.top()), rect.max);
    text::paint(
        ui.painter(),
        rest,
        Align2::RIGHT_CENTER,
        summary,
        font(Weight::Regular, 12.0),
        tokens.faint,
    );
    focus_ring(ui, &response, rect, RADIUS);
    response
}
