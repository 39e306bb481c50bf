//! The bodies of FLV video and audio tags, which are also the payload of RTMP media messages.
//!
//! Legacy tags for H.264 and AAC (FLV 10.1, E.4.2 and E.4.3) are written and read here. [`kind_of_video`] and
//! [`kind_of_audio`] tell what any tag holds, legacy or [enhanced](super::enhanced), whatever its codec.

mod info;

use bytes::Bytes;
use thiserror::Error;

pub use self::info::{
    AudioCodec, AudioPacketKind, AudioTagInfo, FourCc, FrameKind, VideoCodec, VideoPacketKind,
    VideoTagInfo, audio_tracks, kind_of_audio, kind_of_video, video_tracks,
};
use super::avc;
use crate::media::packet::{AacConfig, AudioPacket, AvcConfig, VideoPacket};

/// A tag's body, its few own bytes apart from the codec's, so that those are shared and not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagBody {
    header: [u8; MAX_HEADER_BYTES],
    header_len: u8,
    payload: Bytes,
}

impl TagBody {
    /// What stands before the codec's bytes.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header[..usize::from(self.header_len)]
    }

    /// The codec's bytes.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Both, in the order of the wire.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 2] {
        [self.header(), &self.payload]
    }

    /// Bytes in all.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.header_len) + self.payload.len()
    }

    /// Never: a body has at least its header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One piece, copied together.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.parts().concat().into()
    }

    fn video(frame_type: u8, packet_type: u8, payload: Bytes) -> Self {
        // Composition time is 0: there is no reordering, pictures are shown as they are decoded.
        let header = [frame_type << 4 | codec::AVC, packet_type, 0, 0, 0];
        Self {
            header,
            header_len: 5,
            payload,
        }
    }

    fn audio(packet_type: u8, payload: Bytes) -> Self {
        Self {
            header: [AAC_SOUND, packet_type, 0, 0, 0],
            header_len: 2,
            payload,
        }
    }
}

/// The tag that tells decoders the parameter sets; before the first frame and when they change.
#[must_use]
pub fn avc_sequence_header(config: &AvcConfig) -> TagBody {
    TagBody::video(
        frame_type::KEY,
        packet_type::SEQUENCE_HEADER,
        avc::write_configuration(config),
    )
}

/// The tag of one picture.
#[must_use]
pub fn avc_frame(packet: &VideoPacket) -> TagBody {
    let frame_type = if packet.key_frame {
        frame_type::KEY
    } else {
        frame_type::INTER
    };
    TagBody::video(frame_type, packet_type::FRAME, packet.data.clone())
}

/// The tag that says no more pictures follow.
#[must_use]
pub fn avc_end_of_sequence() -> TagBody {
    TagBody::video(
        frame_type::KEY,
        packet_type::AVC_END_OF_SEQUENCE,
        Bytes::new(),
    )
}

/// The tag that tells decoders how the sound is encoded; before the first block and when that changes.
#[must_use]
pub fn aac_sequence_header(config: &AacConfig) -> TagBody {
    TagBody::audio(packet_type::SEQUENCE_HEADER, config.specific_config.clone())
}

/// The tag of one block of sound.
#[must_use]
pub fn aac_frame(packet: &AudioPacket) -> TagBody {
    TagBody::audio(packet_type::FRAME, packet.data.clone())
}

/// What the body of a video tag holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoTag {
    /// An `AVCDecoderConfigurationRecord`; [`avc::parse_configuration`] reads it.
    SequenceHeader(Bytes),
    /// One picture.
    Frame {
        /// Whether it is marked as a key frame.
        key_frame: bool,
        /// Milliseconds from decoding to showing.
        composition_time: i32,
        /// NAL units behind their lengths.
        data: Bytes,
    },
    /// No more pictures follow.
    EndOfSequence,
    /// A hint to the player about seeking; no picture.
    Command,
}

impl VideoTag {
    /// Reads the body of a video tag; the codec's bytes are shared with `body`.
    ///
    /// # Errors
    /// When it is cut off or not H.264 in a legacy tag.
    pub fn parse(body: &Bytes) -> Result<Self, TagError> {
        let &[first, ref rest @ ..] = &body[..] else {
            return Err(TagError::Truncated);
        };
        if first & super::enhanced::VIDEO_MARK != 0 {
            return Err(TagError::Enhanced(fourcc(rest)));
        }
        let frame_type = first >> 4;
        if frame_type == frame_type::COMMAND {
            return Ok(Self::Command);
        }
        match first & 0x0F {
            codec::AVC => {}
            other => return Err(TagError::VideoCodec(other)),
        }
        let &[packet_type, high, middle, low, ..] = rest else {
            return Err(TagError::Truncated);
        };
        let data = body.slice(5..);
        match packet_type {
            packet_type::SEQUENCE_HEADER => Ok(Self::SequenceHeader(data)),
            packet_type::FRAME => Ok(Self::Frame {
                key_frame: frame_type == frame_type::KEY,
                composition_time: signed_24([high, middle, low]),
                data,
            }),
            packet_type::AVC_END_OF_SEQUENCE => Ok(Self::EndOfSequence),
            other => Err(TagError::PacketType(other)),
        }
    }
}

/// What the body of an audio tag holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioTag {
    /// An AudioSpecificConfig; [`super::aac::SpecificConfig::parse`] reads it.
    SequenceHeader(Bytes),
    /// One block of sound, raw AAC.
    Frame(Bytes),
    /// A body without bytes: silence.
    Silence,
}

impl AudioTag {
    /// Reads the body of an audio tag; the codec's bytes are shared with `body`.
    ///
    /// # Errors
    /// When it is cut off or not AAC in a legacy tag.
    pub fn parse(body: &Bytes) -> Result<Self, TagError> {
        let &[first, ref rest @ ..] = &body[..] else {
            return Ok(Self::Silence);
        };
        match first >> 4 {
            codec::AAC => {}
            codec::ENHANCED_AUDIO => return Err(TagError::Enhanced(fourcc(rest))),
            other => return Err(TagError::AudioCodec(other)),
        }
        let &[packet_type, ..] = rest else {
            return Err(TagError::Truncated);
        };
        let data = body.slice(2..);
        match packet_type {
            packet_type::SEQUENCE_HEADER => Ok(Self::SequenceHeader(data)),
            packet_type::FRAME => Ok(Self::Frame(data)),
            other => Err(TagError::PacketType(other)),
        }
    }
}

/// Why a tag's body cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TagError {
    /// It ends within its header.
    #[error("a media tag is cut off")]
    Truncated,
    /// The picture is not H.264.
    #[error("video codec {0} is not supported; send H.264")]
    VideoCodec(u8),
    /// The sound is not AAC.
    #[error("audio codec {0} is not supported; send AAC")]
    AudioCodec(u8),
    /// A kind of packet that the specification does not know.
    #[error("media packet type {0} is unknown")]
    PacketType(u8),
    /// An Enhanced RTMP tag, with the codec's four letters where they stand in the usual place.
    #[error("Enhanced RTMP tags ({}) are not supported; send H.264 and AAC", fourcc_text(.0.as_ref()))]
    Enhanced(Option<[u8; 4]>),
    /// An arrangement of several tracks that Enhanced RTMP does not know.
    #[error("multitrack type {0} is unknown")]
    Multitrack(u8),
    /// More tracks than anybody sends.
    #[error("a media tag has more than {MAX_TRACKS} tracks", MAX_TRACKS = super::enhanced::MAX_TRACKS)]
    TooManyTracks,
    /// More modifiers than anybody sends.
    #[error("a media tag has more than {MAX_MODIFIERS} modifiers", MAX_MODIFIERS = super::enhanced::MAX_MODIFIERS)]
    TooManyModifiers,
}

/// Bytes before the codec's own, at most: frame type and codec, packet type, composition time.
const MAX_HEADER_BYTES: usize = 5;

/// AAC, "44 kHz, 16 bit, stereo": these bits stay the same for mono and 48 kHz (E.4.2.1).
const AAC_SOUND: u8 = codec::AAC << 4 | 0x0F;

mod frame_type {
    pub(super) const KEY: u8 = 1;
    pub(super) const INTER: u8 = 2;
    pub(super) const DISPOSABLE: u8 = 3;
    pub(super) const GENERATED: u8 = 4;
    pub(super) const COMMAND: u8 = 5;
}

mod codec {
    pub(super) const AVC: u8 = 7;
    /// In no specification, but what some cameras and services send.
    pub(super) const HEVC: u8 = 12;
    pub(super) const MP3: u8 = 2;
    pub(super) const AAC: u8 = 10;
    pub(super) const MP3_8_KHZ: u8 = 14;
    pub(super) const ENHANCED_AUDIO: u8 = 9;
}

mod packet_type {
    pub(super) const SEQUENCE_HEADER: u8 = 0;
    pub(super) const FRAME: u8 = 1;
    pub(super) const AVC_END_OF_SEQUENCE: u8 = 2;
}

/// An SI24.
pub(super) fn signed_24([high, middle, low]: [u8; 3]) -> i32 {
    // The sign comes with the shift.
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

fn fourcc(rest: &[u8]) -> Option<[u8; 4]> {
    let fourcc = *rest.first_chunk()?;
    fourcc.iter().all(u8::is_ascii_graphic).then_some(fourcc)
}

fn fourcc_text(fourcc: Option<&[u8; 4]>) -> String {
    fourcc.map_or_else(
        || "codec unknown".to_owned(),
        |letters| String::from_utf8_lossy(letters).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hex_literal::hex;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::units::MediaTime;

    fn avc_config() -> Arc<AvcConfig> {
        Arc::new(AvcConfig {
            sps: Bytes::from_static(&hex!("6742C01E")),
            pps: Bytes::from_static(&hex!("68CE3C80")),
        })
    }

    fn video(key_frame: bool) -> VideoPacket {
        VideoPacket {
            data: Bytes::from_static(&hex!("00000002 6588")),
            time: MediaTime::ZERO,
            captured_at: MediaTime::ZERO,
            key_frame,
            disposable: false,
            config: avc_config(),
        }
    }

    #[test]
    fn pictures_become_legacy_avc_tags() {
        let key = avc_frame(&video(true)).to_bytes();
        assert_eq!(key[..], hex!("17 01 000000 00000002 6588"));
        let inter = avc_frame(&video(false)).to_bytes();
        assert_eq!(inter[..], hex!("27 01 000000 00000002 6588"));

        let header = avc_sequence_header(&avc_config()).to_bytes();
        assert_eq!(
            header[..],
            hex!("17 00 000000  01 42C01E FF E1 0004 6742C01E 01 0004 68CE3C80")
        );
        assert_eq!(avc_end_of_sequence().to_bytes()[..], hex!("17 02 000000"));
    }

    #[test]
    fn sound_becomes_legacy_aac_tags() {
        let config = Arc::new(AacConfig {
            specific_config: Bytes::from_static(&hex!("1190")),
            sample_rate: 48_000,
            channels: 2,
        });
        assert_eq!(
            aac_sequence_header(&config).to_bytes()[..],
            hex!("AF 00 1190")
        );
        let packet = AudioPacket {
            data: Bytes::from_static(&hex!("2110")),
            time: MediaTime::ZERO,
            config,
        };
        assert_eq!(aac_frame(&packet).to_bytes()[..], hex!("AF 01 2110"));
    }

    #[test]
    fn a_body_shares_the_codecs_bytes() {
        let packet = video(true);
        let body = avc_frame(&packet);
        assert_eq!(body.payload().as_ptr(), packet.data.as_ptr());
        assert_eq!(body.len(), 5 + packet.data.len());
        assert_eq!(body.parts().concat(), body.to_bytes());
    }

    #[test]
    fn what_was_written_is_read_back() {
        let packet = video(true);
        assert_eq!(
            VideoTag::parse(&avc_frame(&packet).to_bytes()),
            Ok(VideoTag::Frame {
                key_frame: true,
                composition_time: 0,
                data: packet.data
            })
        );
        assert_eq!(
            VideoTag::parse(&avc_end_of_sequence().to_bytes()),
            Ok(VideoTag::EndOfSequence)
        );
        assert_eq!(
            AudioTag::parse(&Bytes::from_static(&hex!("AF 00 1210"))),
            Ok(AudioTag::SequenceHeader(Bytes::from_static(&hex!("1210"))))
        );
        assert_eq!(AudioTag::parse(&Bytes::new()), Ok(AudioTag::Silence));
    }

    #[test]
    fn composition_times_are_signed() {
        for (wire, expected) in [
            (hex!("27 01 000021"), 33),
            (hex!("27 01 FFFFDF"), -33),
            (hex!("27 01 800000"), -8_388_608),
        ] {
            let tag = VideoTag::parse(&Bytes::copy_from_slice(&wire)).unwrap();
            let VideoTag::Frame {
                composition_time, ..
            } = tag
            else {
                panic!("{tag:?}");
            };
            assert_eq!(composition_time, expected);
        }
    }

    #[test]
    fn other_codecs_and_enhanced_tags_are_named() {
        let video = |wire: &'static [u8]| VideoTag::parse(&Bytes::from_static(wire));
        let audio = |wire: &'static [u8]| AudioTag::parse(&Bytes::from_static(wire));

        assert_eq!(video(&hex!("12 00")), Err(TagError::VideoCodec(2)));
        assert_eq!(audio(&hex!("2F 00")), Err(TagError::AudioCodec(2)));
        assert_eq!(video(&hex!("17 09 000000")), Err(TagError::PacketType(9)));
        assert_eq!(
            video(b"\x90hvc1\x01").unwrap_err().to_string(),
            "Enhanced RTMP tags (hvc1) are not supported; send H.264 and AAC"
        );
        assert_eq!(audio(b"\x90Opus"), Err(TagError::Enhanced(Some(*b"Opus"))));
        assert_eq!(video(&hex!("9F 00")), Err(TagError::Enhanced(None)));
        assert_eq!(video(&hex!("57 00")), Ok(VideoTag::Command));
        for truncated in [&hex!("17")[..], &hex!("17 01 0000"), &[]] {
            assert_eq!(
                VideoTag::parse(&Bytes::copy_from_slice(truncated)),
                Err(TagError::Truncated)
            );
        }
        assert_eq!(audio(&hex!("AF")), Err(TagError::Truncated));
    }

    proptest! {
        #[test]
        fn any_picture_and_sound_is_read_as_it_was_written(
            data in vec(any::<u8>(), 0..100),
            key_frame in any::<bool>(),
        ) {
            let data = Bytes::from(data);
            let packet = VideoPacket { data: data.clone(), ..video(key_frame) };
            let body = avc_frame(&packet).to_bytes();
            prop_assert_eq!(
                VideoTag::parse(&body),
                Ok(VideoTag::Frame { key_frame, composition_time: 0, data: data.clone() })
            );
            let info = kind_of_video(&body).unwrap();
            prop_assert_eq!(info.is_key_frame(), key_frame);
            prop_assert_eq!(&info.data, &data);

            let body = TagBody::audio(packet_type::FRAME, data.clone()).to_bytes();
            prop_assert_eq!(AudioTag::parse(&body), Ok(AudioTag::Frame(data.clone())));
            prop_assert_eq!(kind_of_audio(&body).unwrap().data, data);
        }

        #[test]
        fn both_ways_of_reading_agree_about_any_body(
            body in vec(prop_oneof![any::<u8>(), Just(0x17), Just(0xAF), 0..3_u8], 0..12),
        ) {
            let body = Bytes::from(body);
            let info = kind_of_video(&body);
            match VideoTag::parse(&body) {
                Ok(VideoTag::Frame { key_frame, composition_time, data }) => {
                    let info = info.unwrap();
                    prop_assert_eq!(info.is_key_frame(), key_frame);
                    prop_assert_eq!(info.composition_offset, composition_time);
                    prop_assert_eq!(info.data, data);
                }
                Ok(VideoTag::SequenceHeader(_)) => {
                    prop_assert!(info.unwrap().is_sequence_header());
                }
                Ok(_) | Err(TagError::Enhanced(_) | TagError::VideoCodec(_)) => {}
                Err(error) => prop_assert_eq!(info, Err(error)),
            }
            let info = kind_of_audio(&body);
            match AudioTag::parse(&body) {
                Ok(AudioTag::Frame(data)) => prop_assert_eq!(info.unwrap().data, data),
                Ok(AudioTag::SequenceHeader(_)) => {
                    prop_assert!(info.unwrap().is_sequence_header());
                }
                Ok(AudioTag::Silence) => prop_assert_eq!(info.unwrap().codec, None),
                Err(TagError::Enhanced(_) | TagError::AudioCodec(_)) => {}
                Err(error) => prop_assert_eq!(info, Err(error)),
            }
        }
    }
}
