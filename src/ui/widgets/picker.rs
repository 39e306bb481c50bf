//! One of several, chosen from a list that opens below.

use eframe::egui::{
    Align2, CursorIcon, Popup, PopupCloseBehavior, Rect, Response, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use crate::ui::theme::{RADIUS, Weight, font, measure, tokens};

use super::{button::focus_ring, icon::Icon, text};

/// A picker called `name` in `rect` that shows `shown`; returns the option that was chosen from `options`, which are
/// asked for only while it is open.
pub fn picker<T: PartialEq>(
    ui: &mut Ui,
    rect: Rect,
    name: &str,
    shown: &str,
    chosen: &T,
    options: impl IntoIterator<Item = (T, String)>,
) -> (Response, Option<T>) {
    let id = ui.scope_id().with(("picker", name));
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    let popup = Popup::menu(&response);
    let open = popup.is_open();
    face(ui, rect, shown, open, &response);

    let mut picked = None;
    popup
        .width(rect.width())
        .gap(4.0)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.set_width(rect.width() - 12.0);
            ScrollArea::vertical()
                .max_height(MAX_HEIGHT)
                .show(ui, |ui| {
                    for (value, words) in options {
                        let is_chosen = value == *chosen;
                        let row = option(ui, &words, is_chosen);
                        if is_chosen && !open {
                            row.request_focus();
                        }
                        if row.clicked() {
                            picked = Some(value);
                        }
                    }
                });
        });
    (response, picked)
}

fn face(ui: &Ui, rect: Rect, shown: &str, open: bool, response: &Response) {
    let tokens = tokens(ui);
    let lit = ui.is_enabled() && (response.hovered() || open);
    let fill = if lit { tokens.hovered } else { tokens.raised };
    let edge = Stroke::new(1.0, if open { tokens.accent } else { tokens.line });
    ui.painter()
        .rect(rect, RADIUS, fill, edge, StrokeKind::Inside);
    let mut words = rect.shrink2(vec2(measure::M, 0.0));
    words.max.x -= 20.0;
    let ink = tokens.text;
    text::paint(
        ui.painter(),
        words,
        Align2::LEFT_CENTER,
        shown,
        font(Weight::Regular, 13.0),
        ink,
    );
    if ui.is_enabled() {
        let sign =
            Rect::from_center_size(pos2(rect.right() - 17.0, rect.center().y), vec2(12.0, 12.0));
        Icon::Chevron.paint(ui.painter(), sign, tokens.dim);
    }
    focus_ring(ui, response, rect, RADIUS);
}

fn option(ui: &mut Ui, words: &str, is_chosen: bool) -> Response {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), measure::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_chosen, words));
    let tokens = tokens(ui);
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, RADIUS, tokens.hovered);
    }
    let mut place = rect.shrink2(vec2(measure::S, 0.0));
    if is_chosen {
        let sign =
            Rect::from_center_size(pos2(place.right() - 8.0, rect.center().y), vec2(12.0, 12.0));
        Icon::Check.paint(ui.painter(), sign, tokens.accent);
    }
    place.max.x -= 20.0;
    text::paint(
        ui.painter(),
        place,
        Align2::LEFT_CENTER,
        words,
        font(Weight::Regular, 13.0),
        tokens.text,
    );
    response.on_hover_cursor(CursorIcon::PointingHand)
}

const MAX_HEIGHT: f32 = 280.0;
