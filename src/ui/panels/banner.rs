//! What went wrong, in the server's words too, and what to do about it.

use eframe::egui::{Align2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::{
    engine::event::{RecordingStatus, StreamStatus},
    rtmp::refusal::Failure,
    ui::{
        command::{Commands, UiCommand},
        desk::Desk,
        theme::{CARD_RADIUS, Weight, font, measure, tokens},
        widgets::{
            button::{self, Look},
            icon::Icon,
            text,
        },
        words,
    },
};

/// A message to be shown.
struct Message {
    what: String,
    remedy: String,
    /// When it is tried again; its line stays as it is, whatever the numbers.
    retry: Option<String>,
    is_over: bool,
}

/// How high the banner is in a column `width` wide; 0 when there is nothing to tell.
#[must_use]
pub fn height(ui: &Ui, width: f32, desk: &Desk) -> f32 {
    message(desk).map_or(0.0, |message| {
        let width = width - INDENT - message.right();
        let what = text::paragraph_height(ui, width, &message.what, font(Weight::SemiBold, 13.0));
        let remedy =
            text::paragraph_height(ui, width, &message.remedy, font(Weight::Regular, 12.5));
        let retry = message.retry.as_ref().map_or(0.0, |_| 3.0 + RETRY);
        2.0 * measure::M + what + 3.0 + remedy + retry
    })
}

/// Shows the message, if there is one.
pub fn show(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    let Some(message) = message(desk) else {
        return;
    };
    let tokens = tokens(ui);
    let colour = if message.is_over {
        tokens.live
    } else {
        tokens.warning
    };
    let edge = Stroke::new(1.0, colour.gamma_multiply(0.6));
    ui.painter()
        .rect(rect, CARD_RADIUS, tokens.panel, edge, StrokeKind::Inside);
    let sign = Rect::from_center_size(
        pos2(rect.left() + 28.0, rect.top() + 21.0),
        vec2(16.0, 16.0),
    );
    Icon::Warning.paint(ui.painter(), sign, colour);

    let width = rect.width() - INDENT - message.right();
    let at = rect.min + vec2(INDENT, measure::M);
    let what = text::paragraph(
        ui,
        at,
        width,
        &message.what,
        font(Weight::SemiBold, 13.0),
        tokens.text,
    );
    let remedy = text::paragraph(
        ui,
        pos2(at.x, what.bottom() + 3.0),
        width,
        &message.remedy,
        font(Weight::Regular, 12.5),
        tokens.dim,
    );
    if let Some(retry) = &message.retry {
        let at = pos2(at.x, remedy.bottom() + 3.0);
        let line = Rect::from_min_size(at, vec2(width, RETRY));
        text::write(
            ui,
            line,
            Align2::LEFT_CENTER,
            retry,
            font(Weight::Medium, 12.5),
            tokens.text,
        );
        let button = Rect::from_center_size(
            pos2(rect.right() - measure::L - BUTTON.0 / 2.0, rect.center().y),
            vec2(BUTTON.0, BUTTON.1),
        );
        let command = UiCommand::RetryNow;
        if button::button(ui, button, command.label(), Look::Plain, button::face())
            .on_hover_text(command.hint())
            .clicked()
        {
            commands.run(command);
        }
    }
    if message.is_over && desk.view.failure.is_some() {
        let close = Rect::from_center_size(
            pos2(rect.right() - 24.0, rect.top() + 22.0),
            vec2(28.0, 28.0),
        );
        let command = UiCommand::DismissFailure;
        if button::icon(ui, close, command.label(), Icon::Close)
            .on_hover_text(command.hint())
            .clicked()
        {
            commands.run(command);
        }
    }
}

impl Message {
    /// Room at its right end for a button.
    fn right(&self) -> f32 {
        if self.retry.is_some() {
            BUTTON.0 + 2.0 * measure::L
        } else {
            RIGHT
        }
    }
}

fn message(desk: &Desk) -> Option<Message> {
    if let Some(failure) = &desk.view.failure {
        return Some(explain(failure, true));
    }
    if let StreamStatus::Reconnecting { because, .. } = &desk.view.status {
        return Some(Message {
            retry: words::retrying(desk),
            ..explain(because, false)
        });
    }
    if let RecordingStatus::Failed { path, message } = &desk.view.recording {
        return Some(Message {
            what: "The recording ended early.".to_owned(),
            remedy: format!("{message} What was written is kept: {}", path.display()),
            retry: None,
            is_over: true,
        });
    }
    None
}

fn explain(failure: &Failure, is_over: bool) -> Message {
    let words = failure
        .server_words
        .as_ref()
        .map_or_else(String::new, |words| format!(" The server said: “{words}”"));
    Message {
        what: format!("{}{words}", failure.what),
        remedy: format!("{} {}", failure.likely(), failure.remedy),
        retry: None,
        is_over,
    }
}

const INDENT: f32 = 48.0;
const RIGHT: f32 = 48.0;
/// Height of the line about the next attempt.
const RETRY: f32 = 18.0;
const BUTTON: (f32, f32) = (96.0, 32.0);
