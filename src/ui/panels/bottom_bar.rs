//! Figures, recording time and the one big button.

use eframe::egui::{Align2, Rect, Stroke, Ui, pos2, vec2};

use crate::{
    engine::event::{RecordingStatus, StreamStatus},
    report::words::whole_millis,
    ui::{
        command::{Commands, UiCommand},
        desk::Desk,
        theme::{Weight, font, measure, tokens},
        widgets::{
            button::{self, Look},
            icon::Icon,
            text,
        },
        words::{self, NOTHING},
    },
};

/// Shows the bar.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let tokens = tokens(ui);
    ui.painter().rect_filled(rect, 0.0, tokens.panel);
    ui.painter()
        .hline(rect.x_range(), rect.top(), Stroke::new(1.0, tokens.line));

    let press = Rect::from_min_size(
        pos2(
            rect.right() - measure::XL - BUTTON.0,
            rect.center().y - BUTTON.1 / 2.0,
        ),
        vec2(BUTTON.0, BUTTON.1),
    );
    figures(ui, rect, desk);
    recording_time(ui, rect, press.left() - measure::L, desk);
    big_button(ui, press, desk, commands);
}

fn figures(ui: &mut Ui, rect: Rect, desk: &Desk) {
    let tokens = tokens(ui);
    let stats = desk.view.stats;
    let sending = stats.filter(|_| !desk.view.is_offline());
    let latency = sending.and_then(|stats| stats.latency);
    let figure = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_owned());
    let trouble = |bad: bool| if bad { tokens.warning } else { tokens.text };

    let all = [
        (
            "Sent",
            figure(sending.map(|stats| stats.sent.to_string())),
            tokens.text,
            "What went out to the server over the last second.".to_owned(),
        ),
        (
            "Frame rate",
            figure(stats.map(|stats| format!("{:.1} fps", stats.captured_fps))),
            tokens.text,
            "Pictures that come from the source each second.".to_owned(),
        ),
        (
            "Dropped",
            figure(sending.as_ref().map(words::dropped)),
            trouble(sending.is_some_and(|stats| stats.frames_dropped > 0)),
            format!(
                "Pictures viewers miss because the uplink did not carry them. Left out because this computer \
                 was too slow: {}.",
                stats.map_or(0, |stats| stats.frames_skipped)
            ),
        ),
        (
            "Waiting",
            figure(sending.map(|stats| format!("{} ms", stats.queue.as_millis()))),
            trouble(sending.is_some_and(|stats| stats.queue.as_millis() > 1_000)),
            "How much picture and sound waits to be sent. It grows when the uplink is too slow."
                .to_owned(),
        ),
        (
            "Delay to wire",
            figure(latency.map(|it| whole_millis(it.p50))),
            tokens.text,
            latency.map_or_else(
                || DELAY_HINT.to_owned(),
                |it| {
                    format!(
                        "{DELAY_HINT} In the last seconds {} for 95 of 100, {} at most.",
                        whole_millis(it.p95),
                        whole_millis(it.max)
                    )
                },
            ),
        ),
    ];
    // Small windows have no room for the last one.
    let shown = if rect.width() > 1_100.0 {
        all.len()
    } else {
        all.len() - 1
    };
    let mut left = rect.left() + measure::XL;
    for ((caption, value, colour, hint), width) in all.into_iter().zip(WIDTHS).take(shown) {
        let colour = if value == NOTHING {
            tokens.faint
        } else {
            colour
        };
        let place = Rect::from_min_size(
            pos2(left, rect.top() + 18.0),
            vec2(width - measure::S, 44.0),
        );
        let _ = text::figure(ui, place, caption, &value, colour).on_hover_text(hint);
        left += width;
    }
}

fn recording_time(ui: &mut Ui, rect: Rect, right: f32, desk: &Desk) {
    let RecordingStatus::Recording { path, duration, .. } = &desk.view.recording else {
        return;
    };
    let tokens = tokens(ui);
    // Wide windows have room for the word; the sign stands for it in small ones.
    let word = if rect.width() > 1_100.0 {
        "Recording "
    } else {
        ""
    };
    let words = format!("{word}{}", words::clock(*duration));
    let place = Rect::from_min_max(pos2(right - 170.0, rect.top()), pos2(right, rect.bottom()));
    let written = text::write(
        ui,
        place,
        Align2::RIGHT_CENTER,
        &words,
        font(Weight::Medium, 13.0),
        tokens.dim,
    )
    .on_hover_text(format!("Recording to {}", path.display()));
    let sign = Rect::from_center_size(
        pos2(written.rect.left() - 12.0, rect.center().y),
        vec2(12.0, 12.0),
    );
    Icon::Dot.paint(ui.painter(), sign, tokens.live);
}

fn big_button(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let command = UiCommand::GoLiveOrStop;
    let obstacle = desk.obstacle();
    let (word, look, enabled) = match desk.view.status {
        StreamStatus::Offline { .. } => (command.label(), Look::Danger, obstacle.is_none()),
        StreamStatus::Connecting { .. } => ("Cancel", Look::DangerOutlined, true),
        StreamStatus::Live { .. } | StreamStatus::Reconnecting { .. } => {
            ("Stop", Look::DangerOutlined, true)
        }
        StreamStatus::Stopping => ("Stopping", Look::DangerOutlined, false),
    };
    ui.add_enabled_ui(enabled, |ui| {
        if button::button(ui, rect, word, look, font(Weight::Bold, 17.0))
            .on_hover_text(command.hint())
            .on_disabled_hover_text(
                obstacle.unwrap_or_else(|| "Saying goodbye to the server.".to_owned()),
            )
            .clicked()
        {
            commands.run(command);
        }
    });
}

const BUTTON: (f32, f32) = (208.0, 52.0);
/// Widths of the figures, so that none moves another.
const WIDTHS: [f32; 5] = [136.0, 120.0, 148.0, 120.0, 136.0];

const DELAY_HINT: &str = "From when a picture is taken to when its last byte is handed to the connection, for half of them.";
