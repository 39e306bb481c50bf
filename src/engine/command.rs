//! What may be asked of a running engine.

use std::time::Duration;

use crate::{
    capture::source::{AudioChoice, VideoChoice},
    media::packet::{AudioFormat, VideoFormat},
    net::route::Route,
    rtmp::options::SessionOptions,
    secret::Secret,
    units::Decibels,
};

pub use crate::record::RecordingTarget;

/// One wish. Commands never block and never fail: what came of them is told by events.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take the picture from here; also while live.
    SelectVideo(VideoChoice),
    /// Take the sound from here; also while live.
    SelectAudio(AudioChoice),
    /// Look for cameras and microphones anew; answered by [`super::event::Event::Devices`].
    RefreshDevices,
    /// Multiply the sound; -60 to +20 dB.
    SetGain(Decibels),
    /// Send silence instead of the sound.
    SetMuted(bool),
    /// Encode like this. While live or recording only the video bitrate is taken over, the rest waits.
    SetFormat(OutputFormat),
    /// Publish.
    GoLive(Box<Destination>),
    /// Stop publishing (a recording goes on).
    Stop,
    /// Record what is encoded to a new file.
    StartRecording(RecordingTarget),
    /// Finish the recording.
    StopRecording,
    /// Whether anybody looks at the preview; a hidden one costs nothing.
    ShowPreview(bool),
}

/// How picture and sound are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputFormat {
    /// The picture.
    pub video: VideoFormat,
    /// The sound.
    pub audio: AudioFormat,
}

/// Where to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// `rtmp://` or `rtmps://` address up to the application: everything but the stream key.
    pub server: String,
    /// The stream key.
    pub key: Secret,
    /// Which way to take to the server.
    pub route: Route,
    /// How the server wants to be spoken to.
    pub options: SessionOptions,
    /// Give up when not live for so long; `None` tries without end.
    pub give_up_after: Option<Duration>,
}

impl Destination {
    /// A server and a key, with the defaults of everything else.
    #[must_use]
    pub fn new(server: impl Into<String>, key: Secret) -> Self {
        Self {
            server: server.into(),
            key,
            route: Route::default(),
            options: SessionOptions::default(),
            give_up_after: None,
        }
    }
}
