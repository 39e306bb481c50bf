//! What there is to remember: choices and preferences, never a stream key.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::destination::{AlsoSettings, DestinationSettings, FollowChoice};
use crate::units::{Bitrate, Decibels, FrameRate, PixelSize};

/// Everything that survives a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The file's layout; see [`Settings::VERSION`].
    pub version: u32,
    /// Where the picture comes from.
    pub video: VideoSource,
    /// Where the sound comes from.
    pub audio: AudioSource,
    /// Gain of the sound in decibels, -60 to +20.
    pub gain_db: f32,
    /// Whether silence is sent instead of the sound.
    pub muted: bool,
    /// How picture and sound are encoded.
    pub output: OutputSettings,
    /// Where recordings go.
    pub recording: RecordingSettings,
    /// Where the stream goes.
    pub destination: DestinationSettings,
    /// Where else it goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlsoSettings>,
    /// Whose uplink decides on the bitrate, where there are several destinations.
    pub follow: FollowChoice,
    /// The window.
    pub window: WindowSettings,
}

/// Where the picture comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum VideoSource {
    /// The first camera that turns up, the test picture until then. Becomes a camera once one is chosen.
    #[default]
    Automatic,
    /// No picture.
    None,
    /// The built-in test picture.
    TestPicture,
    /// A camera.
    Camera {
        /// Its identity.
        id: String,
        /// Its name, to be shown while it is not connected.
        name: String,
    },
}

/// Where the sound comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AudioSource {
    /// The system's default microphone once there is one, the beep until then.
    #[default]
    Automatic,
    /// Silence, on purpose.
    Silence,
    /// A beep with each flash of the test picture.
    Beep,
    /// A tone without pauses.
    SteadyTone,
    /// A microphone.
    Microphone {
        /// Its identity.
        id: String,
        /// Its name, to be shown while it is not connected.
        name: String,
    },
}

/// How picture and sound are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputSettings {
    /// Columns of the picture, even.
    pub width: u32,
    /// Rows of the picture, even.
    pub height: u32,
    /// Frames per second, 1 to 60.
    pub frame_rate: u32,
    /// Video bitrate in thousand bits per second, at most.
    pub video_kbps: u32,
    /// Whether the video bitrate follows the uplink.
    pub adaptive: bool,
    /// The video bitrate never goes below, in thousand bits per second; `None` is a share of `video_kbps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_kbps: Option<u32>,
    /// Audio bitrate in thousand bits per second, 32 to 320.
    pub audio_kbps: u32,
    /// Samples per second: 44 100 or 48 000.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Seconds from one key frame to the next, 0.5 to 10.
    pub key_frame_seconds: f32,
}

/// Where recordings go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordingSettings {
    /// The folder; `None` is the system's folder for videos.
    pub folder: Option<PathBuf>,
}

/// The window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowSettings {
    /// Dark or light.
    pub theme: ThemeChoice,
}

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    /// As the system has it.
    #[default]
    System,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

impl Settings {
    /// The layout written by this program.
    pub const VERSION: u32 = 1;

    /// The gains that can be set, in decibels.
    pub const GAIN_DB: (f32, f32) = (-60.0, 20.0);

    /// The same settings with every value inside its limits, and with no password in the address.
    #[must_use]
    pub fn sanitised(mut self) -> Self {
        self.version = Self::VERSION;
        self.gain_db = if self.gain_db.is_finite() {
            self.gain_db.clamp(Self::GAIN_DB.0, Self::GAIN_DB.1)
        } else {
            0.0
        };
        self.output = self.output.sanitised();
        self.destination = self.destination.sanitised();
        self.also = AlsoSettings::sanitised(self.also);
        self.recording.folder = self.recording.folder.filter(|folder| folder.is_absolute());
        self
    }

    /// The gain as a quantity.
    #[must_use]
    pub fn gain(&self) -> Decibels {
        Decibels(self.gain_db)
    }
}

impl OutputSettings {
    /// The frame rates that can be asked for.
    pub const FRAME_RATES: (u32, u32) = (1, 60);
    /// The video bitrates that can be asked for, in thousand bits per second.
    pub const VIDEO_KBPS: (u32, u32) = (100, 20_000);
    /// The audio bitrates that can be asked for, in thousand bits per second.
    pub const AUDIO_KBPS: (u32, u32) = (32, 320);
    /// The key frame intervals that can be asked for, in seconds.
    pub const KEY_FRAME_SECONDS: (f32, f32) = (0.5, 10.0);

    /// The picture's size.
    #[must_use]
    pub fn size(&self) -> PixelSize {
        PixelSize::new(self.width, self.height)
    }

    /// The picture's rate.
    #[must_use]
    pub fn rate(&self) -> FrameRate {
        FrameRate::new(self.frame_rate)
    }

    /// The video bitrate.
    #[must_use]
    pub fn video_bitrate(&self) -> Bitrate {
        Bitrate::from_kbps(self.video_kbps)
    }

    /// Frames from one key frame to the next, at least one.
    #[must_use]
    pub fn key_frame_interval(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "both factors are within limits: at most 600 frames"
        )]
        let frames = (self.key_frame_seconds * self.frame_rate as f32).round() as u32;
        frames.max(1)
    }

    fn sanitised(self) -> Self {
        let (slowest, fastest) = Self::FRAME_RATES;
        let (low, high) = Self::VIDEO_KBPS;
        let (quiet, rich) = Self::AUDIO_KBPS;
        let (shortest, longest) = Self::KEY_FRAME_SECONDS;
        Self {
            width: even(self.width, PixelSize::MIN.width, PixelSize::MAX.width),
            height: even(self.height, PixelSize::MIN.height, PixelSize::MAX.height),
            frame_rate: self.frame_rate.clamp(slowest, fastest),
            video_kbps: self.video_kbps.clamp(low, high),
            adaptive: self.adaptive,
            floor_kbps: self.floor_kbps.map(|floor| floor.clamp(low, high)),
            audio_kbps: self.audio_kbps.clamp(quiet, rich),
            sample_rate: if self.sample_rate == 44_100 {
                44_100
            } else {
                48_000
            },
            channels: self.channels.clamp(1, 2),
            key_frame_seconds: if self.key_frame_seconds.is_finite() {
                self.key_frame_seconds.clamp(shortest, longest)
            } else {
                Self::default().key_frame_seconds
            },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            video: VideoSource::default(),
            audio: AudioSource::default(),
            gain_db: 0.0,
            muted: false,
            output: OutputSettings::default(),
            recording: RecordingSettings::default(),
            destination: DestinationSettings::default(),
            also: Vec::new(),
            follow: FollowChoice::default(),
            window: WindowSettings::default(),
        }
    }
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            frame_rate: 30,
            video_kbps: 2_500,
            adaptive: true,
            floor_kbps: None,
            audio_kbps: 128,
            sample_rate: 48_000,
            channels: 2,
            key_frame_seconds: 2.0,
        }
    }
}

/// `value` within its limits (both even), rounded down to an even number.
fn even(value: u32, low: u32, high: u32) -> u32 {
    value.clamp(low, high) & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_file_format() {
        let settings = Settings {
            video: VideoSource::Camera {
                id: "usb-1".into(),
                name: "HD Webcam".into(),
            },
            audio: AudioSource::SteadyTone,
            gain_db: -3.5,
            recording: RecordingSettings {
                folder: Some("/videos".into()),
            },
            window: WindowSettings {
                theme: ThemeChoice::Light,
            },
            ..Settings::default()
        };
        let text = toml::to_string_pretty(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn what_is_missing_in_the_file_takes_its_default() {
        let settings: Settings = toml::from_str("[output]\nwidth = 640").unwrap();
        assert_eq!(settings.output.width, 640);
        assert_eq!(settings.output.height, 720);
        assert!(settings.output.adaptive && settings.output.floor_kbps.is_none());
        assert_eq!(settings.destination, DestinationSettings::default());
    }

    #[test]
    fn absurd_values_are_brought_inside_their_limits() {
        let absurd = Settings {
            gain_db: f32::NAN,
            output: OutputSettings {
                width: 0,
                height: 99_999,
                frame_rate: 0,
                video_kbps: u32::MAX,
                adaptive: true,
                floor_kbps: Some(1),
                audio_kbps: 1,
                sample_rate: 7,
                channels: 9,
                key_frame_seconds: f32::INFINITY,
            },
            recording: RecordingSettings {
                folder: Some("relative".into()),
            },
            ..Settings::default()
        };
        let sane = absurd.sanitised();
        assert!(sane.gain_db.abs() < f32::EPSILON);
        assert_eq!(sane.output.size(), PixelSize::new(160, 2160));
        assert_eq!(sane.output.frame_rate, 1);
        assert_eq!(sane.output.video_kbps, 20_000);
        assert_eq!(sane.output.floor_kbps, Some(100));
        assert_eq!(sane.output.audio_kbps, 32);
        assert_eq!(sane.output.sample_rate, 48_000);
        assert_eq!(sane.output.channels, 2);
        assert_eq!(sane.output.key_frame_interval(), 2);
        assert_eq!(sane.recording.folder, None);
    }

    #[test]
    fn odd_sizes_become_even() {
        let output = OutputSettings {
            width: 1281,
            height: 721,
            ..OutputSettings::default()
        };
        assert_eq!(output.sanitised().size(), PixelSize::new(1280, 720));
    }
}
