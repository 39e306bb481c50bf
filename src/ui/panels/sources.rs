//! Camera and microphone: which, how loud, muted.

use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use crate::{
    settings::model::{AudioSource, Settings, VideoSource},
    ui::{
        command::{Commands, Edit, UiCommand},
        desk::Desk,
        state::SourceState,
        theme::{measure, tokens},
        widgets::{
            button::{self, Look},
            card,
            icon::Icon,
            picker::picker,
            slider::slider,
        },
        words,
    },
};

/// Shows the card.
pub fn show(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    card::card(ui, "Sources", |ui, title_end| {
        let refresh = UiCommand::RefreshDevices;
        let place = Rect::from_center_size(
            pos2(title_end.right() - 10.0, title_end.center().y),
            vec2(28.0, 28.0),
        );
        if button::icon(ui, place, refresh.label(), Icon::Refresh)
            .on_hover_text(refresh.hint())
            .clicked()
        {
            commands.run(refresh);
        }
        camera(ui, desk, commands);
        microphone(ui, desk, commands);
        gain(ui, desk, commands);
    });
}

fn camera(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let chosen = &desk.settings.video;
    let mut options: Vec<(VideoSource, String)> = desk
        .view
        .cameras
        .iter()
        .flatten()
        .map(|camera| {
            let (id, name) = (camera.id.0.clone(), camera.name.clone());
            (
                VideoSource::Camera {
                    id,
                    name: name.clone(),
                },
                name,
            )
        })
        .collect();
    options.push((VideoSource::TestPicture, "Test picture".to_owned()));
    options.push((VideoSource::None, "No picture".to_owned()));
    // Automatic shows what it amounts to, until a camera turns up.
    let effective = match chosen {
        VideoSource::Automatic => &VideoSource::TestPicture,
        other => other,
    };
    let same = |option: &VideoSource| match (option, effective) {
        (VideoSource::Camera { id, .. }, VideoSource::Camera { id: wanted, .. }) => id == wanted,
        (option, wanted) => option == wanted,
    };
    let found = options.iter().find(|(option, _)| same(option)).cloned();
    let shown = match (&found, effective) {
        (Some((_, words)), _) => words.clone(),
        (None, VideoSource::Camera { name, .. }) => format!("{name} (not connected)"),
        (None, _) => String::new(),
    };
    let current = found.map_or_else(|| effective.clone(), |(option, _)| option);
    let row = card::row(ui, "Camera");
    if let (_, Some(source)) = picker(ui, row, "Camera", &shown, &current, options) {
        commands.edit(Edit::Video(source));
    }
    if let SourceState::Lost(reason) = &desk.view.video {
        card::remark(ui, &words::sentence(reason), tokens(ui).warning);
    }
}

fn microphone(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let chosen = &desk.settings.audio;
    let mut options: Vec<(AudioSource, String)> = desk
        .view
        .microphones
        .iter()
        .flatten()
        .map(|microphone| {
            let (id, name) = (microphone.id.0.clone(), microphone.name.clone());
            (
                AudioSource::Microphone {
                    id,
                    name: name.clone(),
                },
                name,
            )
        })
        .collect();
    options.push((AudioSource::Beep, "Beep each second".to_owned()));
    options.push((AudioSource::SteadyTone, "Steady tone".to_owned()));
    options.push((AudioSource::Silence, "Silence".to_owned()));
    let effective = match chosen {
        AudioSource::Automatic => &AudioSource::Beep,
        other => other,
    };
    let same = |option: &AudioSource| match (option, effective) {
        (AudioSource::Microphone { id, .. }, AudioSource::Microphone { id: wanted, .. }) => {
            id == wanted
        }
        (option, wanted) => option == wanted,
    };
    let found = options.iter().find(|(option, _)| same(option)).cloned();
    let shown = match (&found, effective) {
        (Some((_, words)), _) => words.clone(),
        (None, AudioSource::Microphone { name, .. }) => format!("{name} (not connected)"),
        (None, _) => String::new(),
    };
    let current = found.map_or_else(|| effective.clone(), |(option, _)| option);
    let row = card::row(ui, "Microphone");
    if let (_, Some(source)) = picker(ui, row, "Microphone", &shown, &current, options) {
        commands.edit(Edit::Audio(source));
    }
    if let SourceState::Lost(reason) = &desk.view.audio {
        card::remark(
            ui,
            &format!("Silence is sent: {reason}."),
            tokens(ui).warning,
        );
    }
}

fn gain(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let row = card::row(ui, "Gain");
    let mute = Rect::from_min_max(
        pos2(row.right() - 52.0, row.top() + 2.0),
        row.max - vec2(-6.0, 2.0),
    );
    let value = Rect::from_min_max(
        pos2(mute.left() - 60.0, mute.top()),
        pos2(mute.left(), mute.bottom()),
    );
    let rail = Rect::from_min_max(row.min, pos2(value.left() - measure::XS, row.bottom()));

    let (low, high) = Settings::GAIN_DB;
    let words = words::gain(desk.settings.gain());
    let (_, changed) = slider(
        ui,
        rail,
        "Gain",
        desk.settings.gain_db,
        (low, high, 1.0),
        &words,
    );
    if let Some(gain_db) = changed {
        commands.edit(Edit::Gain(gain_db));
    }
    let reset = UiCommand::ResetGain;
    if quiet_figure(ui, value, reset.label(), &words)
        .on_hover_text(reset.hint())
        .clicked()
    {
        commands.run(reset);
    }
    let command = UiCommand::ToggleMute;
    let (word, look) = if desk.settings.muted {
        ("Muted", Look::WarningLink)
    } else {
        ("Mute", Look::Link)
    };
    if button::named(ui, mute, command.label(), word, look, button::face())
        .on_hover_text(command.hint())
        .clicked()
    {
        commands.run(command);
    }
}

/// A figure that can be pressed to set it back.
fn quiet_figure(ui: &mut Ui, rect: Rect, name: &str, words: &str) -> eframe::egui::Response {
    use crate::ui::theme::{RADIUS, Weight, font};
    use crate::ui::widgets::text;
    use eframe::egui::{CursorIcon, Role, Sense, WidgetInfo};
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    if response.hovered() {
        ui.painter().rect_filled(rect, RADIUS, tokens(ui).hovered);
    }
    let inner = rect.shrink2(vec2(6.0, 0.0));
    text::paint(
        ui.painter(),
        inner,
        Align2::RIGHT_CENTER,
        words,
        font(Weight::Medium, 12.0),
        tokens(ui).text,
    );
    button::focus_ring(ui, &response, rect, RADIUS);
    response.on_hover_cursor(CursorIcon::PointingHand)
}
