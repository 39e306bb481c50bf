//! Picture and sound as they are sent, and the recording.

use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use crate::{
    settings::model::OutputSettings,
    ui::{
        command::{Commands, Edit, UiCommand},
        desk::{Desk, rate_of},
        theme::{Weight, font, measure, tokens},
        widgets::{
            button, card, fold::fold, icon::Icon, picker::picker, slider::slider, switch::switch,
            text,
        },
        words,
    },
    units::{Bitrate, FrameRate, PixelSize},
};

/// Shows the card.
pub fn show(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    card::card(ui, "Picture and sound", |ui, title_end| {
        let output = desk.settings.output;
        let locked = desk.view.is_encoding();
        if locked {
            text::write(
                ui,
                title_end,
                Align2::RIGHT_CENTER,
                "Fixed until you stop",
                font(Weight::Regular, 12.0),
                tokens(ui).faint,
            )
            .on_hover_text("While streaming or recording only the video bitrate and its limits can be changed.");
        }
        let mut edit = |changed: OutputSettings| commands.edit(Edit::Output(changed));
        ui.add_enabled_ui(!locked, |ui| picture(ui, output, &mut edit));
        video_bitrate(ui, output, &mut edit);
        limits(ui, desk, commands);
        let mut edit = |changed: OutputSettings| commands.edit(Edit::Output(changed));
        ui.add_enabled_ui(!locked, |ui| sound_and_key_frames(ui, output, &mut edit));
        recording(ui, desk, commands);
    });
}

fn picture(ui: &mut Ui, output: OutputSettings, edit: &mut impl FnMut(OutputSettings)) {
    let row = card::row(ui, "Picture");
    let (size, rate) = row.split_left_right_at_x(row.right() - 88.0);
    let size = Rect::from_min_max(size.min, pos2(size.right() - measure::S, size.bottom()));

    let options = with_current(
        SIZES.map(|(width, height)| PixelSize::new(width, height)),
        output.size(),
    );
    let options = options.map(|size| (size, size.to_string()));
    let shown = output.size().to_string();
    if let (_, Some(size)) = picker(ui, size, "Picture size", &shown, &output.size(), options) {
        edit(OutputSettings {
            width: size.width,
            height: size.height,
            ..output
        });
    }
    let options = with_current(FRAME_RATES, output.frame_rate);
    let options = options.map(|fps| (fps, FrameRate::new(fps).to_string()));
    let shown = output.rate().to_string();
    if let (_, Some(frame_rate)) =
        picker(ui, rate, "Frame rate", &shown, &output.frame_rate, options)
    {
        edit(OutputSettings {
            frame_rate,
            ..output
        });
    }
}

fn video_bitrate(ui: &mut Ui, output: OutputSettings, edit: &mut impl FnMut(OutputSettings)) {
    let row = card::row(ui, "Video");
    let (rail, value) = row.split_left_right_at_x(row.right() - 80.0);
    let words = output.video_bitrate().to_string();
    let last = (VIDEO_KBPS.len() - 1) as f32;
    let place = nearest_step(output.video_kbps) as f32;
    let (response, moved) = slider(ui, rail, "Video bitrate", place, (0.0, last, 1.0), &words);
    if let Some(place) = moved {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the slider keeps it between 0 and the last step"
        )]
        let video_kbps = VIDEO_KBPS[place as usize];
        edit(OutputSettings {
            video_kbps,
            ..output
        });
    }
    let _ = response
        .on_hover_text("The most that is sent: about 70 % of what your uplink usually carries.");
    text::paint(
        ui.painter(),
        value,
        Align2::RIGHT_CENTER,
        &words,
        font(Weight::Medium, 12.5),
        tokens(ui).text,
    );
}

/// How far the video bitrate follows the uplink; folded away until it is asked for.
fn limits(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let output = desk.settings.output;
    let rate = rate_of(&output);
    let summary = if output.adaptive {
        format!("down to {}", rate.floor)
    } else {
        "off".to_owned()
    };
    let toggle = UiCommand::ToggleRate;
    let line = card::line(ui, 24.0);
    if fold(ui, line, toggle.label(), &summary, desk.rate_shown)
        .on_hover_text(toggle.hint())
        .clicked()
    {
        commands.run(toggle);
    }
    if !desk.rate_shown {
        return;
    }
    let mut edit = |changed: OutputSettings| commands.edit(Edit::Output(changed));
    let line = card::line(ui, 24.0);
    let name = "Lower the bitrate with the uplink";
    let adaptive = !output.adaptive;
    if switch(ui, line, name, name, output.adaptive)
        .on_hover_text("Off: always the full bitrate. What the uplink does not carry is left out, frame by frame.")
        .clicked()
    {
        edit(OutputSettings { adaptive, ..output });
    }
    ui.add_enabled_ui(output.adaptive, |ui| {
        let row = card::row(ui, "Down to");
        let automatic = OutputSettings {
            floor_kbps: None,
            ..output
        };
        let automatic = format!("Automatic ({})", rate_of(&automatic).floor);
        let steps = VIDEO_KBPS.into_iter().filter(|kbps| *kbps <= output.video_kbps);
        let odd_one = output.floor_kbps.filter(|kbps| !VIDEO_KBPS.contains(kbps));
        let values = odd_one.into_iter().chain(steps).map(Some);
        let options: Vec<_> = std::iter::once(None)
            .chain(values)
            .map(|kbps| {
                let words = kbps.map(|kbps| Bitrate::from_kbps(kbps).to_string());
                (kbps, words.unwrap_or_else(|| automatic.clone()))
            })
            .collect();
        let shown = match output.floor_kbps {
            Some(_) => rate.floor.to_string(),
            None => automatic,
        };
        let chosen = output.floor_kbps;
        let (response, picked) = picker(ui, row, "Lowest video bitrate", &shown, &chosen, options);
        let _ = response.on_hover_text(
            "Below it, frames are left out instead, then the picture stands still; the sound goes on.",
        );
        if let Some(floor_kbps) = picked {
            edit(OutputSettings {
                floor_kbps,
                ..output
            });
        }
    });
}

fn sound_and_key_frames(
    ui: &mut Ui,
    output: OutputSettings,
    edit: &mut impl FnMut(OutputSettings),
) {
    let row = card::row(ui, "Sound");
    let options = with_current(AUDIO_KBPS, output.audio_kbps);
    let words = |kbps: u32| format!("{} AAC", Bitrate::from_kbps(kbps));
    let options = options.map(|kbps| (kbps, words(kbps)));
    let shown = words(output.audio_kbps);
    if let (_, Some(audio_kbps)) = picker(
        ui,
        row,
        "Audio bitrate",
        &shown,
        &output.audio_kbps,
        options,
    ) {
        edit(OutputSettings {
            audio_kbps,
            ..output
        });
    }
    let row = card::row(ui, "Key frames");
    let options = with_current(KEY_FRAME_SECONDS, output.key_frame_seconds)
        .map(|seconds| (seconds, every(seconds)));
    let (response, picked) = picker(
        ui,
        row,
        "Key frame interval",
        &every(output.key_frame_seconds),
        &output.key_frame_seconds,
        options,
    );
    if let Some(key_frame_seconds) = picked {
        edit(OutputSettings {
            key_frame_seconds,
            ..output
        });
    }
    let _ = response.on_hover_text("How often viewers can join. Most platforms ask for 2 s.");
}

fn recording(ui: &mut Ui, desk: &Desk, commands: &mut Commands) {
    let line = card::line(ui, measure::CONTROL);
    let record = UiCommand::ToggleRecording;
    let folder =
        Rect::from_center_size(pos2(line.right() - 16.0, line.center().y), vec2(32.0, 32.0));
    let place = Rect::from_min_max(line.min, pos2(folder.left() - measure::S, line.bottom()));
    let words = words::recording(&desk.view.recording);
    if switch(ui, place, record.label(), &words, desk.view.is_recording())
        .on_hover_text(record.hint())
        .clicked()
    {
        commands.run(record);
    }
    let choose = UiCommand::ChooseFolder;
    let hint = format!(
        "Recordings are kept in {}. Press to choose another folder.",
        desk.folder().display()
    );
    if button::icon(ui, folder, choose.label(), Icon::Folder)
        .on_hover_text(hint)
        .clicked()
    {
        commands.run(choose);
    }
}

/// The usual values, and the present one first if it is none of them.
fn with_current<T: PartialEq + Copy, const N: usize>(
    usual: [T; N],
    current: T,
) -> impl Iterator<Item = T> {
    let odd_one = (!usual.contains(&current)).then_some(current);
    odd_one.into_iter().chain(usual)
}

fn nearest_step(kbps: u32) -> usize {
    (0..VIDEO_KBPS.len())
        .min_by_key(|&step| VIDEO_KBPS[step].abs_diff(kbps))
        .unwrap_or(0)
}

fn every(seconds: f32) -> String {
    format!("Every {seconds} s")
}

const SIZES: [(u32, u32); 8] = [
    (1920, 1080),
    (1600, 900),
    (1280, 720),
    (960, 540),
    (854, 480),
    (640, 360),
    (720, 1280),
    (1080, 1920),
];
const FRAME_RATES: [u32; 7] = [60, 50, 30, 25, 24, 15, 10];
const AUDIO_KBPS: [u32; 7] = [320, 256, 192, 160, 128, 96, 64];
const KEY_FRAME_SECONDS: [f32; 6] = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0];
/// Steps of the video bitrate: each makes a visible difference.
const VIDEO_KBPS: [u32; 26] = [
    200, 300, 400, 500, 600, 800, 1_000, 1_200, 1_500, 1_800, 2_000, 2_500, 3_000, 3_500, 4_000,
    4_500, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 12_000, 15_000, 18_000, 20_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusual_value_is_offered_too() {
        let offered: Vec<_> = with_current(FRAME_RATES, 12).collect();
        assert_eq!(offered[0], 12);
        assert_eq!(with_current(FRAME_RATES, 30).count(), FRAME_RATES.len());
    }

    #[test]
    fn the_slider_stands_at_the_nearest_step() {
        assert_eq!(VIDEO_KBPS[nearest_step(2_600)], 2_500);
        assert_eq!(VIDEO_KBPS[nearest_step(1)], 200);
        assert_eq!(VIDEO_KBPS[nearest_step(99_999)], 20_000);
    }
}
