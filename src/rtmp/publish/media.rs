//! Packets to media messages: headers first and when they change, times from 0.

use std::sync::Arc;

use crate::{
    flv::{
        tag::{self, TagBody},
        timestamps::Timestamps,
    },
    media::packet::{AacConfig, AvcConfig, Packet},
    rtmp::{
        chunk::{ChunkError, ChunkWriter},
        message::{MediaKind, write_media},
    },
};

/// Writes one stream's media.
#[derive(Debug)]
pub(super) struct MediaWriter {
    timestamps: Timestamps,
    avc: Header<AvcConfig>,
    aac: Header<AacConfig>,
    /// Milliseconds of what was written last.
    last: u32,
}

impl MediaWriter {
    pub(super) fn new(has_video: bool) -> Self {
        Self {
            timestamps: Timestamps::new(has_video),
            avc: Header::default(),
            aac: Header::default(),
            last: 0,
        }
    }

    /// Whether anything was written.
    pub(super) fn has_begun(&self) -> bool {
        self.timestamps.has_begun()
    }

    /// Milliseconds of what was written last; 0 before that.
    pub(super) fn last_timestamp(&self) -> u32 {
        self.last
    }

    /// Appends `packet` to `out`, behind the headers that it needs. A stream with pictures begins with a key
    /// frame; what comes before is left out. Gives the milliseconds that it bears.
    pub(super) fn write(
        &mut self,
        packet: &Packet,
        stream_id: u32,
        chunks: &mut ChunkWriter,
        out: &mut Vec<u8>,
    ) -> Result<Option<u32>, ChunkError> {
        match packet {
            // Parameter sets change at key frames only.
            Packet::Video(picture) if picture.key_frame => self.avc.see(&picture.config),
            Packet::Video(_) => {}
            Packet::Audio(sound) => self.aac.see(&sound.config),
        }
        let Some(timestamp) = self.timestamps.stamp(packet) else {
            return Ok(None);
        };
        self.last = timestamp;
        // The header of the sound first, where it is known by now: servers look for both before the first
        // picture. It does not bear the picture's time, which sound that is late could not go back behind.
        if let Some(config) = self.aac.take_untold() {
            let header = tag::aac_sequence_header(&config);
            let time = self.timestamps.last_sound();
            write_media(MediaKind::Audio, &header, time, stream_id, chunks, out)?;
        }
        let mut write = |kind, body: &TagBody| {
            write_media(kind, body, timestamp, stream_id, &mut *chunks, &mut *out)
        };
        match packet {
            Packet::Video(picture) => {
                if let Some(config) = self.avc.take_untold() {
                    write(MediaKind::Video, &tag::avc_sequence_header(&config))?;
                }
                write(MediaKind::Video, &tag::avc_frame(picture))?;
            }
            Packet::Audio(sound) => write(MediaKind::Audio, &tag::aac_frame(sound))?,
        }
        Ok(Some(timestamp))
    }
}

/// The decoder configuration seen last.
#[derive(Debug)]
struct Header<T> {
    config: Option<Arc<T>>,
    told: bool,
}

impl<T> Default for Header<T> {
    fn default() -> Self {
        Self {
            config: None,
            told: true,
        }
    }
}

impl<T: PartialEq> Header<T> {
    /// Takes note of `config`; if it is different from the last, it is to be told.
    fn see(&mut self, config: &Arc<T>) {
        // Compares the addresses first: mostly it is the very same.
        let same =
            (self.config.as_ref()).is_some_and(|last| Arc::ptr_eq(last, config) || last == config);
        if !same {
            self.config = Some(Arc::clone(config));
            self.told = false;
        }
    }

    fn take_untold(&mut self) -> Option<Arc<T>> {
        let untold = !std::mem::replace(&mut self.told, true);
        self.config.clone().filter(|_| untold)
    }
}
