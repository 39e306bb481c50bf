//! Solid, outlined and plain buttons, icons as buttons.

use eframe::egui::{
    Align2, Color32, CornerRadius, CursorIcon, FontId, Rect, Response, Role, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo,
};

use crate::ui::theme::{CARD_RADIUS, RADIUS, Weight, font, tokens};

use super::{icon::Icon, text};

/// How much weight a button has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The big red one: white on red.
    Danger,
    /// Red edge and text.
    DangerOutlined,
    /// The safe answer: accent edge and text.
    Outlined,
    /// An edge and text in the ordinary colour.
    Plain,
    /// Text in the accent colour, no edge.
    Link,
    /// Text in the colour of explanations, no edge.
    Quiet,
    /// Text in the warning colour, no edge.
    WarningLink,
}

/// A button with `word` on it, in `rect`.
pub fn button(ui: &mut Ui, rect: Rect, word: &str, look: Look, face: FontId) -> Response {
    named(ui, rect, word, word, look, face)
}

/// A button with `word` on it that a screen reader calls `name`.
pub fn named(
    ui: &mut Ui,
    rect: Rect,
    name: &str,
    word: &str,
    look: Look,
    face: FontId,
) -> Response {
    let response = press(ui, rect, name);
    let tokens = tokens(ui);
    let lit = response.hovered() || response.has_focus();
    let wash = |colour: Color32| {
        if lit {
            colour.gamma_multiply(0.14)
        } else {
            Color32::TRANSPARENT
        }
    };
    let (fill, edge, ink) = match look {
        Look::Danger => (
            if lit {
                tokens.live_fill.gamma_multiply(0.92)
            } else {
                tokens.live_fill
            },
            Stroke::NONE,
            tokens.on_fill,
        ),
        Look::DangerOutlined => (
            wash(tokens.live),
            Stroke::new(2.0, tokens.live),
            tokens.live,
        ),
        Look::Outlined => (
            wash(tokens.accent),
            Stroke::new(1.5, tokens.accent),
            tokens.accent,
        ),
        Look::Plain => (
            if lit { tokens.hovered } else { tokens.raised },
            Stroke::new(1.0, tokens.line),
            tokens.text,
        ),
        Look::Link => (wash(tokens.accent), Stroke::NONE, tokens.accent),
        Look::Quiet => (wash(tokens.dim), Stroke::NONE, tokens.dim),
        Look::WarningLink => (wash(tokens.warning), Stroke::NONE, tokens.warning),
    };
    let radius = if rect.height() > 40.0 {
        CARD_RADIUS
    } else {
        RADIUS
    };
    ui.painter()
        .rect(rect, radius, fill, edge, StrokeKind::Inside);
    text::paint(
        ui.painter(),
        rect.shrink2([6.0, 0.0].into()),
        Align2::CENTER_CENTER,
        word,
        face,
        ink,
    );
    focus_ring(ui, &response, rect, radius);
    response
}

/// A sign as a button, called `name`.
pub fn icon(ui: &mut Ui, rect: Rect, name: &str, icon: Icon) -> Response {
    let response = press(ui, rect, name);
    let tokens = tokens(ui);
    let lit = response.hovered() || response.has_focus();
    if lit {
        ui.painter().rect_filled(rect, RADIUS, tokens.hovered);
    }
    let colour = if lit { tokens.text } else { tokens.dim };
    icon.paint(
        ui.painter(),
        Rect::from_center_size(rect.center(), [14.0, 14.0].into()),
        colour,
    );
    focus_ring(ui, &response, rect, RADIUS);
    response
}

/// Shows where the keyboard is.
pub fn focus_ring(ui: &Ui, response: &Response, rect: Rect, radius: CornerRadius) {
    if response.has_focus() {
        let edge = Stroke::new(2.0, tokens(ui).accent);
        ui.painter()
            .rect_stroke(rect.expand(2.0), radius, edge, StrokeKind::Outside);
    }
}

/// The type on ordinary buttons.
#[must_use]
pub fn face() -> FontId {
    font(Weight::SemiBold, 12.0)
}

fn press(ui: &mut Ui, rect: Rect, name: &str) -> Response {
    let id = ui.scope_id().with(("button", name));
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    response.on_hover_cursor(CursorIcon::PointingHand)
}
