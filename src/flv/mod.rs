//! FLV tags, codec headers, files: what RTMP messages and recordings are made of.
//!
//! | file | what it is about |
//! |---|---|
//! | [`tag`] | the bodies of video and audio tags, which are also the payload of RTMP media messages |
//! | [`enhanced`] | Enhanced RTMP's tags, read |
//! | [`avc`] | H.264 in containers: the decoder configuration record, NAL units |
//! | [`sps`] | what a sequence parameter set says about the picture |
//! | [`aac`] | the AudioSpecificConfig |
//! | [`metadata`] | `onMetaData` |
//! | [`timestamps`] | media time to stream milliseconds |
//! | [`mod@file`] | whole files, written and read |
//! | [`tag_file`] | files of tags as they came from somewhere else |

pub mod aac;
pub mod avc;
mod bits;
pub mod enhanced;
pub mod file;
pub mod metadata;
pub mod sps;
pub mod tag;
pub mod tag_file;
pub mod timestamps;

#[cfg(test)]
pub(crate) mod testing;
