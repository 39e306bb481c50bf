//! What an engine is put together from: the real things, or stand-ins for them in tests.

use crate::{
    capture::{camera::CameraFeed, source::DeviceId},
    encode::{
        encoder::{EncodeError, VideoEncoder},
        h264::H264Encoder,
    },
    media::{clock::Clock, packet::VideoFormat},
    units::{FrameRate, PixelSize},
};

/// How cameras and encoders are opened.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Opens a video encoder.
    pub open_encoder: OpenVideoEncoder,
    /// Starts to read a camera.
    pub open_camera: OpenCamera,
}

/// Opens a video encoder.
pub type OpenVideoEncoder = fn(VideoFormat) -> Result<Box<dyn VideoEncoder>, EncodeError>;

/// Starts to read a camera for an output of this size and frame rate.
pub type OpenCamera = fn(DeviceId, PixelSize, FrameRate, Clock) -> CameraFeed;

impl Default for Parts {
    fn default() -> Self {
        Self {
            open_encoder: |format| Ok(Box::new(H264Encoder::new(format)?)),
            open_camera: CameraFeed::start,
        }
    }
}
