//! What an engine is put together from: the real things, or stand-ins for them in tests.

use crate::{
    capture::{camera::CameraFeed, source::DeviceId},
    encode::{
        encoder::{EncodeError, VideoEncoder},
        h264::H264Encoder,
    },
    media::{
        clock::Clock,
        packet::{StreamFormat, VideoFormat},
    },
    record::{RecordError, Recorder, RecorderEvent, RecordingTarget},
    units::{FrameRate, PixelSize},
};

/// How cameras, encoders and recorders are opened.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Opens a video encoder.
    pub open_encoder: OpenVideoEncoder,
    /// Starts to read a camera.
    pub open_camera: OpenCamera,
    /// Starts to record.
    pub start_recorder: StartRecorder,
}

/// Opens a video encoder.
pub type OpenVideoEncoder = fn(VideoFormat) -> Result<Box<dyn VideoEncoder>, EncodeError>;

/// Starts to read a camera for an output of this size and frame rate.
pub type OpenCamera = fn(DeviceId, PixelSize, FrameRate, Clock) -> CameraFeed;

/// Starts to record a stream of this format there; what becomes of it is told.
pub type StartRecorder = fn(
    &RecordingTarget,
    StreamFormat,
    Box<dyn FnMut(RecorderEvent) + Send>,
) -> Result<Recorder, RecordError>;

impl Default for Parts {
    fn default() -> Self {
        Self {
            open_encoder: |format| Ok(Box::new(H264Encoder::new(format)?)),
            open_camera: CameraFeed::start,
            start_recorder: |target, format, on_event| Recorder::start(target, format, on_event),
        }
    }
}
