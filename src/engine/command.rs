//! What may be asked of a running engine.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use crate::{
    capture::source::{AudioChoice, VideoChoice},
    control::bitrate::RateLimits,
    media::packet::{AudioFormat, VideoFormat},
    net::route::{MAX_PEM_BYTES, RouteError},
    rtmp::url::ServerUrl,
    secret::Secret,
    units::{Bitrate, Decibels},
};

pub use crate::{
    net::route::{Fingerprint, LocalEnd, Proxy, Route, Trust},
    record::RecordingTarget,
    rtmp::{
        connect_arguments,
        options::{HandshakeForm, SessionOptions},
        url::Credentials,
    },
};

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
    /// Encode like this. While live or recording only the video's bitrate and its limits are taken over, the
    /// rest waits.
    SetFormat(OutputFormat),
    /// Publish to all of these.
    GoLive(Box<Broadcast>),
    /// Start the next attempt now, wherever one is waited for.
    RetryNow,
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
    /// The picture; its bitrate is the highest it is sent with.
    pub video: VideoFormat,
    /// The sound.
    pub audio: AudioFormat,
    /// How the video bitrate follows the uplink.
    pub rate: RateControl,
}

impl OutputFormat {
    /// What the user allows for the picture's bitrate.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        let ceiling = self.video.bitrate;
        RateLimits {
            floor: self.rate.floor.min(ceiling),
            ceiling,
            adaptive: self.rate.adaptive,
        }
    }
}

/// How the video bitrate follows the uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateControl {
    /// Whether it does. If not, what the uplink does not carry is left out, frame by frame.
    pub adaptive: bool,
    /// It never goes below.
    pub floor: Bitrate,
}

impl RateControl {
    /// Follows the uplink down to a tenth of `ceiling`, or 300 kb/s where that is more.
    #[must_use]
    pub fn for_ceiling(ceiling: Bitrate) -> Self {
        let tenth = Bitrate::from_bps(ceiling.bps() / 10);
        Self {
            adaptive: true,
            floor: tenth.max(Bitrate::from_kbps(300)).min(ceiling),
        }
    }
}

/// One program and everywhere it goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Broadcast {
    /// At least one; the first is the primary.
    pub destinations: Vec<Destination>,
    /// Whose uplink decides on the bitrate that all share.
    pub follow: Follow,
}

impl From<Destination> for Broadcast {
    fn from(destination: Destination) -> Self {
        Self {
            destinations: vec![destination],
            follow: Follow::default(),
        }
    }
}

/// Whose uplink decides on the bitrate that all destinations share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// The primary's, or while that is not live the next one's; frames are left out for those that cannot keep up.
    #[default]
    Primary,
    /// That of the slowest that is live.
    Slowest,
}

/// A second server for the same stream.
#[derive(Clone, PartialEq)]
pub struct Backup {
    /// Its address up to the application, like [`Destination::server`].
    pub server: String,
    /// Its stream key.
    pub key: Secret,
    /// User and password for it.
    pub credentials: Option<Credentials>,
    /// Whether a connection is kept ready there, so that a switch takes no longer than a key frame interval.
    pub warm: bool,
    /// Whether to go back once the first server has been well for a while.
    pub return_to_primary: bool,
}

/// Where to publish.
#[derive(Clone, PartialEq)]
pub struct Destination {
    /// What the user calls it; empty: the server's name is shown.
    pub name: String,
    /// `rtmp://` or `rtmps://` address up to the application: everything but the stream key.
    pub server: String,
    /// The stream key; empty where the address says it all.
    pub key: Secret,
    /// User and password for servers that ask for them. They go before those in the address.
    pub credentials: Option<Credentials>,
    /// Which way to take to the server.
    pub route: Route,
    /// How the server wants to be spoken to.
    pub options: SessionOptions,
    /// Give up when not live for so long; `None` tries without end.
    pub give_up_after: Option<Duration>,
    /// Where to go when the server fails.
    pub backup: Option<Backup>,
}

impl Destination {
    /// A server and a key, with the defaults of everything else.
    #[must_use]
    pub fn new(server: impl Into<String>, key: Secret) -> Self {
        Self {
            name: String::new(),
            server: server.into(),
            key,
            credentials: None,
            route: Route::default(),
            options: SessionOptions::default(),
            give_up_after: None,
            backup: None,
        }
    }
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("server", &ServerUrl::parse(&self.server).ok())
            .field("key", &self.key)
            .field("credentials", &self.credentials)
            .field("warm", &self.warm)
            .field("return_to_primary", &self.return_to_primary)
            .finish()
    }
}

impl fmt::Debug for Destination {
    /// Of the address only what [`ServerUrl`] shows: it may have a password or a token in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("name", &self.name)
            .field("server", &ServerUrl::parse(&self.server).ok())
            .field("key", &self.key)
            .field("credentials", &self.credentials)
            .field("route", &self.route)
            .field("options", &self.options)
            .field("give_up_after", &self.give_up_after)
            .field("backup", &self.backup)
            .finish()
    }
}

/// The system's trust, and the issuers in this PEM file.
///
/// # Errors
/// When it cannot be read, in words for the person who chose it.
pub fn trust_in_file(file: &Path) -> Result<Trust, TrustFileError> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| {
            opened
                .take(MAX_PEM_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|cause| TrustFileError::Unreadable {
            file: file.to_owned(),
            cause,
        })?;
    Ok(Trust::from_pem(&bytes)?)
}

/// Why a file's certificates cannot be trusted.
#[derive(Debug, Error)]
pub enum TrustFileError {
    /// The system does not give it.
    #[error("the certificate file {} cannot be read ({cause}); choose another, or check who may read it", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// It is not what it should be.
    #[error(transparent)]
    Content(#[from] RouteError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_shows_its_host_and_no_secret() {
        let address = "rtmp://me:pa55word@example.org/live/k3y?token=t0ken";
        for address in [address, &address.replace("rtmp", "x")] {
            let destination = Destination::new(address, Secret::new("k3y"));
            let shown = format!("{:?}", Command::GoLive(Box::new(destination.into())));
            for secret in ["pa55word", "k3y", "t0ken"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert_eq!(shown.contains("example.org"), address.starts_with("rtmp"));
        }
    }
}
