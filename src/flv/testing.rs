//! Packets for the tests of this layer and of the recorder.

use std::sync::Arc;

use bytes::Bytes;
use hex_literal::hex;

use crate::{
    media::packet::{
        AacConfig, AudioFormat, AudioPacket, AvcConfig, Packet, StreamFormat, VideoFormat,
        VideoPacket,
    },
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

pub(crate) fn format() -> StreamFormat {
    StreamFormat {
        video: Some(VideoFormat {
            size: PixelSize::new(1280, 720),
            frame_rate: FrameRate::new(30),
            bitrate: Bitrate::from_kbps(2500),
            key_frame_interval: 60,
        }),
        audio: AudioFormat {
            sample_rate: 48_000,
            channels: 2,
            bitrate: Bitrate::from_kbps(128),
        },
    }
}

pub(crate) fn sound_only() -> StreamFormat {
    StreamFormat {
        video: None,
        ..format()
    }
}

pub(crate) fn avc_config() -> Arc<AvcConfig> {
    Arc::new(AvcConfig {
        sps: Bytes::from_static(&hex!("6742C01E")),
        pps: Bytes::from_static(&hex!("68CE3C80")),
    })
}

pub(crate) fn video_at(time: MediaTime, key_frame: bool) -> Packet {
    Packet::Video(VideoPacket {
        data: Bytes::from_static(&hex!("00000002 6588")),
        time,
        captured_at: time,
        key_frame,
        disposable: false,
        config: avc_config(),
    })
}

pub(crate) fn audio_at(time: MediaTime) -> Packet {
    Packet::Audio(AudioPacket {
        data: Bytes::from_static(&hex!("2110")),
        time,
        config: Arc::new(AacConfig {
            specific_config: Bytes::from_static(&hex!("1190")),
            sample_rate: 48_000,
            channels: 2,
        }),
    })
}
