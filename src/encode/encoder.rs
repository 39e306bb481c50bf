//! What the engine asks of any encoder. A hardware encoder would implement the same two traits.

use std::time::Duration;

use thiserror::Error;

use crate::{
    media::{
        frame::I420,
        packet::{AudioPacket, VideoPacket},
    },
    units::{Bitrate, MediaTime},
};

/// Turns pictures into H.264 access units, one for one and in order.
pub trait VideoEncoder: Send {
    /// Encodes `picture`, to be shown at `time` and taken then, as far as the encoder knows; `None` when the rate
    /// control left it out.
    ///
    /// # Errors
    /// When the codec refuses the picture; the encoder can be used further.
    fn encode(
        &mut self,
        picture: &I420,
        time: MediaTime,
        want_key_frame: bool,
    ) -> Result<Option<VideoPacket>, EncodeError>;

    /// Changes the target bitrate from the next picture on.
    ///
    /// # Errors
    /// When the codec does not take the new rate; the old one stays.
    fn set_bitrate(&mut self, target: Bitrate) -> Result<(), EncodeError>;

    /// Encodes faster from the next key frame on, and not quite as well; or as well as it can again. An encoder
    /// that has no such setting does nothing.
    fn set_fast(&mut self, _fast: bool) {}
}

/// Turns 48 kHz stereo samples into AAC access units.
pub trait AudioEncoder: Send {
    /// Takes interleaved stereo samples at 48 kHz, -1.0 to 1.0, that follow the last ones without a gap, and
    /// hands each finished packet to `sink`. The first sample ever given is at `start`, as told when the
    /// encoder was made.
    ///
    /// # Errors
    /// When the codec refuses the samples.
    fn encode(
        &mut self,
        samples: &[f32],
        sink: &mut dyn FnMut(AudioPacket),
    ) -> Result<(), EncodeError>;

    /// Leaves `gap` of sound out: the next sample is heard that much later than if it followed the last one.
    fn skip(&mut self, gap: Duration);
}

/// Why something could not be encoded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// The encoder cannot work in the asked way.
    #[error("the {codec} encoder does not take {what}")]
    Unsupported {
        /// `H.264` or `AAC`.
        codec: &'static str,
        /// The setting, its value, and what it must be instead.
        what: String,
    },
    /// The codec library reported an error.
    #[error("the {codec} encoder failed in {call} (code {code})")]
    Codec {
        /// `H.264` or `AAC`.
        codec: &'static str,
        /// Which of the library's calls.
        call: &'static str,
        /// The library's number.
        code: i32,
    },
}
