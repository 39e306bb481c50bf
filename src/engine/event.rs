//! What the engine tells: one stream for the window, the command line's JSON lines and the log.

use std::{path::PathBuf, time::Duration};

use crate::{
    capture::source::{CameraInfo, MicrophoneInfo, SourceEvent},
    media::level::Levels,
    rtmp::refusal::Failure,
    units::{Bitrate, MediaTime},
};

pub use crate::{control::bitrate::Figure, encode::h264::Acceleration, media::latency::Latency};

/// What there is to fetch from a running engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// At least one event.
    Event,
    /// A new picture for the preview.
    Picture,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The one truth about publishing changed: that of the primary destination, or of the first that is left.
    Status(StreamStatus),
    /// Every destination of the broadcast, in the order they were asked for: after each change, and four times
    /// a second while there are any. Empty when it is over.
    Destinations(Vec<DestinationState>),
    /// Figures, four times a second.
    Stats(Stats),
    /// Something was decided or noticed that a person would want to know, with its reason.
    Decision(Decision),
    /// The picture's source changed its state.
    VideoSource(SourceEvent),
    /// The sound's source changed its state.
    AudioSource(SourceEvent),
    /// Levels of the sound after gain and mute, for a meter; about 20 times a second.
    Levels(Levels),
    /// The recording's state changed.
    Recording(RecordingStatus),
    /// How well the video encoder was built for this processor; once, soon after the start.
    Encoder(Acceleration),
    /// What is connected, in answer to a refresh and after changes.
    Devices {
        /// Cameras.
        cameras: Vec<CameraInfo>,
        /// Microphones, the sound server's among them.
        microphones: Vec<MicrophoneInfo>,
    },
}

/// Whether viewers get anything. The only words for it are the variants' names.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamStatus {
    /// Not publishing.
    Offline {
        /// Why the last stream ended by itself: waiting cannot mend it, or the time to give up was over.
        because: Option<Failure>,
    },
    /// On the way for the first time.
    Connecting {
        /// The server's name.
        host: String,
    },
    /// Media is being acknowledged by the server.
    Live {
        /// The server's name.
        host: String,
        /// Since when, without interruption.
        since: MediaTime,
    },
    /// It was live and the connection is lost, or the first attempts failed in a way waiting may mend.
    Reconnecting {
        /// The server's name.
        host: String,
        /// Attempts made since the loss.
        attempt: u32,
        /// When the next attempt starts.
        retry_at: MediaTime,
        /// What went wrong last.
        because: Failure,
    },
    /// Saying goodbye to the server; at most a second.
    Stopping,
}

impl Default for StreamStatus {
    fn default() -> Self {
        Self::Offline { because: None }
    }
}

/// One destination of a broadcast.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationState {
    /// What the user calls it, or the server's name.
    pub name: String,
    /// Whether its viewers get anything.
    pub status: StreamStatus,
    /// Whether the backup server carries it.
    pub on_backup: bool,
    /// Whether a connection to the backup server is ready; `None` where none is kept.
    pub backup_ready: Option<bool>,
    /// What went out, over the last second or so.
    pub sent: Bitrate,
    /// What its uplink would like the picture to be encoded with.
    pub advised: Bitrate,
    /// Media waiting to be sent, by its duration.
    pub queue: Duration,
    /// From when pictures were taken to when their last byte was written to the connection, in the last 5 s.
    pub latency: Option<Latency>,
    /// The same since publishing was asked for.
    pub stream_latency: Option<Latency>,
    /// Round trip to the server, where the system tells.
    pub round_trip: Option<Duration>,
    /// Pictures handed to the network.
    pub frames_sent: u64,
    /// Pictures its viewers miss.
    pub frames_dropped: u64,
    /// Bytes of which it is known that they arrived.
    pub acknowledged: u64,
    /// How often it went from live to reconnecting.
    pub disconnects: u32,
}

/// Figures of a running engine. Counters run from the start of the stream (or of the recording without one),
/// and stay as they were when it ended. Of several destinations, the network's figures are those of the one
/// whose status is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Since publishing was asked for.
    pub uptime: Duration,
    /// What the encoders are told to produce; zero while they rest.
    pub target: Bitrate,
    /// What they would be told to produce if the uplink carried everything.
    pub ceiling: Bitrate,
    /// What arrived at the server, over the last second or so.
    pub delivered: Bitrate,
    /// What went out, over the last second or so.
    pub sent: Bitrate,
    /// Pictures that came from the source per second.
    pub captured_fps: f32,
    /// Pictures that came from the source.
    pub frames_captured: u64,
    /// Pictures encoded.
    pub frames_encoded: u64,
    /// Pictures handed to the network.
    pub frames_sent: u64,
    /// Pictures that viewers will miss because the uplink did not carry them.
    pub frames_dropped: u64,
    /// Pictures not encoded, because this machine was too slow or the bitrate too low for them.
    pub frames_skipped: u64,
    /// Pictures not encoded on purpose, because the uplink carries less than the lowest bitrate.
    pub frames_thinned: u64,
    /// Media waiting to be sent, by its duration.
    pub queue: Duration,
    /// From when pictures were taken to when their last byte was written to the connection, in the last 5 s; those
    /// of no camera, and those shown again, count from when they were due. `None` where none was written. What was
    /// dropped does not count.
    pub latency: Option<Latency>,
    /// The same since publishing was asked for.
    pub stream_latency: Option<Latency>,
    /// Round trip to the server, where the system tells.
    pub round_trip: Option<Duration>,
    /// Bytes handed to the network.
    pub bytes_sent: u64,
}

/// Something decided or noticed, told once.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: MediaTime,
    /// How a person should take it.
    pub severity: Severity,
    /// Where it comes from.
    pub cause: Cause,
    /// One plain sentence with numbers.
    pub text: String,
    /// The numbers it was decided from, for machines.
    pub figures: Vec<Figure>,
    /// Which destination it concerns, by its name; `None` if all of them, or none.
    pub destination: Option<String>,
}

impl Decision {
    /// One without figures that concerns no destination in particular.
    #[must_use]
    pub fn new(at: MediaTime, severity: Severity, cause: Cause, text: impl Into<String>) -> Self {
        Self {
            at,
            severity,
            cause,
            text: text.into(),
            figures: Vec::new(),
            destination: None,
        }
    }

    /// The same with the numbers it was decided from.
    #[must_use]
    pub fn with_figures(mut self, figures: impl IntoIterator<Item = (&'static str, f64)>) -> Self {
        let figures = figures.into_iter();
        self.figures
            .extend(figures.map(|(name, value)| Figure { name, value }));
        self
    }
}

/// How a person should take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Good,
    /// For information.
    Info,
    /// Viewers may notice.
    Warning,
    /// Viewers miss something, or something is lost.
    Error,
}

/// Which part of the way from lens to viewer it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Camera or microphone.
    Source,
    /// This machine's speed.
    Encoder,
    /// The way to the server.
    Uplink,
    /// The server's answer.
    Server,
    /// The recording's disk.
    Disk,
    /// What the user asked for.
    User,
}

/// What becomes of the recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RecordingStatus {
    /// None asked for.
    #[default]
    Off,
    /// Being written.
    Recording {
        /// The file.
        path: PathBuf,
        /// How much is in it.
        bytes: u64,
        /// How long it plays.
        duration: Duration,
    },
    /// Complete and closed.
    Finished {
        /// The file.
        path: PathBuf,
    },
    /// It ended early; what was written until then is kept and plays.
    Failed {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong and what to do, in one sentence.
        message: String,
    },
}
