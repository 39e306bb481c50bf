//! Bitrate over the last minutes.

use eframe::egui::{Align2, Rect, Shape, Stroke, Ui, pos2};

use crate::ui::{
    desk::Desk,
    theme::{Weight, font, tokens},
    widgets::{card, graph::Graph, text},
};

/// Shows the card.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk) {
    let tokens = tokens(ui);
    let inner = card::panel(ui, rect);
    let (title, body) = inner.split_top_bottom_at_y(inner.top() + 16.0);
    text::write(
        ui,
        title,
        Align2::LEFT_CENTER,
        "Bitrate",
        font(Weight::SemiBold, 12.0),
        tokens.dim,
    );

    let target = desk.settings.output.video_bitrate();
    let stats = desk.view.stats.filter(|_| !desk.view.is_offline());
    let summary = match stats {
        Some(stats) => {
            let sent = stats.sent.to_string();
            let sent = sent.trim_end_matches(" kb/s");
            if stats.target < stats.ceiling {
                let target = stats.target.to_string();
                let target = target.trim_end_matches(" kb/s");
                format!("{sent} of {target}, at most {}", stats.ceiling)
            } else {
                format!("{sent} of {}", stats.target)
            }
        }
        None => format!("Target {target}"),
    };
    text::write(
        ui,
        title,
        Align2::RIGHT_CENTER,
        &summary,
        font(Weight::Medium, 12.0),
        tokens.text,
    );

    let plot = Rect::from_min_max(pos2(body.left(), body.top() + 8.0), body.max);
    if desk.view.bitrates.iter().len() == 0 {
        let line = [
            pos2(plot.left(), plot.top() + 8.0),
            pos2(plot.right(), plot.top() + 8.0),
        ];
        let stroke = Stroke::new(1.25, tokens.faint);
        ui.painter()
            .extend(Shape::dashed_line(&line, stroke, 4.0, 4.0));
        let words = Rect::from_min_max(pos2(plot.left(), plot.top() + 16.0), plot.max);
        text::write(
            ui,
            words,
            Align2::CENTER_CENTER,
            "Starts when you go live",
            font(Weight::Regular, 12.0),
            tokens.faint,
        );
    }
    Graph {
        history: &desk.view.bitrates,
        marks: &desk.view.story,
        now: desk.now,
        wall: desk.wall,
    }
    .show(ui, plot, &summary);
}
