//! A stream that costs little: what tests of a whole engine encode.

use skywave::{
    engine::command::{OutputFormat, RateControl},
    media::packet::{AudioFormat, VideoFormat},
    units::{Bitrate, FrameRate, PixelSize},
};

pub(crate) const FORMAT: OutputFormat = OutputFormat {
    video: VideoFormat {
        size: PixelSize::new(160, 90),
        frame_rate: FrameRate::new(30),
        bitrate: Bitrate::from_kbps(400),
        key_frame_interval: 30,
    },
    audio: AudioFormat {
        sample_rate: 48_000,
        channels: 2,
        bitrate: Bitrate::from_kbps(64),
    },
    rate: RateControl {
        adaptive: false,
        floor: Bitrate::from_kbps(400),
    },
};
