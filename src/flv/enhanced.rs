//! Enhanced RTMP's media tags, read: codecs by four letters, several tracks in one body, modifiers.
//!
//! Defined by the Veovera Software Organization's *Enhanced RTMP (v2)*, sections "Enhanced Video" and
//! "Enhanced Audio". Writing them waits for codecs that need them.

use bytes::{Buf, Bytes};

use super::tag::{
    AudioCodec, AudioPacketKind, AudioTagInfo, FourCc, FrameKind, TagError, VideoCodec,
    VideoPacketKind, VideoTagInfo, signed_24,
};
use crate::amf0::{Amf0Error, Value, read_values};

/// The bit that turns the first byte of a video tag into this format's.
pub(super) const VIDEO_MARK: u8 = 0x80;

/// Reads the body of an enhanced video tag, track by track.
pub(super) fn read_video(body: &Bytes) -> Result<Vec<VideoTagInfo>, TagError> {
    let mut body = Body(body.clone());
    let first = body.byte()?;
    let frame = FrameKind::of(first >> 4 & 0b111);
    let (packet_type, nanos) = body.modifiers(first & 0x0F)?;
    if frame == FrameKind::Command && packet_type != packet_type::VIDEO_METADATA {
        return Ok(vec![VideoTagInfo {
            codec: None,
            frame,
            packet: VideoPacketKind::Command(body.byte()?),
            track: 0,
            composition_offset: 0,
            nanos,
            data: body.0,
        }]);
    }
    let (packet_type, parts) = body.tracks(packet_type, packet_type::VIDEO_MULTITRACK)?;
    parts
        .into_iter()
        .map(|part| {
            let codec = video_codec(part.codec);
            let mut data = part.data;
            let mut composition_offset = 0;
            let packet = match packet_type {
                packet_type::SEQUENCE_START => VideoPacketKind::SequenceStart,
                packet_type::CODED_FRAMES => {
                    if reorders(codec) {
                        composition_offset = signed_24(data.array()?);
                    }
                    VideoPacketKind::CodedFrames
                }
                packet_type::SEQUENCE_END => VideoPacketKind::SequenceEnd,
                packet_type::VIDEO_CODED_FRAMES_X => VideoPacketKind::CodedFrames,
                packet_type::VIDEO_METADATA => VideoPacketKind::Metadata,
                packet_type::VIDEO_TRANSPORT_START => VideoPacketKind::TransportSequenceStart,
                other => return Err(TagError::PacketType(other)),
            };
            Ok(VideoTagInfo {
                codec: Some(codec),
                frame,
                packet,
                track: part.track,
                composition_offset,
                nanos,
                data: data.0,
            })
        })
        .collect()
}

/// Reads the body of an enhanced audio tag, track by track.
pub(super) fn read_audio(body: &Bytes) -> Result<Vec<AudioTagInfo>, TagError> {
    let mut body = Body(body.clone());
    let first = body.byte()?;
    let (packet_type, nanos) = body.modifiers(first & 0x0F)?;
    let (packet_type, parts) = body.tracks(packet_type, packet_type::AUDIO_MULTITRACK)?;
    let packet = match packet_type {
        packet_type::SEQUENCE_START => AudioPacketKind::SequenceStart,
        packet_type::CODED_FRAMES => AudioPacketKind::CodedFrames,
        packet_type::SEQUENCE_END => AudioPacketKind::SequenceEnd,
        packet_type::AUDIO_MULTICHANNEL => AudioPacketKind::MultichannelConfig,
        other => return Err(TagError::PacketType(other)),
    };
    let tracks = parts.into_iter().map(|part| AudioTagInfo {
        codec: Some(audio_codec(part.codec)),
        packet,
        track: part.track,
        nanos,
        data: part.data.0,
    });
    Ok(tracks.collect())
}

/// The names and values of a [`VideoPacketKind::Metadata`] packet's data. `colorInfo` is the one known name;
/// undefined or an object without properties takes back what was told before.
///
/// # Errors
/// When they are not AMF0.
pub fn metadata(data: &[u8]) -> Result<Vec<(String, Value)>, Amf0Error> {
    let mut values = read_values(data)?.into_iter();
    let mut named = Vec::new();
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        if let Value::String(name) = name {
            named.push((name, value));
        }
    }
    Ok(named)
}

/// What a body holds of one track.
struct Part {
    track: u8,
    codec: FourCc,
    data: Body,
}

/// A body, read forward.
struct Body(Bytes);

impl Body {
    fn byte(&mut self) -> Result<u8, TagError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TagError> {
        let array = *self.0.first_chunk().ok_or(TagError::Truncated)?;
        self.0.advance(N);
        Ok(array)
    }

    fn split(&mut self, length: usize) -> Result<Self, TagError> {
        if length > self.0.len() {
            return Err(TagError::Truncated);
        }
        Ok(Self(self.0.split_to(length)))
    }

    /// Reads the modifiers before what the body is about: its packet type, and nanoseconds to add to its time.
    /// Unknown modifiers are skipped, as the specification wants.
    fn modifiers(&mut self, mut packet_type: u8) -> Result<(u8, u32), TagError> {
        let mut nanos = 0;
        let mut count = 0;
        while packet_type == packet_type::MODIFIER {
            count += 1;
            if count > MAX_MODIFIERS {
                return Err(TagError::TooManyModifiers);
            }
            let mut length = usize::from(self.byte()?) + 1;
            if length == 256 {
                length = usize::from(u16::from_be_bytes(self.array()?)) + 1;
            }
            let value = self.split(length)?;
            let kinds = self.byte()?;
            if kinds >> 4 == modifier::TIMESTAMP_OFFSET_NANO {
                let &[high, middle, low] = value.0.first_chunk().ok_or(TagError::Truncated)?;
                let offset = u32::from_be_bytes([0, high, middle, low]);
                // A millisecond and more is for the timestamp itself to say.
                nanos = offset.min(MOST_NANOS);
            }
            packet_type = kinds & 0x0F;
        }
        Ok((packet_type, nanos))
    }

    /// Takes the rest apart into tracks: the packet type that is true of all, and each one's codec and bytes.
    fn tracks(mut self, packet_type: u8, multitrack: u8) -> Result<(u8, Vec<Part>), TagError> {
        if packet_type != multitrack {
            let codec = FourCc(self.array()?);
            let part = Part {
                track: 0,
                codec,
                data: self,
            };
            return Ok((packet_type, vec![part]));
        }
        let kinds = self.byte()?;
        let (arrangement, packet_type) = (kinds >> 4, kinds & 0x0F);
        let shared = match arrangement {
            arrangement::ONE_TRACK | arrangement::MANY_TRACKS => Some(FourCc(self.array()?)),
            arrangement::MANY_CODECS => None,
            other => return Err(TagError::Multitrack(other)),
        };
        let mut parts = Vec::new();
        loop {
            let codec = match shared {
                Some(codec) => codec,
                None => FourCc(self.array()?),
            };
            let track = self.byte()?;
            let data = if arrangement == arrangement::ONE_TRACK {
                Self(std::mem::take(&mut self.0))
            } else {
                let [high, middle, low] = self.array()?;
                let length = u32::from_be_bytes([0, high, middle, low]);
                self.split(usize::try_from(length).unwrap_or(usize::MAX))?
            };
            parts.push(Part { track, codec, data });
            if self.0.is_empty() {
                return Ok((packet_type, parts));
            }
            if parts.len() == MAX_TRACKS {
                return Err(TagError::TooManyTracks);
            }
        }
    }
}

fn video_codec(letters: FourCc) -> VideoCodec {
    match &letters.0 {
        b"avc1" => VideoCodec::Avc,
        b"hvc1" => VideoCodec::Hevc,
        b"vvc1" => VideoCodec::Vvc,
        b"vp08" => VideoCodec::Vp8,
        b"vp09" => VideoCodec::Vp9,
        b"av01" => VideoCodec::Av1,
        _ => VideoCodec::Other(letters),
    }
}

fn audio_codec(letters: FourCc) -> AudioCodec {
    match &letters.0 {
        b"mp4a" => AudioCodec::Aac,
        b".mp3" => AudioCodec::Mp3,
        b"Opus" => AudioCodec::Opus,
        b"fLaC" => AudioCodec::Flac,
        b"ac-3" => AudioCodec::Ac3,
        b"ec-3" => AudioCodec::Eac3,
        _ => AudioCodec::Other(letters),
    }
}

/// Whether coded frames of this codec bear a composition offset.
fn reorders(codec: VideoCodec) -> bool {
    matches!(codec, VideoCodec::Avc | VideoCodec::Hevc | VideoCodec::Vvc)
}

/// Tracks in one body, at most.
pub const MAX_TRACKS: usize = 64;
/// Modifiers before what a body is about, at most. One is known.
pub const MAX_MODIFIERS: usize = 16;

/// The most nanoseconds that a body adds to its time.
const MOST_NANOS: u32 = 999_999;

mod packet_type {
    pub(super) const SEQUENCE_START: u8 = 0;
    pub(super) const CODED_FRAMES: u8 = 1;
    pub(super) const SEQUENCE_END: u8 = 2;
    pub(super) const VIDEO_CODED_FRAMES_X: u8 = 3;
    pub(super) const VIDEO_METADATA: u8 = 4;
    pub(super) const VIDEO_TRANSPORT_START: u8 = 5;
    pub(super) const VIDEO_MULTITRACK: u8 = 6;
    pub(super) const AUDIO_MULTICHANNEL: u8 = 4;
    pub(super) const AUDIO_MULTITRACK: u8 = 5;
    pub(super) const MODIFIER: u8 = 7;
}

mod arrangement {
    pub(super) const ONE_TRACK: u8 = 0;
    pub(super) const MANY_TRACKS: u8 = 1;
    pub(super) const MANY_CODECS: u8 = 2;
}

mod modifier {
    pub(super) const TIMESTAMP_OFFSET_NANO: u8 = 0;
}

#[cfg(test)]
mod tests;
