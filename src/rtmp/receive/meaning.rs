//! What a tag is to somebody who passes it on.

use crate::flv::{
    file::{FlvTag, TagKind},
    tag::{AudioPacketKind, VideoPacketKind, kind_of_audio, kind_of_video},
};

/// What a tag is to somebody who passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What the stream is made of.
    Metadata,
    /// What decoders need before anything else.
    Header(Header),
    /// A picture of this track that decoding can begin with.
    KeyFrame(u8),
    /// Any other picture, all sound, and what cannot be read.
    Frame,
}

/// Which header: a later one of the same kind and track takes its place. They are sent in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Header {
    /// How the sound of this track is encoded.
    Audio(u8),
    /// How its channels are arranged.
    Channels(u8),
    /// How the pictures of this track are encoded.
    Video(u8),
    /// What their colours mean (Enhanced RTMP's metadata packet).
    Colour(u8),
}

impl Meaning {
    /// Looks at a tag's first bytes.
    #[must_use]
    pub fn of(tag: &FlvTag) -> Self {
        match tag.kind {
            TagKind::Script => Self::Metadata,
            TagKind::Audio => match kind_of_audio(&tag.body) {
                Ok(info) if info.is_sequence_header() => Self::Header(Header::Audio(info.track)),
                Ok(info) if info.packet == AudioPacketKind::MultichannelConfig => {
                    Self::Header(Header::Channels(info.track))
                }
                _ => Self::Frame,
            },
            TagKind::Video => match kind_of_video(&tag.body) {
                Ok(info) if info.is_sequence_header() => Self::Header(Header::Video(info.track)),
                Ok(info) if info.packet == VideoPacketKind::Metadata => {
                    Self::Header(Header::Colour(info.track))
                }
                Ok(info) if info.is_key_frame() => Self::KeyFrame(info.track),
                _ => Self::Frame,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hex_literal::hex;

    use super::{super::hub::testing, *};

    fn of(kind: TagKind, body: &[u8]) -> Meaning {
        Meaning::of(&FlvTag {
            kind,
            timestamp: 0,
            body: Bytes::copy_from_slice(body),
        })
    }

    #[test]
    fn legacy_tags_are_told_apart() {
        let header = Meaning::Header;
        assert_eq!(Meaning::of(&testing::metadata()), Meaning::Metadata);
        assert_eq!(
            Meaning::of(&testing::avc_header(0)),
            header(Header::Video(0))
        );
        assert_eq!(
            Meaning::of(&testing::aac_header(0)),
            header(Header::Audio(0))
        );
        assert_eq!(Meaning::of(&testing::key_frame(0)), Meaning::KeyFrame(0));
        assert_eq!(Meaning::of(&testing::frame(0)), Meaning::Frame);
        assert_eq!(Meaning::of(&testing::sound(0)), Meaning::Frame);
    }

    #[test]
    fn enhanced_tags_are_told_apart() {
        let header = Meaning::Header;
        for (body, meaning) in [
            (&b"\x90hvc1\x01"[..], header(Header::Video(0))),
            (b"\x91hvc1\x00\x00\x00\x01", Meaning::KeyFrame(0)),
            (b"\x93av01\x01", Meaning::KeyFrame(0)),
            (b"\xA1hvc1\x00\x00\x00\x01", Meaning::Frame),
            (
                b"\x94hvc1\x02\x00\x09colorInfo\x06",
                header(Header::Colour(0)),
            ),
            (b"\x96\x00hvc1\x02\x01", header(Header::Video(2))),
            (b"\x96\x01hvc1\x02\x00\x00\x00\x01", Meaning::KeyFrame(2)),
        ] {
            assert_eq!(of(TagKind::Video, body), meaning, "{body:02x?}");
        }
        let opus = of(TagKind::Audio, b"\x90OpusOpusHead");
        assert_eq!(opus, header(Header::Audio(0)));
        let channels = of(TagKind::Audio, b"\x94Opus\x01\x02\x00\x00\x00\x03");
        assert_eq!(channels, header(Header::Channels(0)));
        assert_eq!(of(TagKind::Audio, b"\x91Opus\x01"), Meaning::Frame);
    }

    #[test]
    fn what_cannot_be_read_is_passed_on_as_a_frame() {
        for body in [&[][..], &hex!("17"), &hex!("FF"), &hex!("96")] {
            assert_eq!(of(TagKind::Video, body), Meaning::Frame, "{body:02x?}");
        }
    }
}
