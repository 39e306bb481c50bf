//! What any media tag says about itself, legacy or Enhanced RTMP, whatever its codec: for who passes streams
//! on and keeps what newcomers need, without decoding anything.

use std::fmt;

use bytes::Bytes;

use super::{TagError, codec, frame_type, packet_type};
use crate::flv::enhanced;

/// What the body of a video tag holds; of a body with several tracks, the first. [`video_tracks`] tells all.
///
/// # Errors
/// When the body is cut off or breaks the format.
pub fn kind_of_video(body: &Bytes) -> Result<VideoTagInfo, TagError> {
    let first = video_tracks(body)?.into_iter().next();
    first.ok_or(TagError::Truncated)
}

/// What the body of an audio tag holds; of a body with several tracks, the first. [`audio_tracks`] tells all.
///
/// # Errors
/// When the body is cut off or breaks the format.
pub fn kind_of_audio(body: &Bytes) -> Result<AudioTagInfo, TagError> {
    let first = audio_tracks(body)?.into_iter().next();
    first.ok_or(TagError::Truncated)
}

/// What the body of a video tag holds, track by track: one, unless it is a multitrack body of Enhanced RTMP.
///
/// # Errors
/// When the body is cut off or breaks the format.
pub fn video_tracks(body: &Bytes) -> Result<Vec<VideoTagInfo>, TagError> {
    match body.first() {
        None => Err(TagError::Truncated),
        Some(first) if first & enhanced::VIDEO_MARK != 0 => enhanced::read_video(body),
        Some(_) => Ok(vec![legacy_video(body)?]),
    }
}

/// What the body of an audio tag holds, track by track: one, unless it is a multitrack body of Enhanced RTMP.
///
/// # Errors
/// When the body is cut off or breaks the format.
pub fn audio_tracks(body: &Bytes) -> Result<Vec<AudioTagInfo>, TagError> {
    match body.first() {
        Some(first) if first >> 4 == codec::ENHANCED_AUDIO => enhanced::read_audio(body),
        _ => Ok(vec![legacy_audio(body)?]),
    }
}

/// One track of the body of a video tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTagInfo {
    /// What the picture is encoded with; `None` in a command to the player.
    pub codec: Option<VideoCodec>,
    /// Whether the picture can be decoded alone.
    pub frame: FrameKind,
    /// What `data` is.
    pub packet: VideoPacketKind,
    /// Which of several pictures; 0 where the body does not say.
    pub track: u8,
    /// Milliseconds from decoding to showing.
    pub composition_offset: i32,
    /// Nanoseconds to add to the tag's time, less than a millisecond (Enhanced RTMP v2, `TimestampOffsetNano`).
    pub nanos: u32,
    /// The codec's bytes, shared with the body.
    pub data: Bytes,
}

impl VideoTagInfo {
    /// Whether decoders need this before the pictures that follow.
    #[must_use]
    pub fn is_sequence_header(&self) -> bool {
        matches!(
            self.packet,
            VideoPacketKind::SequenceStart | VideoPacketKind::TransportSequenceStart
        )
    }

    /// Whether this is a picture to begin with.
    #[must_use]
    pub fn is_key_frame(&self) -> bool {
        self.packet == VideoPacketKind::CodedFrames && self.frame == FrameKind::Key
    }
}

/// One track of the body of an audio tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTagInfo {
    /// What the sound is encoded with; `None` in a body without bytes, which means silence.
    pub codec: Option<AudioCodec>,
    /// What `data` is.
    pub packet: AudioPacketKind,
    /// Which of several sounds; 0 where the body does not say.
    pub track: u8,
    /// Nanoseconds to add to the tag's time, less than a millisecond (Enhanced RTMP v2, `TimestampOffsetNano`).
    pub nanos: u32,
    /// The codec's bytes, shared with the body.
    pub data: Bytes,
}

impl AudioTagInfo {
    /// Whether decoders need this before the sound that follows.
    #[must_use]
    pub fn is_sequence_header(&self) -> bool {
        self.packet == AudioPacketKind::SequenceStart
    }
}

/// Whether a picture can be decoded alone (FLV 10.1, E.4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// It can.
    Key,
    /// It needs those before it.
    Inter,
    /// As [`Self::Inter`], and none needs it.
    Disposable,
    /// No picture of the sender's: a server made it.
    Generated,
    /// No picture: a hint to the player.
    Command,
    /// A number without meaning. Metadata may come with any.
    Other(u8),
}

impl FrameKind {
    /// The kind of this number.
    pub(in crate::flv) fn of(number: u8) -> Self {
        match number {
            frame_type::KEY => Self::Key,
            frame_type::INTER => Self::Inter,
            frame_type::DISPOSABLE => Self::Disposable,
            frame_type::GENERATED => Self::Generated,
            frame_type::COMMAND => Self::Command,
            other => Self::Other(other),
        }
    }
}

/// What a video tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoPacketKind {
    /// The codec's configuration record.
    SequenceStart,
    /// A picture.
    CodedFrames,
    /// No more pictures follow.
    SequenceEnd,
    /// Names and values in AMF0, such as `colorInfo`; [`enhanced::metadata`] reads them.
    Metadata,
    /// The configuration as an MPEG-2 transport stream tells it.
    TransportSequenceStart,
    /// A hint to the player, by its number: 0 and 1 around a seek.
    Command(u8),
}

/// What an audio tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioPacketKind {
    /// The codec's configuration.
    SequenceStart,
    /// A block of sound.
    CodedFrames,
    /// No more sound follows.
    SequenceEnd,
    /// How the channels are arranged.
    MultichannelConfig,
}

/// What pictures are encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264.
    Avc,
    /// H.265.
    Hevc,
    /// H.266.
    Vvc,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// Another of FLV's own, by its number (FLV 10.1, E.4.3.1).
    Legacy(u8),
    /// Another of Enhanced RTMP's.
    Other(FourCc),
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avc => "H.264",
            Self::Hevc => "H.265",
            Self::Vvc => "H.266",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::Legacy(number) => return write!(f, "FLV video codec {number}"),
            Self::Other(letters) => return letters.fmt(f),
        })
    }
}

/// What sound is encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC.
    Aac,
    /// MP3.
    Mp3,
    /// Opus.
    Opus,
    /// FLAC.
    Flac,
    /// Dolby Digital.
    Ac3,
    /// Dolby Digital Plus.
    Eac3,
    /// Another of FLV's own, by its number (FLV 10.1, E.4.2.1).
    Legacy(u8),
    /// Another of Enhanced RTMP's.
    Other(FourCc),
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aac => "AAC",
            Self::Mp3 => "MP3",
            Self::Opus => "Opus",
            Self::Flac => "FLAC",
            Self::Ac3 => "AC-3",
            Self::Eac3 => "E-AC-3",
            Self::Legacy(number) => return write!(f, "FLV audio codec {number}"),
            Self::Other(letters) => return letters.fmt(f),
        })
    }
}

/// The four letters by which Enhanced RTMP names a codec. A stranger's may be no letters at all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

/// A video tag of FLV 10.1 (E.4.3).
fn legacy_video(body: &Bytes) -> Result<VideoTagInfo, TagError> {
    let &[first, ref rest @ ..] = &body[..] else {
        return Err(TagError::Truncated);
    };
    let frame = FrameKind::of(first >> 4);
    let codec = match first & 0x0F {
        codec::AVC => VideoCodec::Avc,
        codec::HEVC => VideoCodec::Hevc,
        other => VideoCodec::Legacy(other),
    };
    let mut info = VideoTagInfo {
        codec: Some(codec),
        frame,
        packet: VideoPacketKind::CodedFrames,
        track: 0,
        composition_offset: 0,
        nanos: 0,
        data: body.slice(1..),
    };
    if frame == FrameKind::Command {
        info.packet = VideoPacketKind::Command(rest.first().copied().unwrap_or(0));
        return Ok(info);
    }
    if let VideoCodec::Legacy(_) = codec {
        return Ok(info);
    }
    let &[packet_type, high, middle, low, ..] = rest else {
        return Err(TagError::Truncated);
    };
    info.packet = match packet_type {
        packet_type::SEQUENCE_HEADER => VideoPacketKind::SequenceStart,
        packet_type::FRAME => VideoPacketKind::CodedFrames,
        packet_type::AVC_END_OF_SEQUENCE => VideoPacketKind::SequenceEnd,
        other => return Err(TagError::PacketType(other)),
    };
    if info.packet == VideoPacketKind::CodedFrames {
        info.composition_offset = super::signed_24([high, middle, low]);
    }
    info.data = body.slice(5..);
    Ok(info)
}

/// An audio tag of FLV 10.1 (E.4.2).
fn legacy_audio(body: &Bytes) -> Result<AudioTagInfo, TagError> {
    let mut info = AudioTagInfo {
        codec: None,
        packet: AudioPacketKind::CodedFrames,
        track: 0,
        nanos: 0,
        data: body.clone(),
    };
    let &[first, ref rest @ ..] = &body[..] else {
        return Ok(info);
    };
    info.data = body.slice(1..);
    info.codec = Some(match first >> 4 {
        codec::AAC => AudioCodec::Aac,
        codec::MP3 | codec::MP3_8_KHZ => AudioCodec::Mp3,
        other => AudioCodec::Legacy(other),
    });
    if info.codec == Some(AudioCodec::Aac) {
        let &[packet_type, ..] = rest else {
            return Err(TagError::Truncated);
        };
        info.packet = match packet_type {
            packet_type::SEQUENCE_HEADER => AudioPacketKind::SequenceStart,
            packet_type::FRAME => AudioPacketKind::CodedFrames,
            other => return Err(TagError::PacketType(other)),
        };
        info.data = body.slice(2..);
    }
    Ok(info)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn video(wire: &[u8]) -> Result<VideoTagInfo, TagError> {
        kind_of_video(&Bytes::copy_from_slice(wire))
    }

    fn audio(wire: &[u8]) -> Result<AudioTagInfo, TagError> {
        kind_of_audio(&Bytes::copy_from_slice(wire))
    }

    #[test]
    fn legacy_pictures_tell_codec_kind_and_offset() {
        for (wire, codec, frame, packet, offset, data) in [
            (
                &hex!("17 00 000000 01")[..],
                VideoCodec::Avc,
                FrameKind::Key,
                VideoPacketKind::SequenceStart,
                0,
                1,
            ),
            (
                &hex!("17 01 000021 0102"),
                VideoCodec::Avc,
                FrameKind::Key,
                VideoPacketKind::CodedFrames,
                33,
                2,
            ),
            (
                &hex!("27 01 FFFFDF"),
                VideoCodec::Avc,
                FrameKind::Inter,
                VideoPacketKind::CodedFrames,
                -33,
                0,
            ),
            (
                &hex!("17 02 000000"),
                VideoCodec::Avc,
                FrameKind::Key,
                VideoPacketKind::SequenceEnd,
                0,
                0,
            ),
            (
                &hex!("1C 00 000000 01"),
                VideoCodec::Hevc,
                FrameKind::Key,
                VideoPacketKind::SequenceStart,
                0,
                1,
            ),
            (
                &hex!("34 AA"),
                VideoCodec::Legacy(4),
                FrameKind::Disposable,
                VideoPacketKind::CodedFrames,
                0,
                1,
            ),
            (
                &hex!("57 01"),
                VideoCodec::Avc,
                FrameKind::Command,
                VideoPacketKind::Command(1),
                0,
                1,
            ),
        ] {
            let info = video(wire).unwrap();
            assert_eq!(info.codec, Some(codec));
            assert_eq!((info.frame, info.packet), (frame, packet), "{wire:x?}");
            assert_eq!((info.composition_offset, info.data.len()), (offset, data));
            assert_eq!((info.track, info.nanos), (0, 0));
        }
    }

    #[test]
    fn only_a_coded_key_frame_is_one_to_begin_with() {
        let key = |wire: &[u8]| video(wire).unwrap().is_key_frame();
        assert!(key(&hex!("17 01 000000")));
        assert!(!key(&hex!("17 00 000000")), "a header is no picture");
        assert!(!key(&hex!("17 02 000000")), "an end is no picture");
        assert!(!key(&hex!("27 01 000000")));
        assert!(video(&hex!("17 00 000000")).unwrap().is_sequence_header());
    }

    #[test]
    fn legacy_sound_tells_codec_and_kind() {
        for (wire, codec, header, data) in [
            (&hex!("AF 00 1190")[..], Some(AudioCodec::Aac), true, 2),
            (&hex!("AF 01 21"), Some(AudioCodec::Aac), false, 1),
            (&hex!("2F FFFB"), Some(AudioCodec::Mp3), false, 2),
            (&hex!("B2 00"), Some(AudioCodec::Legacy(11)), false, 1),
            (&[], None, false, 0),
        ] {
            let info = audio(wire).unwrap();
            assert_eq!((info.codec, info.is_sequence_header()), (codec, header));
            assert_eq!(info.data.len(), data);
        }
    }

    #[test]
    fn legacy_tags_cut_off_or_of_unknown_packets_are_errors() {
        for wire in [&hex!("17")[..], &hex!("17 01 0000"), &[]] {
            assert_eq!(video(wire), Err(TagError::Truncated));
        }
        assert_eq!(audio(&hex!("AF")), Err(TagError::Truncated));
        assert_eq!(video(&hex!("17 09 000000")), Err(TagError::PacketType(9)));
        assert_eq!(audio(&hex!("AF 02")), Err(TagError::PacketType(2)));
    }

    #[test]
    fn codecs_are_named_as_people_know_them() {
        assert_eq!(VideoCodec::Avc.to_string(), "H.264");
        assert_eq!(VideoCodec::Legacy(4).to_string(), "FLV video codec 4");
        assert_eq!(AudioCodec::Eac3.to_string(), "E-AC-3");
        let strange = VideoCodec::Other(FourCc(*b"a\n\xFFb"));
        assert_eq!(strange.to_string(), r"a\n\xffb");
    }
}
