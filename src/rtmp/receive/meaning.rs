//! What a tag is to somebody who passes it on.

use crate::flv::file::{FlvTag, TagKind};

/// What a tag is to somebody who passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What the stream is made of.
    Metadata,
    /// What decoders need before anything else of the track.
    Header(Track),
    /// A picture that decoding can begin with.
    KeyFrame,
    /// Any other picture, and all sound.
    Frame,
}

/// A track: pictures or sound, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Track {
    pictures: bool,
    number: u8,
}

impl Meaning {
    /// Looks at a tag's first bytes.
    #[must_use]
    pub fn of(tag: &FlvTag) -> Self {
        let header = |pictures| {
            Self::Header(Track {
                pictures,
                number: 0,
            })
        };
        let byte = |at: usize| tag.body.get(at).copied().unwrap_or(0);
        let first = byte(0);
        match tag.kind {
            TagKind::Script => Self::Metadata,
            TagKind::Audio => match (first >> 4, first & 0x0F, byte(1)) {
                (10, _, 0) | (9, 0, _) if tag.body.len() > 1 => header(false),
                _ => Self::Frame,
            },
            TagKind::Video => {
                let is_key = first >> 4 & 7 == 1;
                let is_header = match first & 0x80 {
                    0 => matches!(first & 0x0F, 7 | 12) && byte(1) == 0 && tag.body.len() > 1,
                    _ => first & 0x0F == 0,
                };
                match (is_header, is_key) {
                    (true, _) => header(true),
                    (false, true) => Self::KeyFrame,
                    (false, false) => Self::Frame,
                }
            }
        }
    }
}
