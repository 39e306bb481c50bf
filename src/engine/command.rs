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
    media::packet::{AudioFormat, VideoFormat},
    net::route::{MAX_PEM_BYTES, RouteError},
    rtmp::url::ServerUrl,
    secret::Secret,
    units::Decibels,
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
#[derive(Clone, PartialEq)]
pub struct Destination {
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
}

impl Destination {
    /// A server and a key, with the defaults of everything else.
    #[must_use]
    pub fn new(server: impl Into<String>, key: Secret) -> Self {
        Self {
            server: server.into(),
            key,
            credentials: None,
            route: Route::default(),
            options: SessionOptions::default(),
            give_up_after: None,
        }
    }
}

impl fmt::Debug for Destination {
    /// Of the address only what [`ServerUrl`] shows: it may have a password or a token in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("server", &ServerUrl::parse(&self.server).ok())
            .field("key", &self.key)
            .field("credentials", &self.credentials)
            .field("route", &self.route)
            .field("options", &self.options)
            .field("give_up_after", &self.give_up_after)
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
            let shown = format!("{:?}", Command::GoLive(Box::new(destination)));
            for secret in ["pa55word", "k3y", "t0ken"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert_eq!(shown.contains("example.org"), address.starts_with("rtmp"));
        }
    }
}
