//! Tags for the tests of what passes them on.

use bytes::Bytes;

use crate::flv::file::{FlvTag, TagKind};

fn tag(kind: TagKind, timestamp: u32, body: &'static [u8]) -> FlvTag {
    FlvTag {
        kind,
        timestamp,
        body: Bytes::from_static(body),
    }
}

pub(crate) fn metadata() -> FlvTag {
    tag(TagKind::Script, 0, b"\x02\x00\x0aonMetaData\x05")
}

pub(crate) fn avc_header(timestamp: u32) -> FlvTag {
    tag(TagKind::Video, timestamp, b"\x17\x00\x00\x00\x00config")
}

pub(crate) fn aac_header(timestamp: u32) -> FlvTag {
    tag(TagKind::Audio, timestamp, b"\xAF\x00\x11\x90")
}

pub(crate) fn key_frame(timestamp: u32) -> FlvTag {
    tag(TagKind::Video, timestamp, b"\x17\x01\x00\x00\x00key")
}

pub(crate) fn frame(timestamp: u32) -> FlvTag {
    tag(TagKind::Video, timestamp, b"\x27\x01\x00\x00\x00frame")
}

pub(crate) fn sound(timestamp: u32) -> FlvTag {
    tag(TagKind::Audio, timestamp, b"\xAF\x01sound")
}
