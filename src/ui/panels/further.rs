//! The destinations beside the first: a line for each in the card, and the dialog in which one is edited.

use eframe::egui::{
    Align2, Color32, Context, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{connection::typed, destination};
use crate::{
    engine::event::{DestinationState, StreamStatus},
    settings::destination::{AlsoSettings, FollowChoice},
    ui::{
        command::{Change, Commands, Edit, UiCommand},
        desk::{Desk, Entry},
        theme::{Tokens, Weight, font, measure, tokens},
        widgets::{
            button::{self, Look},
            card, dialog,
            icon::Icon,
            picker::picker,
            switch::switch,
            text,
        },
        words,
    },
};

/// The link that adds one more, at the right end of the card's title.
pub(super) fn add(ui: &mut Ui, title_end: Rect, desk: &Desk, commands: &mut Commands) {
    let command = UiCommand::AddDestination;
    let place = Rect::from_min_max(
        pos2(title_end.right() - 100.0, title_end.center().y - 12.0),
        pos2(title_end.right() + 6.0, title_end.center().y + 12.0),
    );
    let is_full = desk.settings.also.len() >= AlsoSettings::MOST;
    let enabled = desk.view.is_offline() && !is_full;
    let why_not = if is_full {
        format!("{} destinations are the most.", AlsoSettings::MOST + 1)
    } else {
        "Destinations can be added while offline.".to_owned()
    };
    ui.add_enabled_ui(enabled, |ui| {
        let look = if desk.settings.also.is_empty() {
            Look::Quiet
        } else {
            Look::Link
        };
        if button::button(ui, place, command.label(), look, button::face())
            .on_hover_text(command.hint())
            .on_disabled_hover_text(why_not)
            .clicked()
        {
            commands.run(command);
        }
    });
}

/// One line for each: while offline to be switched and edited, while streaming how it fares.
pub(super) fn list(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let offline = desk.view.is_offline();
    for entry in desk.entries() {
        let state = desk
            .state_of(entry.place)
            .filter(|_| desk.view.is_several());
        if offline && entry.also.is_some() {
            let place = card::line(ui, LINE);
            choices(ui, place, entry, commands);
        } else if !offline && let Some(state) = state {
            let place = card::line(ui, LINE);
            fares(ui, place, entry, state, commands);
        }
        let trouble = state.and_then(|state| trouble(state, tokens(ui)));
        // What keeps the first from being live is told at the top, unless it is over for it alone.
        let is_told = entry.also.is_none() && (offline || desk.view.outage.is_some());
        if let Some((words, colour)) = trouble.filter(|_| !is_told) {
            card::remark(ui, &words, colour);
        }
    }
    if offline && desk.settings.also.iter().any(|also| also.enabled) {
        follow(ui, desk, commands);
    }
}

fn choices(ui: &mut Ui, line: Rect, entry: Entry<'_>, commands: &mut Commands) {
    let label = entry.label();
    let (left, edit) = line.split_left_right_at_x(line.right() - EDIT);
    let left = Rect::from_min_max(left.min, pos2(left.right() - measure::S, left.bottom()));
    let edit = Rect::from_min_max(edit.min, pos2(edit.right() + 6.0, edit.bottom()));
    let number = entry.also.map_or(0, |also| also.number);
    // Two destinations may bear one name.
    let ui = &mut ui.new_child(UiBuilder::new().max_rect(line).id_salt(("also", number)));
    let on = entry.is_enabled();
    let hint = format!("Whether the stream goes to {label} too");
    if switch(ui, left, &format!("Stream to {label}"), &label, on)
        .on_hover_text(hint)
        .clicked()
    {
        commands.change(entry.place, Change::Enabled(!on));
    }
    let name = format!("Edit {label}");
    if button::named(ui, edit, &name, "Edit", Look::Link, button::face()).clicked() {
        commands.edit(Edit::Opened(entry.place));
    }
}

/// Sign, name, state and figure of one destination; each has its own width, so that nothing moves.
fn fares(
    ui: &mut Ui,
    rect: Rect,
    entry: Entry<'_>,
    state: &DestinationState,
    commands: &mut Commands,
) {
    let tokens = tokens(ui);
    let (icon, ink) = match state.status {
        StreamStatus::Offline { because: Some(_) } => (Icon::Warning, tokens.live),
        StreamStatus::Offline { because: None } | StreamStatus::Stopping => {
            (Icon::Ring, tokens.dim)
        }
        StreamStatus::Connecting { .. } => (Icon::Ring, tokens.accent),
        StreamStatus::Live { .. } => (Icon::Dot, tokens.good),
        StreamStatus::Reconnecting { .. } => (Icon::Warning, tokens.warning),
    };
    let label = entry.label();
    let word = words::destination_word(state);
    let rate = match state.status {
        StreamStatus::Live { .. } => state.sent.to_string(),
        _ => String::new(),
    };
    let sign = Rect::from_center_size(pos2(rect.left() + 6.0, rect.center().y), vec2(12.0, 12.0));
    icon.paint(ui.painter(), sign, ink);
    let name = Rect::from_min_max(
        pos2(sign.right() + measure::S, rect.top()),
        pos2(rect.right() - RATE - STATE - measure::S, rect.bottom()),
    );
    let middle = Rect::from_min_max(
        pos2(rect.right() - RATE - STATE, rect.top()),
        pos2(rect.right() - RATE, rect.bottom()),
    );
    let end = Rect::from_min_max(middle.right_top(), rect.max);
    for (place, align, words, ink) in [
        (name, Align2::LEFT_CENTER, label.as_str(), tokens.text),
        (middle, Align2::LEFT_CENTER, word, tokens.dim),
        (end, Align2::RIGHT_CENTER, &rate, tokens.text),
    ] {
        let face = font(Weight::Regular, 12.5);
        text::paint(ui.painter(), place, align, words, face, ink);
    }
    let id = ui.scope_id().with(("state", entry.place));
    let told = Rect::from_min_max(rect.min, pos2(end.left(), rect.bottom()));
    let response = ui.interact(told, id, Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Status, true, &label);
        info.current_text_value = Some(format!("{word} {rate}").trim_end().to_owned());
        info
    });
    let _ = response.on_hover_text(words::destination_figures(state));
    if matches!(state.status, StreamStatus::Reconnecting { .. }) {
        let command = UiCommand::RetryNow;
        let place = Rect::from_min_max(end.min, pos2(end.right() + 6.0, end.bottom()));
        let name = format!("{}: {label}", command.label());
        if button::named(
            ui,
            place,
            &name,
            command.label(),
            Look::Link,
            button::face(),
        )
        .on_hover_text(command.hint())
        .clicked()
        {
            commands.run(command);
        }
    }
}

/// What keeps a destination from being live, in the colour of how bad that is.
fn trouble(state: &DestinationState, tokens: &Tokens) -> Option<(String, Color32)> {
    match &state.status {
        StreamStatus::Offline {
            because: Some(failure),
        } => {
            let words = format!("{} {}", failure.what, failure.remedy);
            Some((words, tokens.live))
        }
        StreamStatus::Reconnecting { because, .. } => Some((because.what.clone(), tokens.warning)),
        _ => None,
    }
}

fn follow(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let row = card::row(ui, "Bitrate");
    let options = [
        (FollowChoice::Primary, "As the first can take it"),
        (FollowChoice::Slowest, "As the slowest can take it"),
    ]
    .map(|(choice, words)| (choice, words.to_owned()));
    let chosen = desk.settings.follow;
    let shown = options[usize::from(chosen == FollowChoice::Slowest)]
        .1
        .clone();
    let (response, picked) = picker(ui, row, "Bitrate follows", &shown, &chosen, options);
    let _ = response.on_hover_text(
        "All destinations share one picture. For those that cannot take its bitrate, frames are left out.",
    );
    if let Some(choice) = picked {
        commands.edit(Edit::Follow(choice));
    }
}

/// The dialog of the destination that is open, if one is. Escape and a press beside it close it.
pub fn dialog(ctx: &Context, desk: &Desk, commands: &mut Commands) {
    let Some(opened) = desk.opened else {
        return;
    };
    let Some(entry) = desk.entry(opened.place) else {
        return;
    };
    let closes = dialog::dialog(ctx, "destination", WIDTH, BAR, |ui| {
        contents(ui, desk, entry, opened.removing, commands);
    });
    if closes {
        commands.run(UiCommand::CloseDestination);
    }
}

fn contents(ui: &mut Ui, desk: &Desk, entry: Entry<'_>, removing: bool, commands: &mut Commands) {
    let line = card::line(ui, 22.0);
    text::write(
        ui,
        line,
        Align2::LEFT_CENTER,
        "Also stream to",
        font(Weight::SemiBold, 16.0),
        tokens(ui).text,
    );
    let highest = ui.ctx().content_rect().height() - AROUND;
    ScrollArea::vertical()
        .max_height(highest)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.set_max_width(WIDTH);
            let line = card::line(ui, measure::CONTROL);
            let name = entry.also.map_or("", |also| also.name.as_str());
            let hint = "Name (optional)";
            if let (_, Some(mut name)) = typed(ui, line, "Name", hint, name) {
                if let Some((at, _)) = name.char_indices().nth(AlsoSettings::MAX_NAME_CHARS) {
                    name.truncate(at);
                }
                commands.change(entry.place, Change::Name(name));
            }
            destination::fields(ui, desk, entry, commands);
        });
    ui.add_space(measure::S);
    let mut line = card::line(ui, 40.0);
    line.max.x = line.min.x + WIDTH;
    let half = (line.width() - measure::M) / 2.0;
    let left = Rect::from_min_size(line.min, vec2(half, line.height()));
    let right = Rect::from_min_max(pos2(line.right() - half, line.top()), line.max);
    let face = font(Weight::SemiBold, 13.0);
    let remove = UiCommand::RemoveDestination;
    let (word, look) = if removing {
        ("Remove for good", Look::DangerOutlined)
    } else {
        (remove.label(), Look::Plain)
    };
    if button::named(ui, left, remove.label(), word, look, face.clone())
        .on_hover_text(remove.hint())
        .clicked()
    {
        commands.run(remove);
    }
    let done = UiCommand::CloseDestination;
    if button::button(ui, right, done.label(), Look::Outlined, face)
        .on_hover_text(done.hint())
        .clicked()
    {
        commands.run(done);
    }
}

/// Height of a destination's line.
const LINE: f32 = 24.0;
/// Widths of state, figure, and the link in their place.
const STATE: f32 = 96.0;
const RATE: f32 = 76.0;
const EDIT: f32 = 30.0;
/// Width of what is in the dialog, and room beside it for the scroll bar.
const WIDTH: f32 = 376.0;
const BAR: i8 = 16;
/// What stands above and below the fields in the dialog, and the room around it.
const AROUND: f32 = 220.0;
