//! What is asked before something is lost.

use eframe::egui::{Align2, Context, Rect, pos2, vec2};

use crate::ui::{
    command::{Commands, UiCommand},
    desk::{Desk, Question},
    theme::{Weight, font, measure, tokens},
    widgets::{
        button::{self, Look},
        card,
        dialog::dialog,
        text,
    },
};

/// Asks, if there is something to ask. Escape and a press beside the box mean: go on.
pub fn show(ctx: &Context, desk: &Desk, commands: &mut Commands) {
    let Some(question) = desk.question else {
        return;
    };
    let streaming = !desk.view.is_offline();
    let (title, words, keep, go) = match question {
        Question::Stop => (
            "Stop the stream?",
            "Viewers will see it end.",
            UiCommand::KeepGoing.label(),
            UiCommand::StopNow,
        ),
        Question::Quit if streaming => (
            "Still streaming",
            "Closing the window ends the stream for everyone who watches.",
            UiCommand::KeepGoing.label(),
            UiCommand::StopAndQuit,
        ),
        Question::Quit => (
            "Still recording",
            "Closing the window finishes the recording. What is recorded is kept.",
            "Keep recording",
            UiCommand::StopAndQuit,
        ),
    };
    let closes = dialog(ctx, "question", WIDTH, 0, |ui| {
        let tokens = tokens(ui);
        let line = card::line(ui, 22.0);
        text::write(
            ui,
            line,
            Align2::LEFT_CENTER,
            title,
            font(Weight::SemiBold, 16.0),
            tokens.text,
        );
        card::remark(ui, words, tokens.dim);
        ui.add_space(measure::S);
        let line = card::line(ui, 40.0);
        let half = (line.width() - measure::M) / 2.0;
        let left = Rect::from_min_size(line.min, vec2(half, line.height()));
        let right = Rect::from_min_max(pos2(line.right() - half, line.top()), line.max);
        let stay = button::button(ui, left, keep, Look::Outlined, font(Weight::SemiBold, 13.0));
        if stay.clicked() {
            commands.run(UiCommand::KeepGoing);
        }
        // The safe answer has the keyboard, so that a stray Enter loses nothing.
        if ui.memory(|memory| memory.focused().is_none()) {
            stay.request_focus();
        }
        if button::button(
            ui,
            right,
            go.label(),
            Look::DangerOutlined,
            font(Weight::SemiBold, 13.0),
        )
        .clicked()
        {
            commands.run(go);
        }
    });
    if closes {
        commands.run(UiCommand::KeepGoing);
    }
}

const WIDTH: f32 = 376.0;
