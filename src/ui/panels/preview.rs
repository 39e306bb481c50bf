//! The picture: the hero of the window, with a red edge only while live.

use eframe::egui::{
    Align2, Color32, CornerRadius, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use crate::{
    settings::model::VideoSource,
    ui::{
        desk::Desk,
        picture::Picture,
        state::SourceState,
        theme::{CARD_RADIUS, Weight, font, measure, tokens},
        widgets::{icon::Icon, text},
        words,
    },
};

/// Shows the newest picture, whole, on a dark stage.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk, picture: &Picture) {
    let tokens = tokens(ui);
    let response = ui.interact(rect, ui.scope_id().with("preview"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Preview"));
    let wanted = !matches!(desk.settings.video, VideoSource::None);
    if let Some(size) = picture.size().filter(|_| wanted) {
        paint_picture(ui, rect, picture, size);
    } else {
        ui.painter().rect_filled(rect, CARD_RADIUS, tokens.stage);
        paint_words(ui, rect, desk);
    }
    let edge = if desk.view.is_live() {
        Stroke::new(2.0, tokens.live)
    } else {
        Stroke::new(1.0, tokens.line)
    };
    ui.painter()
        .rect_stroke(rect, CARD_RADIUS, edge, StrokeKind::Inside);

    let bottom = rect.bottom() - measure::M;
    match (&desk.view.video, wanted) {
        (SourceState::Ready(description), true) => {
            caption(
                ui,
                pos2(rect.left() + measure::M, bottom),
                rect.width() * 0.7,
                None,
                description,
                tokens.on_stage,
            );
        }
        (SourceState::Lost(_), true) if picture.size().is_some() => {
            let words = "No picture from the camera";
            caption(
                ui,
                pos2(rect.left() + measure::M, bottom),
                rect.width() * 0.7,
                Some(Icon::Warning),
                words,
                LOST,
            );
        }
        _ => {}
    }
    if desk.settings.muted {
        let width = 96.0;
        let at = pos2(rect.right() - measure::M - width, bottom);
        caption(ui, at, width, Some(Icon::Muted), "Muted", LOST);
    }
}

/// The picture, as large as fits, with the stage's round corners where it touches them.
fn paint_picture(ui: &Ui, rect: Rect, picture: &Picture, size: Vec2) {
    let scale = (rect.width() / size.x).min(rect.height() / size.y);
    let mut place = Rect::from_center_size(rect.center(), size * scale);
    // A sliver of stage beside a picture that fits but for a rounded pixel is only noise.
    if (place.width() - rect.width()).abs() < 3.0 && (place.height() - rect.height()).abs() < 3.0 {
        place = rect;
    }
    let fills = place.width() >= rect.width() - 1.0 && place.height() >= rect.height() - 1.0;
    let radius = if fills {
        CARD_RADIUS
    } else {
        ui.painter()
            .rect_filled(rect, CARD_RADIUS, tokens(ui).stage);
        CornerRadius::ZERO
    };
    ui.painter().add(picture.shape(place, radius));
}

/// Why there is no picture, in words.
fn paint_words(ui: &mut Ui, rect: Rect, desk: &Desk) {
    let tokens = tokens(ui);
    let (title, words) = match (&desk.settings.video, &desk.view.video) {
        (VideoSource::None, _) => (
            "No picture",
            "Only sound is sent. Choose a camera to send a picture.".to_owned(),
        ),
        (_, SourceState::Lost(reason)) => ("No picture from the camera", words::sentence(reason)),
        (_, SourceState::Waiting | SourceState::Ready(_)) => {
            ("Waiting for the picture", String::new())
        }
    };
    let sign = Rect::from_center_size(rect.center() - vec2(0.0, 36.0), vec2(32.0, 32.0));
    Icon::Camera.paint(ui.painter(), sign, tokens.on_stage_dim);
    let line = Rect::from_center_size(rect.center(), vec2(rect.width() - 64.0, 24.0));
    text::write(
        ui,
        line,
        Align2::CENTER_CENTER,
        title,
        font(Weight::SemiBold, 15.0),
        tokens.on_stage,
    );
    let face = font(Weight::Regular, 13.0);
    let widest = (rect.width() - 64.0).min(460.0);
    let galley = ui
        .painter()
        .layout(words.clone(), face.clone(), tokens.on_stage_dim, widest);
    let width = galley.size().x + 1.0;
    let at = pos2(rect.center().x - width / 2.0, rect.center().y + 18.0);
    text::paragraph(ui, at, width, &words, face, tokens.on_stage_dim);
}

/// Words over the picture, their box's lower left corner `at`.
fn caption(
    ui: &mut Ui,
    at: eframe::egui::Pos2,
    widest: f32,
    icon: Option<Icon>,
    words: &str,
    ink: Color32,
) {
    let tokens = tokens(ui);
    let sign = if icon.is_some() { 20.0 } else { 0.0 };
    let face = font(Weight::Medium, 12.0);
    let galley = text::elided(ui.painter(), words, face.clone(), ink, widest - 24.0 - sign);
    let size = vec2(galley.size().x + 24.0 + sign, 28.0);
    let place = Rect::from_min_size(pos2(at.x, at.y - size.y), size);
    ui.painter()
        .rect_filled(place, CornerRadius::same(8), tokens.caption);
    let inner = place.shrink2(vec2(12.0, 0.0));
    if let Some(icon) = icon {
        let centre = pos2(inner.left() + 6.0, inner.center().y);
        icon.paint(
            ui.painter(),
            Rect::from_center_size(centre, vec2(12.0, 12.0)),
            ink,
        );
    }
    let line = Rect::from_min_max(
        pos2(inner.left() + sign, inner.top()),
        pos2(inner.right() + 1.0, inner.bottom()),
    );
    text::write(ui, line, Align2::LEFT_CENTER, words, face, ink);
}

/// The colour of trouble over a picture: the dark theme's warning, in both themes.
const LOST: Color32 = crate::ui::theme::DARK.warning;
