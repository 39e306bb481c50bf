//! What the window's controls can ask for. [`UiCommand`] is the one list that supplies labels, tooltips and
//! keyboard shortcuts; [`Edit`] carries a changed value. Panels collect both in [`Commands`].

use std::path::PathBuf;

use eframe::egui::{Key, KeyboardShortcut, Modifiers};

use crate::{
    secret::Secret,
    settings::{
        connection::ConnectionSettings,
        destination::{BackupSettings, FollowChoice},
        model::{AudioSource, OutputSettings, ThemeChoice, VideoSource},
        secrets::SecretKind,
    },
};

use super::desk::Place;

/// Something a person can do with one press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UiCommand {
    /// Publish; or stop publishing, after asking.
    GoLiveOrStop,
    /// Send silence, or the sound again.
    ToggleMute,
    /// Start or finish the recording.
    ToggleRecording,
    /// Look for cameras and microphones anew.
    RefreshDevices,
    /// Gain back to 0 dB.
    ResetGain,
    /// Choose where recordings go.
    ChooseFolder,
    /// Show or hide the stream key.
    ToggleKeyShown,
    /// Show or fold away what is beyond address and key.
    ToggleAdvanced,
    /// Choose a file with certificates to trust.
    ChooseCertificate,
    /// Show or fold away the limits of the video bitrate.
    ToggleRate,
    /// Open the dialog for one more destination.
    AddDestination,
    /// Close the destination's dialog.
    CloseDestination,
    /// Forget the destination in the dialog.
    RemoveDestination,
    /// Start the next attempt to connect now.
    RetryNow,
    /// Open the last stream's report.
    OpenReport,
    /// Open the dialog about the program.
    ShowAbout,
    /// Close it.
    CloseAbout,
    /// Put the error away.
    DismissFailure,
    /// Answer to both questions: go on.
    KeepGoing,
    /// Answer: stop the stream.
    StopNow,
    /// Answer: stop everything and close the window.
    StopAndQuit,
}

/// A value a person changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Another source of the picture.
    Video(VideoSource),
    /// Another source of the sound.
    Audio(AudioSource),
    /// The gain, in decibels.
    Gain(f32),
    /// Size, rates, bitrates.
    Output(OutputSettings),
    /// Something about one destination.
    Destination(Place, Change),
    /// The destination beside the first that is to be seen in the dialog.
    Opened(Place),
    /// Whose uplink decides on the bitrate.
    Follow(FollowChoice),
    /// The file with certificates to trust, for the destination in front; `None` when the choice was cancelled.
    Certificate(Option<PathBuf>),
    /// The folder for recordings; `None` when the choice was cancelled.
    Folder(Option<PathBuf>),
    /// Dark or light.
    Theme(ThemeChoice),
}

/// A value of one destination that a person changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// What it is called.
    Name(String),
    /// Whether the stream goes there.
    Enabled(bool),
    /// The server's address as typed.
    Server(String),
    /// What was pasted in the address's place: perhaps a whole URL with the key in it.
    Pasted(String),
    /// The address is typed; the field has been left.
    ServerDone,
    /// A secret as typed.
    Secret(SecretKind, Secret),
    /// What was pasted in the key's place: perhaps a whole URL.
    PastedKey(Secret),
    /// A secret is typed; its field has been left.
    KeyDone,
    /// How the destination is reached where that is not as usual.
    Connection(ConnectionSettings),
    /// The proxy is typed; the field has been left.
    ProxyDone,
    /// Where to go when the server fails.
    Backup(BackupSettings),
    /// What was pasted as the backup's address: perhaps a whole URL with the key in it.
    PastedBackup(String),
    /// Whether the keychain keeps key and passwords.
    RememberKey(bool),
}

/// One wish of a panel.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Do this.
    Do(UiCommand),
    /// Change this.
    Edit(Edit),
}

/// What the panels of one frame ask for, in order; none overwrites another.
#[derive(Debug, Default, PartialEq)]
pub struct Commands(Vec<Action>);

impl UiCommand {
    /// The commands that have a key combination.
    pub const WITH_SHORTCUT: [Self; 5] = [
        Self::GoLiveOrStop,
        Self::ToggleMute,
        Self::ToggleRecording,
        Self::RefreshDevices,
        Self::RetryNow,
    ];

    /// What it is called, on buttons and in lists.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::GoLiveOrStop => "Go Live",
            Self::ToggleMute => "Mute",
            Self::ToggleRecording => "Record",
            Self::RefreshDevices => "Refresh devices",
            Self::ResetGain => "Reset gain",
            Self::ChooseFolder => "Choose folder",
            Self::ToggleKeyShown => "Show",
            Self::ToggleAdvanced => "Advanced connection",
            Self::ChooseCertificate => "Choose certificate file",
            Self::ToggleRate => "Follow the uplink",
            Self::AddDestination => "Also stream to…",
            Self::CloseDestination => "Done",
            Self::RemoveDestination => "Remove",
            Self::RetryNow => "Retry now",
            Self::OpenReport => "Report",
            Self::ShowAbout => "About Skywave",
            Self::CloseAbout => "Close",
            Self::DismissFailure => "Dismiss",
            Self::KeepGoing => "Keep streaming",
            Self::StopNow => "Stop the stream",
            Self::StopAndQuit => "Stop and quit",
        }
    }

    /// What it does, in a sentence.
    #[must_use]
    pub fn tooltip(self) -> &'static str {
        match self {
            Self::GoLiveOrStop => "Start or stop sending to the server",
            Self::ToggleMute => "Send silence instead of the sound",
            Self::ToggleRecording => "Record what is sent to a file on this computer",
            Self::RefreshDevices => "Look for cameras and microphones again",
            Self::ResetGain => "Set the gain back to 0 dB",
            Self::ChooseFolder => "Choose where recordings are kept",
            Self::ToggleKeyShown => "Show or hide the stream key",
            Self::ToggleAdvanced => {
                "Backup server, login, certificate, proxy: for when a key is not enough"
            }
            Self::ChooseCertificate => "Choose a file with certificates in PEM form",
            Self::ToggleRate => "How far the video bitrate may fall when the uplink slows down",
            Self::AddDestination => "Send the same stream to one more server",
            Self::CloseDestination => "Close this dialog; everything is kept",
            Self::RemoveDestination => "Forget this destination and its key",
            Self::RetryNow => "Try to connect again without waiting",
            Self::OpenReport => {
                "What viewers missed of the last stream, and why, as a page in the browser"
            }
            Self::ShowAbout => "Version, licence, and how this computer encodes",
            Self::CloseAbout => "Close this dialog",
            Self::DismissFailure => "Put this message away",
            Self::KeepGoing => "Go on as before",
            Self::StopNow => "Viewers see the stream end",
            Self::StopAndQuit => "End the stream and the recording, then close the window",
        }
    }

    /// The key combination, if it has one.
    #[must_use]
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        let key = match self {
            Self::GoLiveOrStop => Key::Enter,
            Self::ToggleMute => Key::M,
            Self::ToggleRecording => Key::R,
            Self::RefreshDevices => Key::D,
            Self::RetryNow => Key::T,
            _ => return None,
        };
        Some(KeyboardShortcut::new(Modifiers::COMMAND, key))
    }

    /// The key combination as it is printed on keyboards; empty when there is none.
    #[must_use]
    pub fn shortcut_text(self) -> String {
        let command = if cfg!(target_os = "macos") {
            "Cmd"
        } else {
            "Ctrl"
        };
        self.shortcut()
            .map(|shortcut| format!("{command}+{}", shortcut.logical_key.name()))
            .unwrap_or_default()
    }

    /// The tooltip, with the key combination where there is one.
    #[must_use]
    pub fn hint(self) -> String {
        let keys = self.shortcut_text();
        if keys.is_empty() {
            self.tooltip().to_owned()
        } else {
            format!("{} ({keys})", self.tooltip())
        }
    }
}

impl Commands {
    /// Asks for `command`.
    pub fn run(&mut self, command: UiCommand) {
        self.0.push(Action::Do(command));
    }

    /// Asks for a changed value.
    pub fn edit(&mut self, edit: Edit) {
        self.0.push(Action::Edit(edit));
    }

    /// Asks for a changed value of one destination.
    pub fn change(&mut self, place: Place, change: Change) {
        self.edit(Edit::Destination(place, change));
    }

    /// What was asked for, in order.
    #[must_use]
    pub fn into_actions(self) -> Vec<Action> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key_combination() {
        let mut seen = Vec::new();
        for command in UiCommand::WITH_SHORTCUT {
            let shortcut = command.shortcut().expect("listed as having one");
            assert!(!seen.contains(&shortcut), "{command:?}");
            seen.push(shortcut);
        }
    }

    #[test]
    fn hints_name_the_keys() {
        assert!(UiCommand::ToggleMute.hint().ends_with("+M)"));
        assert!(!UiCommand::ResetGain.hint().contains('('));
    }
}
