//! The control desk: everything the window shows and everything that can be changed there, as plain data.
//!
//! Panels read a [`Desk`] and hand back [`Action`]s; [`Desk::act`] turns those into [`Effect`]s for the
//! engine, the keychain and the window, which [`super::app`] carries out. Nothing here paints or waits. The
//! destinations have their own files: [`sheet`] tells them apart, [`destination`] changes them.

mod destination;
mod sheet;

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, Local};

use crate::{
    capture::source::{AudioChoice, DeviceId, VideoChoice},
    engine::{
        command::{Broadcast, Command, Follow, OutputFormat, RateControl, RecordingTarget},
        event::{Event, Severity, StreamStatus},
    },
    media::packet::{AudioFormat, VideoFormat},
    settings::{
        connection::TrustChoice,
        destination::FollowChoice,
        model::{AudioSource, OutputSettings, Settings, VideoSource},
        secrets::{Answer, Request, SecretError},
    },
    units::{Bitrate, Decibels, MediaTime},
};

use super::{
    command::{Action, Edit, UiCommand},
    connection,
    reports::News,
    state::ViewState,
};

pub use sheet::{Entry, Opened, Place, Sheet};

/// Everything the window shows and edits.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that is shown or not, whatever the others are"
)]
pub struct Desk {
    /// What is remembered between runs.
    pub settings: Settings,
    /// What is known of each destination beyond its settings: the first, then those beside it.
    pub sheets: Vec<Sheet>,
    /// Which of those beside the first has its dialog open.
    pub opened: Option<Opened>,
    /// Whether the secrets are shown in clear.
    pub key_shown: bool,
    /// Whether the limits of the video bitrate are open.
    pub rate_shown: bool,
    /// Why the key cannot be remembered, if it cannot.
    pub keychain_trouble: Option<String>,
    /// What the engine told.
    pub view: ViewState,
    /// Where the last stream's report is, once it is kept.
    pub report: Option<PathBuf>,
    /// Whether the dialog about the program is open.
    pub about_shown: bool,
    /// What the person is being asked.
    pub question: Option<Question>,
    /// Whether a dialog for a folder or file is open.
    pub choosing: bool,
    /// Where recordings go unless another folder is chosen.
    pub default_folder: PathBuf,
    /// The engine's clock, as of this frame.
    pub now: MediaTime,
    /// What the engine's clock means in wall time.
    pub wall: WallClock,
    /// Where the stream was asked to go, in the order of [`ViewState::destinations`].
    asked: Vec<Place>,
    /// Whose certificate file is being chosen.
    choosing_for: Place,
    leaving_since: Option<MediaTime>,
    effects: Vec<Effect>,
}

/// What is asked before something is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Stop the stream?
    Stop,
    /// Close the window though it streams or records?
    Quit,
}

/// What is to be done outside the desk.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the engine.
    Engine(Command),
    /// Ask the keychain.
    Keychain(Request),
    /// Open the dialog for a folder.
    ChooseFolder,
    /// Open the dialog for a certificate file.
    ChooseCertificate,
    /// Read a certificate file, and tell the desk.
    ReadCertificate(PathBuf),
    /// Open a report in the browser.
    OpenReport(PathBuf),
    /// Take over the theme.
    ApplyTheme,
    /// Close the window.
    Close,
}

/// When the engine's clock started, in wall time.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(DateTime<Local>);

impl Desk {
    /// The desk as the program starts: it tells the engine the settings and asks the keychain for the key.
    #[must_use]
    pub fn new(settings: Settings, default_folder: PathBuf, wall: WallClock) -> Self {
        let settings = settings.sanitised();
        let mut desk = Self {
            sheets: (0..=settings.also.len())
                .map(|_| Sheet::default())
                .collect(),
            settings,
            opened: None,
            key_shown: false,
            rate_shown: false,
            keychain_trouble: None,
            view: ViewState::default(),
            report: None,
            about_shown: false,
            question: None,
            choosing: false,
            default_folder,
            now: MediaTime::ZERO,
            wall,
            asked: Vec::new(),
            choosing_for: Place::FIRST,
            leaving_since: None,
            effects: Vec::new(),
        };
        desk.start();
        desk
    }

    /// Takes over what a panel or the keyboard asks for.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Do(command) => self.run(command),
            Action::Edit(edit) => self.edit(edit),
        }
    }

    /// Takes in what the engine tells.
    pub fn hear(&mut self, event: Event) {
        let devices = matches!(event, Event::Devices { .. });
        self.view.apply(event, self.now);
        if devices {
            self.settle_on_devices();
        }
        if self.question == Some(Question::Stop) && self.view.is_offline() {
            self.question = None;
        }
    }

    /// Takes in what the keychain answers.
    pub fn hear_keychain(&mut self, answer: Answer) {
        match answer {
            Answer::Loaded {
                kind,
                server,
                secret: Some(secret),
            } => {
                for place in self.places() {
                    let is_meant = self
                        .entry(place)
                        .is_some_and(|entry| entry.account() == server);
                    if let Some(sheet) = self.sheet_at(place).filter(|_| is_meant) {
                        sheet.secrets.hear_kept(kind, secret.clone());
                    }
                }
                self.keychain_trouble = None;
            }
            Answer::Loaded { .. } | Answer::Stored | Answer::Deleted => {
                self.keychain_trouble = None;
            }
            Answer::Failed(error) => self.tell_keychain_trouble(&error),
        }
    }

    /// Tells that the keychain cannot help.
    pub fn tell_keychain_trouble(&mut self, error: &SecretError) {
        for sheet in &mut self.sheets {
            sheet.secrets.doubt_kept();
        }
        self.keychain_trouble = Some(error.to_string());
    }

    /// The window's close button was pressed: whether it may close now. If not, a question is asked.
    #[must_use]
    pub fn may_close(&mut self) -> bool {
        if !self.view.is_encoding() || self.is_done_leaving() {
            self.keep_all_keys();
            return true;
        }
        if self.leaving_since.is_none() {
            self.question = Some(Question::Quit);
        }
        false
    }

    /// Closes the window as soon as everything has stopped; to be called every frame.
    pub fn step(&mut self, now: MediaTime) {
        self.now = now;
        if self.is_done_leaving() {
            self.effects.push(Effect::Close);
        }
    }

    /// Whether the window waits for the engine to stop, to close then.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving_since.is_some()
    }

    /// What is to be done outside, since the last call.
    #[must_use]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Takes in what became of a report.
    pub fn hear_report(&mut self, news: News) {
        match news {
            News::Kept(file) => self.report = Some(file),
            News::Trouble(words) => self.note(Severity::Warning, words),
            News::Done => {}
        }
    }

    /// What keeps *Go Live* from being pressed, in words, if anything does.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        self.entries()
            .filter(Entry::is_enabled)
            .find_map(|entry| entry.obstacle())
    }

    /// The folder for recordings.
    #[must_use]
    pub fn folder(&self) -> &PathBuf {
        self.settings
            .recording
            .folder
            .as_ref()
            .unwrap_or(&self.default_folder)
    }

    fn start(&mut self) {
        self.tell_video();
        self.tell_audio();
        self.tell(Command::SetGain(Decibels(self.settings.gain_db)));
        self.tell(Command::SetMuted(self.settings.muted));
        self.tell_format();
        self.tell(Command::RefreshDevices);
        for place in self.places() {
            self.load_key(place);
            self.read_certificate(place);
        }
    }

    fn run(&mut self, command: UiCommand) {
        match command {
            UiCommand::GoLiveOrStop => self.go_live_or_stop(),
            UiCommand::ToggleMute => {
                self.settings.muted = !self.settings.muted;
                self.tell(Command::SetMuted(self.settings.muted));
            }
            UiCommand::ToggleRecording => self.tell(if self.view.is_recording() {
                Command::StopRecording
            } else {
                Command::StartRecording(RecordingTarget::Folder(self.folder().clone()))
            }),
            UiCommand::RefreshDevices => self.tell(Command::RefreshDevices),
            UiCommand::ResetGain => self.edit(Edit::Gain(0.0)),
            UiCommand::ChooseFolder => {
                if !self.choosing {
                    self.choosing = true;
                    self.effects.push(Effect::ChooseFolder);
                }
            }
            UiCommand::ChooseCertificate => {
                if !self.choosing {
                    self.choosing = true;
                    self.choosing_for = self.front();
                    self.effects.push(Effect::ChooseCertificate);
                }
            }
            UiCommand::ToggleAdvanced => {
                let front = self.front();
                if let Some(sheet) = self.sheet_at(front) {
                    sheet.advanced_shown = !sheet.advanced_shown;
                }
            }
            UiCommand::ToggleRate => self.rate_shown = !self.rate_shown,
            UiCommand::AddDestination => self.add_destination(),
            UiCommand::CloseDestination => self.close_destination(),
            UiCommand::RemoveDestination => self.remove_destination(),
            UiCommand::RetryNow => {
                if self.is_retrying() {
                    self.tell(Command::RetryNow);
                }
            }
            UiCommand::ToggleKeyShown => self.key_shown = !self.key_shown,
            UiCommand::OpenReport => self
                .effects
                .extend(self.report.clone().map(Effect::OpenReport)),
            UiCommand::ShowAbout => self.about_shown = true,
            UiCommand::CloseAbout => self.about_shown = false,
            UiCommand::DismissFailure => self.view.failure = None,
            UiCommand::KeepGoing => self.question = None,
            UiCommand::StopNow => {
                self.question = None;
                self.tell(Command::Stop);
            }
            UiCommand::StopAndQuit => {
                self.question = None;
                self.leaving_since = Some(self.now);
                if !self.view.is_offline() {
                    self.tell(Command::Stop);
                }
                if self.view.is_recording() {
                    self.tell(Command::StopRecording);
                }
            }
        }
    }

    fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Video(source) => {
                self.settings.video = source;
                self.view.video = super::state::SourceState::Waiting;
                self.tell_video();
            }
            Edit::Audio(source) => {
                self.settings.audio = source;
                self.view.audio = super::state::SourceState::Waiting;
                self.tell_audio();
            }
            Edit::Gain(gain_db) => {
                self.settings.gain_db = gain_db;
                self.tell(Command::SetGain(Decibels(gain_db)));
            }
            Edit::Output(output) => {
                self.settings.output = output;
                self.tell_format();
            }
            Edit::Destination(place, change) => self.change(place, change),
            Edit::Opened(place) => self.open_destination(place),
            Edit::Follow(follow) => self.settings.follow = follow,
            Edit::Certificate(file) => {
                self.choosing = false;
                let place = self.choosing_for;
                if let Some(file) = file
                    && let Some(settings) = self.settings_at(place)
                {
                    settings.connection.trust = TrustChoice::File { file };
                    self.read_certificate(place);
                }
            }
            Edit::Folder(folder) => {
                self.choosing = false;
                if folder.is_some() {
                    self.settings.recording.folder = folder;
                }
            }
            Edit::Theme(theme) => {
                self.settings.window.theme = theme;
                self.effects.push(Effect::ApplyTheme);
            }
        }
    }

    fn go_live_or_stop(&mut self) {
        match self.view.status {
            StreamStatus::Offline { .. } if self.obstacle().is_none() => {
                self.keep_all_keys();
                self.view.failure = None;
                self.report = None;
                self.go_live();
            }
            // Nobody watches yet: there is nothing to ask.
            StreamStatus::Connecting { .. } => self.tell(Command::Stop),
            StreamStatus::Live { .. } | StreamStatus::Reconnecting { .. } => {
                self.question = Some(Question::Stop);
            }
            StreamStatus::Offline { .. } | StreamStatus::Stopping => {}
        }
    }

    fn go_live(&mut self) {
        let enabled = self.entries().filter(Entry::is_enabled);
        let (asked, destinations) = enabled
            .filter_map(|entry| Some((entry.place, connection::destination(entry).ok()?)))
            .unzip();
        self.asked = asked;
        self.tell(Command::GoLive(Box::new(Broadcast {
            destinations,
            follow: match self.settings.follow {
                FollowChoice::Primary => Follow::Primary,
                FollowChoice::Slowest => Follow::Slowest,
            },
        })));
    }

    /// Replaces "automatic" by the first device there is.
    fn settle_on_devices(&mut self) {
        if !self.view.is_offline() {
            return;
        }
        if self.settings.video == VideoSource::Automatic
            && let Some(camera) = self.view.cameras.iter().flatten().next()
        {
            let (id, name) = (camera.id.0.clone(), camera.name.clone());
            self.edit(Edit::Video(VideoSource::Camera { id, name }));
        }
        let microphones = || self.view.microphones.iter().flatten();
        if self.settings.audio == AudioSource::Automatic
            && let Some(microphone) = microphones()
                .find(|microphone| microphone.is_default)
                .or_else(|| microphones().next())
        {
            let (id, name) = (microphone.id.0.clone(), microphone.name.clone());
            self.edit(Edit::Audio(AudioSource::Microphone { id, name }));
        }
    }

    fn tell(&mut self, command: Command) {
        self.effects.push(Effect::Engine(command));
    }

    fn tell_video(&mut self) {
        self.tell(Command::SelectVideo(match &self.settings.video {
            VideoSource::None => VideoChoice::None,
            VideoSource::Automatic | VideoSource::TestPicture => VideoChoice::TestPicture,
            VideoSource::Camera { id, .. } => VideoChoice::Camera(DeviceId(id.clone())),
        }));
    }

    fn tell_audio(&mut self) {
        self.tell(Command::SelectAudio(match &self.settings.audio {
            AudioSource::Silence => AudioChoice::Silence,
            AudioSource::Automatic | AudioSource::Beep => AudioChoice::Beep,
            AudioSource::SteadyTone => AudioChoice::SteadyTone,
            AudioSource::Microphone { id, .. } => AudioChoice::Microphone(DeviceId(id.clone())),
        }));
    }

    fn tell_format(&mut self) {
        self.tell(Command::SetFormat(format_of(&self.settings.output)));
    }

    fn is_done_leaving(&self) -> bool {
        self.leaving_since
            .is_some_and(|since| !self.view.is_encoding() || self.now.since(since) > LEAVE_AFTER)
    }

    /// Adds a line to the story, now.
    pub fn note(&mut self, severity: Severity, text: String) {
        self.view.note(self.now, severity, text);
    }
}

impl WallClock {
    /// A clock that says it is `wall` when the engine's clock says `now`.
    #[must_use]
    pub fn new(wall: DateTime<Local>, now: MediaTime) -> Self {
        Self(wall - Duration::from_nanos(now.as_nanos()))
    }

    /// The time of day, `14:22:05`.
    #[must_use]
    pub fn time_of_day(&self, at: MediaTime) -> String {
        let time = self.0 + Duration::from_nanos(at.as_nanos());
        time.format("%H:%M:%S").to_string()
    }
}

/// How the engine is to encode, by these settings.
#[must_use]
pub fn format_of(output: &OutputSettings) -> OutputFormat {
    OutputFormat {
        video: VideoFormat {
            size: output.size(),
            frame_rate: output.rate(),
            bitrate: output.video_bitrate(),
            key_frame_interval: output.key_frame_interval(),
        },
        audio: AudioFormat {
            sample_rate: output.sample_rate,
            channels: output.channels,
            bitrate: Bitrate::from_kbps(output.audio_kbps),
        },
        rate: rate_of(output),
    }
}

/// How the video bitrate is to follow the uplink, by these settings.
#[must_use]
pub fn rate_of(output: &OutputSettings) -> RateControl {
    let ceiling = output.video_bitrate();
    let automatic = RateControl::for_ceiling(ceiling).floor;
    let chosen = output.floor_kbps.map(Bitrate::from_kbps);
    RateControl {
        adaptive: output.adaptive,
        floor: chosen.map_or(automatic, |floor| floor.min(ceiling)),
    }
}

/// Longest time for the engine to stop before the window closes without it.
const LEAVE_AFTER: Duration = Duration::from_millis(1_500);
