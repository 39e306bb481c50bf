//! Signs, painted as shapes: the text face has none, and they scale with everything else.

use std::f32::consts::{PI, TAU};

use eframe::egui::{
    Color32, CornerRadius, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2,
};

/// A sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Icon {
    /// A filled dot: live.
    Dot,
    /// A ring: offline.
    Ring,
    /// Part of a ring, turned by a fraction of a full turn: on the way.
    Arc(f32),
    /// A square: stopping.
    Square,
    /// An arrow in a circle: again.
    Refresh,
    /// Opens a list.
    Chevron,
    /// Opens what is folded away.
    ChevronRight,
    /// Chosen.
    Check,
    /// A triangle with an exclamation mark.
    Warning,
    /// A cross.
    Close,
    /// A folder.
    Folder,
    /// A microphone with a bar across it.
    Muted,
    /// A camera's body and lens.
    Camera,
    /// An arrow up to a line: the way out.
    Uplink,
    /// Two boxes: a server.
    Server,
    /// A square with legs: the encoder.
    Chip,
    /// A disc with a hole.
    Disk,
    /// Head and shoulders.
    Person,
}

impl Icon {
    /// Paints the sign inside `rect`.
    pub fn paint(self, painter: &Painter, rect: Rect, colour: Color32) {
        let unit = rect.width().min(rect.height()) / 12.0;
        let centre = rect.center();
        let stroke = Stroke::new(1.5 * unit.max(0.8), colour);
        let at = |x: f32, y: f32| pos2(centre.x + x * unit, centre.y + y * unit);
        let line = |points: Vec<Pos2>| painter.add(Shape::line(points, stroke));
        match self {
            Self::Dot => {
                painter.circle_filled(centre, 4.0 * unit, colour);
            }
            Self::Ring => {
                painter.circle_stroke(centre, 3.5 * unit, stroke);
            }
            Self::Arc(turn) => {
                line(arc(centre, 4.0 * unit, turn * TAU, 1.5 * PI));
            }
            Self::Square => {
                let square = Rect::from_center_size(centre, vec2(7.0, 7.0) * unit);
                painter.rect_filled(square, CornerRadius::same(1), colour);
            }
            Self::Refresh => {
                // Three quarters of a circle, clockwise to its right end; the tip points on, down.
                line(arc(centre, 4.6 * unit, 0.25 * PI, 1.7 * PI));
                let end = at(4.5, -0.6);
                line(vec![
                    end + vec2(-2.6, -0.9) * unit,
                    end + vec2(0.2, 0.7) * unit,
                    end + vec2(1.7, -1.9) * unit,
                ]);
            }
            Self::Chevron => {
                line(vec![at(-4.0, -2.0), at(0.0, 2.0), at(4.0, -2.0)]);
            }
            Self::ChevronRight => {
                line(vec![at(-2.0, -4.0), at(2.0, 0.0), at(-2.0, 4.0)]);
            }
            Self::Check => {
                line(vec![at(-4.0, 0.0), at(-1.0, 3.0), at(4.5, -3.5)]);
            }
            Self::Warning => {
                let corners = vec![at(0.0, -5.0), at(5.5, 4.5), at(-5.5, 4.5)];
                painter.add(Shape::closed_line(corners, stroke));
                line(vec![at(0.0, -1.8), at(0.0, 1.4)]);
                painter.circle_filled(at(0.0, 3.0), 0.8 * unit, colour);
            }
            Self::Close => {
                line(vec![at(-3.5, -3.5), at(3.5, 3.5)]);
                line(vec![at(-3.5, 3.5), at(3.5, -3.5)]);
            }
            Self::Folder => {
                let corners = vec![
                    at(-5.5, 4.0),
                    at(-5.5, -4.0),
                    at(-1.5, -4.0),
                    at(0.0, -2.2),
                    at(5.5, -2.2),
                    at(5.5, 4.0),
                ];
                painter.add(Shape::closed_line(corners, stroke));
            }
            Self::Muted => {
                let body = Rect::from_center_size(at(0.0, -1.8), vec2(4.0, 7.0) * unit);
                painter.rect_stroke(body, rounded(2.0 * unit), stroke, StrokeKind::Middle);
                line(arc(at(0.0, -0.8), 4.2 * unit, 0.08 * PI, 0.84 * PI));
                line(vec![at(0.0, 3.4), at(0.0, 5.4)]);
                line(vec![at(-5.0, -5.0), at(5.0, 5.0)]);
            }
            Self::Camera => {
                let body = Rect::from_min_max(at(-5.8, -3.6), at(2.2, 3.6));
                painter.rect_stroke(body, rounded(1.4 * unit), stroke, StrokeKind::Middle);
                let lens = vec![at(2.2, -0.6), at(5.8, -3.0), at(5.8, 3.0), at(2.2, 0.6)];
                line(lens);
            }
            Self::Uplink | Self::Server | Self::Chip | Self::Disk | Self::Person => {
                self.paint_part(painter, centre, unit, stroke);
            }
        }
    }
}

impl Icon {
    /// The signs for the parts of the way from lens to viewer.
    fn paint_part(self, painter: &Painter, centre: Pos2, unit: f32, stroke: Stroke) {
        let colour = stroke.color;
        let at = |x: f32, y: f32| pos2(centre.x + x * unit, centre.y + y * unit);
        let line = |points: Vec<Pos2>| painter.add(Shape::line(points, stroke));
        match self {
            Self::Uplink => {
                line(vec![at(0.0, 5.0), at(0.0, -2.5)]);
                line(vec![at(-3.5, 1.0), at(0.0, -2.5), at(3.5, 1.0)]);
                line(vec![at(-4.5, -5.0), at(4.5, -5.0)]);
            }
            Self::Server => {
                for middle in [-2.8, 2.8] {
                    let unit_box = Rect::from_center_size(at(0.0, middle), vec2(10.0, 4.0) * unit);
                    painter.rect_stroke(unit_box, rounded(unit), stroke, StrokeKind::Middle);
                    painter.circle_filled(at(-2.8, middle), 0.8 * unit, colour);
                }
            }
            Self::Chip => {
                let body = Rect::from_center_size(centre, vec2(6.4, 6.4) * unit);
                painter.rect_stroke(body, rounded(unit), stroke, StrokeKind::Middle);
                for place in [-1.6, 1.6] {
                    for (inner, outer) in [(-3.2, -5.4), (3.2, 5.4)] {
                        line(vec![at(place, inner), at(place, outer)]);
                        line(vec![at(inner, place), at(outer, place)]);
                    }
                }
            }
            Self::Disk => {
                painter.circle_stroke(centre, 5.0 * unit, stroke);
                painter.circle_filled(centre, 1.4 * unit, colour);
            }
            Self::Person => {
                painter.circle_stroke(at(0.0, -2.6), 2.4 * unit, stroke);
                line(arc(at(0.0, 5.6), 4.6 * unit, 1.08 * PI, 0.84 * PI));
            }
            _ => {}
        }
    }
}

/// Points on a circle, from angle `start` on through `sweep`, clockwise as the screen is drawn.
fn arc(centre: Pos2, radius: f32, start: f32, sweep: f32) -> Vec<Pos2> {
    const STEPS: u8 = 24;
    (0..=STEPS)
        .map(|step| {
            let angle = start + sweep * f32::from(step) / f32::from(STEPS);
            centre + vec2(angle.cos(), angle.sin()) * radius
        })
        .collect()
}

fn rounded(radius: f32) -> CornerRadius {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "corners of signs are a few pixels"
    )]
    CornerRadius::same(radius.round().clamp(0.0, 255.0) as u8)
}
