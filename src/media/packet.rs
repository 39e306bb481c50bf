//! Encoded pictures and sound, ready for any output: publishers, the recorder, the check.

use std::sync::Arc;

use bytes::Bytes;

use crate::units::{Bitrate, FrameRate, MediaTime, PixelSize};

/// One encoded picture or one encoded block of sound. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub enum Packet {
    /// H.264.
    Video(VideoPacket),
    /// AAC.
    Audio(AudioPacket),
}

impl Packet {
    /// When it is to be shown or heard (there is no reordering, so also when it is decoded).
    #[must_use]
    pub fn time(&self) -> MediaTime {
        match self {
            Self::Video(packet) => packet.time,
            Self::Audio(packet) => packet.time,
        }
    }

    /// Encoded bytes, without any container's overhead.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Video(packet) => packet.data.len(),
            Self::Audio(packet) => packet.data.len(),
        }
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a decoder can start here.
    #[must_use]
    pub fn is_key_frame(&self) -> bool {
        matches!(self, Self::Video(packet) if packet.key_frame)
    }
}

/// One H.264 access unit.
#[derive(Clone, Debug)]
pub struct VideoPacket {
    /// The access unit's NAL units, each behind its length as four bytes, big-endian (ISO 14496-15, 5.3.4.2),
    /// without parameter sets, access unit delimiters and start codes.
    pub data: Bytes,
    /// When it is to be shown.
    pub time: MediaTime,
    /// Whether it is an IDR picture.
    pub key_frame: bool,
    /// Whether no later picture refers to it (`nal_ref_idc` 0), so that it may be dropped alone.
    pub disposable: bool,
    /// The parameter sets it needs.
    pub config: Arc<AvcConfig>,
}

/// H.264 parameter sets, each a NAL unit with its header byte and without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvcConfig {
    /// Sequence parameter set.
    pub sps: Bytes,
    /// Picture parameter set.
    pub pps: Bytes,
}

/// One AAC access unit of 1024 samples.
#[derive(Clone, Debug)]
pub struct AudioPacket {
    /// Raw AAC, without ADTS header.
    pub data: Bytes,
    /// When its first sample is to be heard, the encoder's priming already subtracted.
    pub time: MediaTime,
    /// The decoder configuration it needs.
    pub config: Arc<AacConfig>,
}

/// How AAC is to be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AacConfig {
    /// The AudioSpecificConfig (ISO 14496-3, 1.6.2.1).
    pub specific_config: Bytes,
    /// Samples per second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
}

/// What a stream is made of, as its metadata tells it to servers, players and files.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFormat {
    /// The picture, if there is one.
    pub video: Option<VideoFormat>,
    /// The sound; there always is a track, of silence if need be: some platforms insist.
    pub audio: AudioFormat,
}

/// How pictures are to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// Size of the encoded picture, sides even.
    pub size: PixelSize,
    /// Constant frame rate.
    pub frame_rate: FrameRate,
    /// Target bitrate at the start.
    pub bitrate: Bitrate,
    /// Frames from one key frame to the next.
    pub key_frame_interval: u32,
}

/// How sound is to be encoded: AAC-LC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    /// 44 100 or 48 000 samples per second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Target bitrate.
    pub bitrate: Bitrate,
}
