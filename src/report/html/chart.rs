//! The stream drawn over time: what was sent, what was wanted, what viewers had.

use std::fmt::Write;

use chrono::Timelike;

use super::{
    escape::Text,
    story::{clock, title},
};
use crate::{
    engine::event::Severity,
    report::{
        fault::Loss,
        finished::Report,
        incident::Incident,
        log::Entry,
        timeline::Slice,
        words::{cause_name, loss_name, loss_title},
    },
    units::grouped,
};

/// Draws `report`.
pub fn write(page: &mut String, report: &Report) {
    let drawing = Drawing::new(report);
    let _ = write!(
        page,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-labelledby=\"chart-title chart-desc\">\
         <title id=\"chart-title\">The stream over time</title><desc id=\"chart-desc\">{} Each incident is told \
         in words under What happened.</desc>",
        drawing.height(),
        Text(report.verdict()),
    );
    page.push_str(PATTERNS);
    drawing.scale(page);
    drawing.rates(page);
    drawing.figures(page);
    drawing.marks(page);
    drawing.lanes(page);
    page.push_str("</svg>");
}

/// What is drawn, with its measures in the drawing's own units.
struct Drawing<'a> {
    report: &'a Report,
    /// Milliseconds from left to right.
    length: f64,
    /// Bitrate at the top, in kb/s.
    top_kbps: u64,
    lanes: Vec<Lane<'a>>,
}

/// The row of one destination.
struct Lane<'a> {
    name: &'a str,
    live_at: Option<u64>,
    incidents: Vec<&'a Incident>,
}

impl<'a> Drawing<'a> {
    fn new(report: &'a Report) -> Self {
        let slices = report.timeline.slices().iter();
        let most = slices
            .map(|slice| slice.sent_kbps().max(slice.ceiling_kbps()))
            .max();
        let (recorded, seen): (Vec<_>, Vec<_>) = report
            .incidents
            .iter()
            .partition(|incident| incident.fault.loss == Loss::Recording);
        let mut lanes = if report.has_several() {
            let all = report.destinations.iter().map(|destination| Lane {
                name: &destination.name,
                live_at: destination.live_at,
                incidents: destination.incidents.iter().collect(),
            });
            all.collect()
        } else {
            vec![Lane {
                name: "What viewers had",
                live_at: report.live_at,
                incidents: seen,
            }]
        };
        if !recorded.is_empty() {
            lanes.push(Lane {
                name: "Recording",
                live_at: Some(0),
                incidents: recorded,
            });
        }
        for lane in &mut lanes {
            // The worst is drawn last, over the others.
            lane.incidents
                .sort_by_key(|it| std::cmp::Reverse(it.fault.loss));
        }
        Self {
            report,
            length: report.length.max(1) as f64,
            top_kbps: round_up(most.unwrap_or(0).max(100)),
            lanes,
        }
    }

    fn height(&self) -> f64 {
        LANES_TOP + self.lanes.len() as f64 * LANE_PITCH + AXIS_HEIGHT
    }

    fn x(&self, millis: u64) -> f64 {
        let share = millis as f64 / self.length;
        LEFT + share.min(1.0) * (RIGHT - LEFT)
    }

    fn y(&self, kbps: u64) -> f64 {
        let share = kbps as f64 / self.top_kbps as f64;
        PLOT_BOTTOM - share.min(1.0) * (PLOT_BOTTOM - PLOT_TOP)
    }

    /// Lines and labels of both axes.
    fn scale(&self, page: &mut String) {
        for kbps in [0, self.top_kbps / 2, self.top_kbps] {
            let y = self.y(kbps);
            let _ = write!(
                page,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"axis\" x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                grouped(kbps),
            );
        }
        let _ = write!(
            page,
            "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"end\">kb/s</text>",
            LEFT - 8.0,
            PLOT_TOP - 12.0
        );
        let bottom = self.height() - AXIS_HEIGHT;
        let step = tick_step(self.report.length);
        let midnight = self.report.began.num_seconds_from_midnight();
        let of_day =
            u64::from(midnight) * 1000 + u64::from(self.report.began.timestamp_subsec_millis());
        let first = (step - of_day % step) % step;
        let format = if step < 60_000 { "%H:%M:%S" } else { "%H:%M" };
        for number in 0.. {
            let at = first + number * step;
            let x = self.x(at);
            if at > self.report.length || x > RIGHT - 16.0 {
                break;
            }
            if x < LEFT + 12.0 {
                continue;
            }
            let _ = write!(
                page,
                "<path class=\"grid\" d=\"M{x:.1} {PLOT_TOP}V{bottom:.1}\"/><text class=\"axis\" x=\"{x:.1}\" \
                 y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                self.report.wall(at).format(format),
            );
        }
    }

    /// Sent as an area, target and ceiling as lines.
    fn rates(&self, page: &mut String) {
        let (step, slices) = self.report.timeline.coarse(MOST_POINTS);
        let middle = |index: usize| self.x(index as u64 * step + step / 2);
        let line = |value: fn(&Slice) -> u64| {
            let mut path = String::new();
            let mut pen = 'M';
            for (index, slice) in slices.iter().enumerate() {
                if slice.has_figures() {
                    let _ = write!(
                        path,
                        "{pen}{:.1} {:.1}",
                        middle(index),
                        self.y(value(slice))
                    );
                    pen = 'L';
                } else {
                    pen = 'M';
                }
            }
            path
        };
        let mut area = String::new();
        let with_figures = slices
            .iter()
            .enumerate()
            .filter(|(_, slice)| slice.has_figures());
        let mut last = None;
        for (index, slice) in with_figures {
            let x = middle(index);
            if last.is_none_or(|last| last + 1 != index) {
                let from = last.map_or(x, middle);
                let _ = match last {
                    Some(_) => write!(area, "L{from:.1} {PLOT_BOTTOM}ZM{x:.1} {PLOT_BOTTOM}"),
                    None => write!(area, "M{x:.1} {PLOT_BOTTOM}"),
                };
            }
            let _ = write!(area, "L{x:.1} {:.1}", self.y(slice.sent_kbps()));
            last = Some(index);
        }
        if let Some(last) = last {
            let _ = write!(area, "L{:.1} {PLOT_BOTTOM}Z", middle(last));
        }
        let sent = line(Slice::sent_kbps);
        let target = line(Slice::target_kbps);
        let ceiling = line(Slice::ceiling_kbps);
        let _ = write!(
            page,
            "<path class=\"area\" d=\"{area}\"/><path class=\"ceiling\" d=\"{ceiling}\"/>\
             <path class=\"sent\" d=\"{sent}\"/><path class=\"target\" d=\"{target}\"/>"
        );
    }

    /// Figures that show when the pointer rests on a moment.
    fn figures(&self, page: &mut String) {
        let (step, slices) = self.report.timeline.coarse(MOST_HOVERS);
        page.push_str("<g class=\"hover\">");
        for (index, slice) in slices.iter().enumerate() {
            if !slice.has_figures() {
                continue;
            }
            let begin = index as u64 * step;
            let (x, end) = (self.x(begin), self.x(begin + step));
            let _ = write!(
                page,
                "<rect x=\"{x:.1}\" y=\"{PLOT_TOP}\" width=\"{:.1}\" height=\"{}\"><title>{}  sent {} kb/s, target \
                 {} kb/s, {} ms waiting",
                (end - x).max(0.1),
                PLOT_BOTTOM - PLOT_TOP,
                clock(self.report, begin),
                grouped(slice.sent_kbps()),
                grouped(slice.target_kbps()),
                grouped(slice.queue),
            );
            if slice.dropped + slice.skipped > 0 {
                let missing = grouped(slice.dropped + slice.skipped);
                let _ = write!(page, ", {missing} frames missing");
            }
            page.push_str("</title></rect>");
        }
        page.push_str("</g>");
    }

    /// A sign for each decision that matters; good news are round, warnings three-cornered, errors square.
    fn marks(&self, page: &mut String) {
        let told = |severity| severity != Severity::Info;
        let entries = self.report.log.entries();
        let marks: Vec<_> = entries
            .filter(|entry| told(entry.decision.severity))
            .collect();
        // So many cannot be told apart; every nth stands for its neighbours.
        let every = marks.len().div_ceil(MOST_MARKS).max(1);
        for entry in marks.into_iter().step_by(every) {
            self.mark(page, entry);
        }
    }

    fn mark(&self, page: &mut String, entry: &Entry) {
        let x = self.x(entry.at);
        let decision = &entry.decision;
        let (class, shape) = match decision.severity {
            Severity::Good | Severity::Info => ("good", "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"),
            Severity::Warning => ("warning", "m0 -5l5 9h-10z"),
            Severity::Error => ("error", "m-4 -4h8v8h-8z"),
        };
        let _ = write!(
            page,
            "<g class=\"mark {class}\"><path class=\"stem\" d=\"M{x:.1} {}V{PLOT_BOTTOM}\"/>\
             <path d=\"M{x:.1} {MARKS_Y}{shape}\"/><title>{}  {}</title></g>",
            MARKS_Y + 6.0,
            clock(self.report, entry.at),
            Text(&decision.text),
        );
    }

    /// What the viewers of each destination had.
    fn lanes(&self, page: &mut String) {
        for (index, lane) in self.lanes.iter().enumerate() {
            let top = LANES_TOP + index as f64 * LANE_PITCH;
            let _ = write!(
                page,
                "<text class=\"lane\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>\
                 <rect class=\"band starting\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAND}\" rx=\"3\"/>",
                top + 12.0,
                Text(lane.name),
                top + 18.0,
                RIGHT - LEFT,
            );
            let live = self.x(lane.live_at.unwrap_or(self.report.length));
            let _ = write!(
                page,
                "<rect class=\"band perfect\" x=\"{live:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAND}\" \
                 rx=\"3\"><title>As it should be</title></rect>",
                top + 18.0,
                (RIGHT - live).max(0.0),
            );
            for incident in &lane.incidents {
                self.band(page, incident, top + 18.0);
            }
        }
    }

    fn band(&self, page: &mut String, incident: &Incident, y: f64) {
        let x = self.x(incident.begin);
        let width = (self.x(incident.end) - x).max(NARROWEST).min(RIGHT - x);
        let loss = incident.fault.loss;
        let _ = write!(
            page,
            "<g class=\"{}\"><rect class=\"band ground\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{BAND}\"/><rect class=\"band\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{BAND}\"><title>{} to {}  {} ({})</title></rect>",
            loss_name(loss),
            clock(self.report, incident.begin),
            clock(self.report, incident.end),
            title(incident),
            cause_name(incident.fault.cause),
        );
        let word = loss_title(loss);
        if width > word.len() as f64 * LETTER + 12.0 {
            let _ = write!(
                page,
                "<text class=\"word\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{word}</text>",
                x + width / 2.0,
                y + 14.0,
            );
        }
        page.push_str("</g>");
    }
}

/// The next number with one or two digits that are not zero, whose half is round as well.
fn round_up(kbps: u64) -> u64 {
    let mut unit = 1;
    while unit * 10 <= kbps {
        unit *= 10;
    }
    let steps = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    let tenths = steps.into_iter().find(|step| step * unit >= kbps * 10);
    tenths.unwrap_or(100) * unit / 10
}

/// How far apart the marks of the time axis are, in milliseconds: at most nine of them.
fn tick_step(length: u64) -> u64 {
    let seconds = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    ];
    let fitting = seconds.into_iter().find(|step| length / (step * 1000) < 9);
    fitting.unwrap_or(86_400 * (1 + length / (86_400_000 * 9))) * 1000
}

/// The fills of losses differ in their pattern too, not in colour alone.
const PATTERNS: &str = "<defs>\
    <pattern id=\"stripes\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
    <rect class=\"ink\" width=\"3\" height=\"6\"/></pattern>\
    <pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
    <circle class=\"ink\" cx=\"3\" cy=\"3\" r=\"1.6\"/></pattern></defs>";

const WIDTH: f64 = 960.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 952.0;
const MARKS_Y: f64 = 10.0;
const PLOT_TOP: f64 = 28.0;
const PLOT_BOTTOM: f64 = 208.0;
const LANES_TOP: f64 = 220.0;
/// From one destination's row to the next.
const LANE_PITCH: f64 = 48.0;
const BAND: f64 = 20.0;
const AXIS_HEIGHT: f64 = 28.0;
/// An incident is never drawn narrower: it could not be seen.
const NARROWEST: f64 = 2.5;
/// About the width of a letter on a band.
const LETTER: f64 = 6.2;

/// About one point for each unit of width is as fine as can be seen.
const MOST_POINTS: usize = 800;
/// Wide enough to rest a pointer on.
const MOST_HOVERS: usize = 240;
const MOST_MARKS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_what_they_must() {
        for (kbps, expected) in [(100, 100), (2_628, 3_000), (128, 150), (6_000, 6_000)] {
            assert_eq!(round_up(kbps), expected);
        }
        for length in [
            1,
            900,
            30_000,
            312_000,
            3_600_000,
            172_800_000,
            31_536_000_000,
        ] {
            assert!(length / tick_step(length) <= 9, "{length}");
        }
    }
}
