//! Words in a rectangle, figures with a caption, pills.

use eframe::egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Response, Role, Sense,
    Stroke, StrokeKind, Ui, WidgetInfo, pos2, text::LayoutJob, text::TextWrapping, vec2,
};
use std::sync::Arc;

use crate::ui::theme::{Weight, font, tokens};

use super::icon::Icon;

/// Lays out `text` in one line of at most `width`, ending in `…` when it does not fit.
#[must_use]
pub fn elided(
    painter: &Painter,
    text: &str,
    font: FontId,
    colour: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    painter.layout_job(job)
}

/// Paints `text` in one line inside `rect`, elided when it does not fit. Not told to screen readers: for
/// the faces of controls, which tell their names themselves.
pub fn paint(
    painter: &Painter,
    rect: Rect,
    align: Align2,
    text: &str,
    font: FontId,
    colour: Color32,
) -> Rect {
    let galley = elided(painter, text, font, colour, rect.width());
    let place = align.align_size_within_rect(galley.size(), rect);
    painter.galley(place.min, galley, colour);
    place
}

/// Writes `text` in one line inside `rect`; a screen reader reads it, and the pointer shows all of it when
/// it had to be elided.
pub fn write(
    ui: &mut Ui,
    rect: Rect,
    align: Align2,
    text: &str,
    font: FontId,
    colour: Color32,
) -> Response {
    let galley = elided(ui.painter(), text, font, colour, rect.width());
    let is_elided = galley.elided;
    let place = align.align_size_within_rect(galley.size(), rect);
    ui.painter().galley(place.min, galley, colour);
    let response = notice(ui, place);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    if is_elided {
        response.on_hover_text(text)
    } else {
        response
    }
}

/// Writes `text` over several lines, no wider than `width`, from `at` on; returns what it covers.
pub fn paragraph(
    ui: &mut Ui,
    at: Pos2,
    width: f32,
    text: &str,
    font: FontId,
    colour: Color32,
) -> Rect {
    let galley = ui
        .painter()
        .layout(text.to_owned(), font, colour, width.max(1.0));
    let place = Rect::from_min_size(at, galley.size());
    ui.painter().galley(at, galley, colour);
    notice(ui, place).widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    place
}

/// How high [`paragraph`] will be.
#[must_use]
pub fn paragraph_height(ui: &Ui, width: f32, text: &str, font: FontId) -> f32 {
    ui.painter()
        .layout(text.to_owned(), font, Color32::WHITE, width.max(1.0))
        .size()
        .y
}

/// A figure under its caption; `rect` has a fixed width, so that nothing moves when the figure changes.
pub fn figure(ui: &mut Ui, rect: Rect, caption: &str, value: &str, colour: Color32) -> Response {
    let tokens = tokens(ui);
    let (top, bottom) = rect.split_top_bottom_at_fraction(0.45);
    paint(
        ui.painter(),
        top,
        Align2::LEFT_CENTER,
        caption,
        font(Weight::Medium, 11.5),
        tokens.faint,
    );
    paint(
        ui.painter(),
        bottom,
        Align2::LEFT_CENTER,
        value,
        font(Weight::Medium, 16.0),
        colour,
    );
    let response = notice(ui, rect);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, caption);
        info.current_text_value = Some(value.to_owned());
        info
    });
    response
}

/// A word with a sign in a rounded box, `width` wide whatever the word.
pub fn pill(
    ui: &mut Ui,
    rect: Rect,
    icon: Icon,
    word: &str,
    colour: Color32,
    fill: Color32,
    edge: Stroke,
) -> Response {
    let radius = CornerRadius::same(12);
    ui.painter()
        .rect(rect, radius, fill, edge, StrokeKind::Inside);
    let galley = elided(
        ui.painter(),
        word,
        font(Weight::SemiBold, 12.0),
        colour,
        rect.width(),
    );
    let sign = 12.0;
    let gap = 8.0;
    let start = rect.center().x - (sign + gap + galley.size().x) / 2.0;
    icon.paint(
        ui.painter(),
        Rect::from_center_size(pos2(start + sign / 2.0, rect.center().y), vec2(sign, sign)),
        colour,
    );
    ui.painter().galley(
        pos2(start + sign + gap, rect.center().y - galley.size().y / 2.0),
        galley,
        colour,
    );
    let response = notice(ui, rect);
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, word));
    response
}

/// Watches `rect`, which its caller has allocated or owns, without moving what comes next.
fn notice(ui: &mut Ui, rect: Rect) -> Response {
    let id = ui.next_auto_id();
    ui.skip_ahead_auto_ids(1);
    ui.interact(rect, id, Sense::hover())
}
