//! Encoded pictures and sound, ready for any output: publishers, the recorder, the check.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

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
    /// When it was taken. What no source took then, a picture shown again among them, was taken when it was due.
    pub captured_at: MediaTime,
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

impl AudioPacket {
    /// Samples per channel (ISO 14496-3, 4.5.1.1).
    pub const SAMPLES: u32 = 1024;

    /// When its last sample is to be heard.
    #[must_use]
    pub fn last_sample(&self) -> MediaTime {
        let behind_first = u64::from(Self::SAMPLES - 1);
        let lasts = MediaTime::from_samples(behind_first, self.config.sample_rate);
        self.time + lasts.since(MediaTime::ZERO)
    }
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

impl VideoFormat {
    /// The most frames per second.
    pub const MAX_FRAME_RATE: FrameRate = FrameRate::new(60);
    /// The least bitrate that still gives a picture.
    pub const MIN_BITRATE: Bitrate = Bitrate::from_kbps(50);
    /// The highest bitrate.
    pub const MAX_BITRATE: Bitrate = Bitrate::from_kbps(100_000);
    /// The most frames from one key frame to the next.
    pub const MAX_KEY_FRAME_INTERVAL: u32 = 600;

    /// Whether pictures can be encoded like this, whatever the encoder.
    ///
    /// # Errors
    /// The first value that is out of range, and the range.
    pub fn check(&self) -> Result<(), FormatError> {
        let (min, max) = (PixelSize::MIN, PixelSize::MAX);
        let size = self.size;
        if !(min.width..=max.width).contains(&size.width)
            || !(min.height..=max.height).contains(&size.height)
        {
            return Err(FormatError::new(
                format!("a picture of {size}"),
                format!("it must be between {min} and {max}"),
            ));
        }
        if !size.width.is_multiple_of(2) || !size.height.is_multiple_of(2) {
            return Err(FormatError::new(
                format!("a picture of {size}"),
                "both sides must be even".to_owned(),
            ));
        }
        if self.frame_rate > Self::MAX_FRAME_RATE {
            return Err(FormatError::new(
                format!("a frame rate of {}", self.frame_rate),
                format!("at most {} are possible", Self::MAX_FRAME_RATE),
            ));
        }
        if !(Self::MIN_BITRATE..=Self::MAX_BITRATE).contains(&self.bitrate) {
            return Err(FormatError::new(
                format!("a video bitrate of {}", self.bitrate),
                format!(
                    "it must be between {} and {}",
                    Self::MIN_BITRATE,
                    Self::MAX_BITRATE
                ),
            ));
        }
        if !(1..=Self::MAX_KEY_FRAME_INTERVAL).contains(&self.key_frame_interval) {
            return Err(FormatError::new(
                format!("a key frame every {} frames", self.key_frame_interval),
                format!("it must be between 1 and {}", Self::MAX_KEY_FRAME_INTERVAL),
            ));
        }
        Ok(())
    }
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

impl AudioFormat {
    /// The sample rates that can be sent.
    pub const SAMPLE_RATES: [u32; 2] = [44_100, 48_000];
    /// The least bitrate that still sounds acceptable.
    pub const MIN_BITRATE: Bitrate = Bitrate::from_kbps(32);
    /// The highest bitrate.
    pub const MAX_BITRATE: Bitrate = Bitrate::from_kbps(320);

    /// Whether sound can be encoded like this, whatever the encoder.
    ///
    /// # Errors
    /// The first value that is out of range, and the range.
    pub fn check(&self) -> Result<(), FormatError> {
        if !Self::SAMPLE_RATES.contains(&self.sample_rate) {
            return Err(FormatError::new(
                format!("a sample rate of {} Hz", self.sample_rate),
                "44100 Hz and 48000 Hz are possible".to_owned(),
            ));
        }
        if !(1..=2).contains(&self.channels) {
            return Err(FormatError::new(
                format!("sound with {} channels", self.channels),
                "1 (mono) and 2 (stereo) are possible".to_owned(),
            ));
        }
        if !(Self::MIN_BITRATE..=Self::MAX_BITRATE).contains(&self.bitrate) {
            return Err(FormatError::new(
                format!("an audio bitrate of {}", self.bitrate),
                format!(
                    "it must be between {} and {}",
                    Self::MIN_BITRATE,
                    Self::MAX_BITRATE
                ),
            ));
        }
        Ok(())
    }
}

/// A format that no stream of ours can have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{value}: {rule}")]
pub struct FormatError {
    /// The setting and its value: `a picture of 321×180`.
    pub value: String,
    /// What it must be instead: `both sides must be even`.
    pub rule: String,
}

impl FormatError {
    fn new(value: String, rule: String) -> Self {
        Self { value, rule }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: VideoFormat = VideoFormat {
        size: PixelSize::new(1280, 720),
        frame_rate: FrameRate::new(30),
        bitrate: Bitrate::from_kbps(2500),
        key_frame_interval: 60,
    };
    const AUDIO: AudioFormat = AudioFormat {
        sample_rate: 48_000,
        channels: 2,
        bitrate: Bitrate::from_kbps(128),
    };

    #[test]
    fn video_formats_are_taken_up_to_their_limits_and_not_beyond() {
        let size = |width, height| VideoFormat {
            size: PixelSize::new(width, height),
            ..VIDEO
        };
        let bitrate = |kbps| VideoFormat {
            bitrate: Bitrate::from_kbps(kbps),
            ..VIDEO
        };
        let interval = |key_frame_interval| VideoFormat {
            key_frame_interval,
            ..VIDEO
        };
        let rate = |fps| VideoFormat {
            frame_rate: FrameRate::new(fps),
            ..VIDEO
        };
        for good in [
            VIDEO,
            size(160, 90),
            size(3840, 2160),
            bitrate(50),
            bitrate(100_000),
            interval(1),
            interval(600),
            rate(1),
            rate(60),
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
        for (bad, told) in [
            (
                size(158, 90),
                "a picture of 158×90: it must be between 160×90 and 3840×2160",
            ),
            (
                size(160, 2162),
                "a picture of 160×2162: it must be between 160×90 and 3840×2160",
            ),
            (
                size(1280, 721),
                "a picture of 1280×721: both sides must be even",
            ),
            (
                bitrate(49),
                "a video bitrate of 49 kb/s: it must be between 50 kb/s and 100,000 kb/s",
            ),
            (
                bitrate(100_001),
                "a video bitrate of 100,001 kb/s: it must be between 50 kb/s and 100,000 kb/s",
            ),
            (
                interval(0),
                "a key frame every 0 frames: it must be between 1 and 600",
            ),
            (
                interval(601),
                "a key frame every 601 frames: it must be between 1 and 600",
            ),
            (
                rate(61),
                "a frame rate of 61 fps: at most 60 fps are possible",
            ),
        ] {
            assert_eq!(bad.check().unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn audio_formats_are_taken_up_to_their_limits_and_not_beyond() {
        let bitrate = |kbps| AudioFormat {
            bitrate: Bitrate::from_kbps(kbps),
            ..AUDIO
        };
        for good in [AUDIO, bitrate(32), bitrate(320)] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
        for (bad, told) in [
            (
                bitrate(31),
                "an audio bitrate of 31 kb/s: it must be between 32 kb/s and 320 kb/s",
            ),
            (
                AudioFormat {
                    channels: 6,
                    ..AUDIO
                },
                "sound with 6 channels: 1 (mono) and 2 (stereo) are possible",
            ),
            (
                AudioFormat {
                    sample_rate: 96_000,
                    ..AUDIO
                },
                "a sample rate of 96000 Hz: 44100 Hz and 48000 Hz are possible",
            ),
        ] {
            assert_eq!(bad.check().unwrap_err().to_string(), told);
        }
    }
}
