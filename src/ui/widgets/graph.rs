//! Bitrates over time: what was sent as a filled line, the target dashed, the most that is allowed as a thin line,
//! decisions as marks. Everything explains itself under the pointer.

use eframe::egui::{
    Color32, Mesh, Pos2, Rangef, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2,
};

use crate::{
    engine::event::{Cause, Decision, Severity},
    ui::{
        desk::WallClock,
        state::{History, Sample, Story},
        theme::tokens,
        words,
    },
    units::{Bitrate, MediaTime},
};

/// What the graph shows.
pub struct Graph<'a> {
    /// Bitrates, oldest first.
    pub history: &'a History,
    /// What happened, to be marked.
    pub marks: &'a Story,
    /// The right edge.
    pub now: MediaTime,
    /// What the times are on the clock on the wall.
    pub wall: WallClock,
}

impl Graph<'_> {
    /// Paints the graph in `rect`.
    pub fn show(self, ui: &mut Ui, rect: Rect, summary: &str) {
        let tokens = tokens(ui);
        let response = ui.interact(rect, ui.scope_id().with("graph"), Sense::hover());
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::GraphicsObject, true, "Bitrate graph");
            info.current_text_value = Some(summary.to_owned());
            info
        });
        let painter = ui.painter_at(rect.expand(1.0));
        painter.hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, tokens.line));
        let Some(first) = self.history.iter().next() else {
            return;
        };
        let scale = Scale::new(rect, self.history, first.at, self.now);

        let sent: Vec<Pos2> = self
            .history
            .iter()
            .map(|sample| scale.at(sample, sample.sent))
            .collect();
        let target: Vec<Pos2> = self
            .history
            .iter()
            .map(|sample| scale.at(sample, sample.target))
            .collect();
        let ceiling: Vec<Pos2> = self
            .history
            .iter()
            .map(|sample| scale.at(sample, sample.ceiling))
            .collect();
        painter.add(Shape::line(ceiling, Stroke::new(1.0, tokens.line)));
        painter.add(Shape::mesh(fill(
            &sent,
            rect.bottom(),
            tokens.accent.gamma_multiply(0.16),
        )));
        painter.add(Shape::line(sent, Stroke::new(1.75, tokens.accent)));
        painter.extend(Shape::dashed_line(
            &target,
            Stroke::new(1.25, tokens.dim),
            4.0,
            4.0,
        ));

        let mut nearest: Option<(f32, &Decision)> = None;
        for decision in self.marks.iter() {
            let x = scale.x(decision.at);
            if decision.at < first.at || !rect.x_range().contains(x) {
                continue;
            }
            let colour = match decision.severity {
                Severity::Warning => tokens.warning,
                Severity::Error => tokens.live,
                Severity::Good => tokens.good,
                // Of what is only for information, a change of the bitrate is worth a mark.
                Severity::Info if decision.cause == Cause::Uplink => tokens.faint,
                Severity::Info => continue,
            };
            let mark = [pos2(x, rect.top()), pos2(x, rect.bottom())];
            painter.extend(Shape::dashed_line(
                &mark,
                Stroke::new(1.0, colour),
                2.0,
                3.0,
            ));
            if let Some(pointer) = response.hover_pos() {
                let distance = (pointer.x - x).abs();
                if distance < 6.0 && nearest.is_none_or(|(least, _)| distance < least) {
                    nearest = Some((distance, decision));
                }
            }
        }
        let explained = match nearest {
            Some((_, decision)) => Some(words::decision(decision)),
            None => response.hover_pos().and_then(|pointer| {
                let distance = |sample: &Sample| (scale.x(sample.at) - pointer.x).abs();
                let samples = self.history.iter();
                let sample = samples.min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
                Some(self.told(sample))
            }),
        };
        if let Some(words) = explained {
            let _ = response.on_hover_text_at_pointer(words);
        }
    }
}

impl Graph<'_> {
    /// One moment's bitrates in words.
    fn told(&self, sample: &Sample) -> String {
        format!(
            "{}\nsent {}\ntarget {}\nat most {}",
            self.wall.time_of_day(sample.at),
            sample.sent,
            sample.target,
            sample.ceiling
        )
    }
}

/// From time and bitrate to points.
struct Scale {
    rect: Rect,
    now: MediaTime,
    span_secs: f32,
    top: f32,
}

impl Scale {
    fn new(rect: Rect, history: &History, start: MediaTime, now: MediaTime) -> Self {
        let elapsed = now.since(start).as_secs_f32();
        let highest = history
            .iter()
            .map(|sample| sample.target.max(sample.sent).max(sample.ceiling).bps())
            .max()
            .unwrap_or(0);
        Self {
            rect,
            now,
            span_secs: elapsed.clamp(SHORTEST_SECS, f32::from(History::SPAN_SECS)),
            top: (highest as f32 * 1.2).max(1.0),
        }
    }

    fn x(&self, at: MediaTime) -> f32 {
        let ago = self.now.since(at).as_secs_f32();
        self.rect.right() - ago / self.span_secs * self.rect.width()
    }

    fn at(&self, sample: &Sample, rate: Bitrate) -> Pos2 {
        let height = rate.bps() as f32 / self.top * self.rect.height();
        pos2(self.x(sample.at), self.rect.bottom() - height)
    }
}

/// The area between a line and the ground.
fn fill(line: &[Pos2], ground: f32, colour: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    let span = Rangef::new(f32::MIN, ground);
    for (index, point) in (0u32..).zip(line) {
        mesh.colored_vertex(pos2(point.x, span.clamp(point.y)), colour);
        mesh.colored_vertex(pos2(point.x, ground), colour);
        if index > 0 {
            let corner = index * 2;
            mesh.add_triangle(corner - 2, corner - 1, corner);
            mesh.add_triangle(corner - 1, corner, corner + 1);
        }
    }
    mesh
}

/// A young stream's graph grows from the right until it spans this much.
const SHORTEST_SECS: f32 = 60.0;
