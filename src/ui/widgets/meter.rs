//! Sound levels of two channels: peak as a bar, RMS inside it, a mark where the peak was, a clip light.

use eframe::egui::{
    Align2, Color32, CornerRadius, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, remap_clamp, vec2,
};

use crate::{
    ui::{
        state::Meter,
        theme::{Tokens, Weight, font, tokens},
    },
    units::{Decibels, MediaTime},
};

use super::text;

/// Height of bars and scale together.
pub const HEIGHT: f32 = 36.0;

/// Paints the meter in `rect`, [`HEIGHT`] high.
pub fn meter(ui: &mut Ui, rect: Rect, levels: &Meter, now: MediaTime) {
    let tokens = tokens(ui);
    let clipped = levels.is_clipped(now);
    let mut bars = rect;
    bars.max.x -= CLIP_WIDTH + 8.0;
    for channel in 0..2 {
        let top = rect.top() + [0.0, BAR + GAP][channel];
        let bar = Rect::from_min_size(pos2(bars.left(), top), vec2(bars.width(), BAR));
        paint_bar(ui.painter(), bar, levels, channel, tokens);
    }
    paint_scale(ui.painter(), bars, tokens);

    let light = Rect::from_min_size(
        pos2(rect.right() - CLIP_WIDTH, rect.top()),
        vec2(CLIP_WIDTH, 2.0 * BAR + GAP),
    );
    let (fill, ink) = if clipped {
        (tokens.live_fill, tokens.on_fill)
    } else {
        (tokens.raised, tokens.faint)
    };
    ui.painter().rect(
        light,
        CornerRadius::same(4),
        fill,
        Stroke::new(1.0, if clipped { fill } else { tokens.line }),
        StrokeKind::Inside,
    );
    text::paint(
        ui.painter(),
        light,
        Align2::CENTER_CENTER,
        "Clip",
        font(Weight::SemiBold, 10.5),
        ink,
    );

    let response = ui.interact(rect, ui.scope_id().with("meter"), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, "Sound level");
        let loudest = Decibels(levels.hold[0].0.max(levels.hold[1].0));
        let clip = if clipped { ", clipping" } else { "" };
        info.current_text_value = Some(format!("{loudest}{clip}"));
        info
    });
    let _ = response.on_hover_text(
        "How loud the sound is: the average in full colour, the peak behind it. Speech is best with peaks \
         between −12 and −6 dB; \"Clip\" lights up when it is too loud and distorts.",
    );
}

fn paint_bar(painter: &Painter, bar: Rect, levels: &Meter, channel: usize, tokens: &Tokens) {
    let radius = CornerRadius::same(3);
    painter.rect_filled(bar, radius, tokens.line);
    let x = |level: Decibels| bar.left() + fraction(level) * bar.width();
    for (level, strength) in [(levels.peak[channel], 0.45), (levels.rms[channel], 1.0)] {
        let end = x(level);
        // The colours of the zones, each painted over its own stretch.
        for (from, to, colour) in zones(tokens) {
            let (left, right) = (x(Decibels(from)), x(Decibels(to)).min(end));
            if right > left {
                let stretch = Rect::from_min_max(pos2(left, bar.top()), pos2(right, bar.bottom()));
                let mut corners = CornerRadius::ZERO;
                if from <= Decibels::SILENCE.0 {
                    (corners.nw, corners.sw) = (3, 3);
                }
                if right >= end {
                    (corners.ne, corners.se) = (3, 3);
                }
                painter.rect_filled(stretch, corners, colour.gamma_multiply(strength));
            }
        }
    }
    let hold = levels.hold[channel];
    if hold > Decibels::SILENCE {
        let mark = Rect::from_center_size(pos2(x(hold), bar.center().y), vec2(2.0, BAR));
        painter.rect_filled(mark, CornerRadius::same(1), tokens.text);
    }
}

fn paint_scale(painter: &Painter, bars: Rect, tokens: &Tokens) {
    let top = bars.top() + 2.0 * BAR + GAP + 5.0;
    for level in [-60.0, -40.0, -20.0, -12.0, -6.0, 0.0] {
        let x = bars.left() + fraction(Decibels(level)) * bars.width();
        let (align, words) = match level {
            -60.0 => (Align2::LEFT_TOP, "−60 dB".to_owned()),
            0.0 => (Align2::RIGHT_TOP, "0".to_owned()),
            _ => (Align2::CENTER_TOP, format!("−{}", -level)),
        };
        painter.text(
            pos2(x, top),
            align,
            words,
            font(Weight::Regular, 10.5),
            tokens.faint,
        );
    }
}

fn zones(tokens: &Tokens) -> [(f32, f32, Color32); 3] {
    [
        (-60.0, -12.0, tokens.good),
        (-12.0, -3.0, tokens.warning),
        (-3.0, 0.0, tokens.live),
    ]
}

fn fraction(level: Decibels) -> f32 {
    remap_clamp(level.0, Decibels::SILENCE.0..=0.0, 0.0..=1.0)
}

const BAR: f32 = 6.0;
const GAP: f32 = 3.0;
const CLIP_WIDTH: f32 = 36.0;
