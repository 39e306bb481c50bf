//! What reaches the director, and the way to it.

use std::sync::mpsc::SyncSender;

use super::{audio::AudioEvent, command::Command};
use crate::{
    capture::source::{CameraInfo, MicrophoneInfo, SourceEvent},
    encode::encoder::EncodeError,
    net::publisher::PublisherEvent,
    record::RecorderEvent,
};

/// What the director reacts to.
pub enum Input {
    /// The user's wish.
    Command(Command),
    /// The camera's state changed.
    VideoSource(SourceEvent),
    /// Sound was heard, or its source's state changed.
    Audio(AudioEvent),
    /// The video encoder refused a picture.
    VideoEncoderFailed(EncodeError),
    /// From the publisher of this generation; older ones are ignored.
    Publisher(u64, PublisherEvent),
    /// From the recorder of this generation.
    Recorder(u64, RecorderEvent),
    /// What is connected.
    Devices(Vec<CameraInfo>, Vec<MicrophoneInfo>),
    /// Stop everything.
    Quit,
}

/// The way for the pipeline's threads: it never makes them wait.
#[derive(Clone)]
pub struct Reports(SyncSender<Input>);

impl Reports {
    /// Reports that go to the other end of `inputs`.
    #[must_use]
    pub fn new(inputs: SyncSender<Input>) -> Self {
        Self(inputs)
    }

    /// Reports to the director. A full inbox means that it is stuck, and then nothing may wait for it.
    pub fn send(&self, input: Input) {
        if self.0.try_send(input).is_err() {
            tracing::error!("a report to the director was lost");
        }
    }
}
