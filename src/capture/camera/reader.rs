//! One open camera: its pictures as I420, each with the time it was taken.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use nokhwa::{
    Buffer, Camera,
    utils::{CameraFormat as NokhwaFormat, FrameFormat, Resolution},
};

use super::{
    feed::{Opened, PictureReader},
    format::best_format,
    list::{self, ConnectedCamera, OpenCameras},
    system,
};
use crate::{
    capture::source::{CameraFormat, CaptureError, DeviceId, DeviceKind},
    media::{
        clock::Clock,
        convert::{ConvertError, Converter, RawLayout, RawPicture, YuvColours},
        frame::{I420, VideoFrame},
        mjpeg::MjpegDecoder,
        pool::PicturePool,
    },
    units::{FrameRate, PixelSize},
};

/// Opens the camera with this identity in the format that serves `size` and `rate` best.
pub(super) fn open(
    id: &DeviceId,
    size: PixelSize,
    rate: FrameRate,
    clock: Clock,
) -> Result<Opened, CaptureError> {
    let camera = list::connected()
        .into_iter()
        .find(|camera| camera.id == *id)
        .ok_or_else(|| CaptureError::Missing {
            kind: DeviceKind::Camera,
            wanted: id.0.clone(),
        })?;
    let mut device = list::open(&camera)?;
    let formats = list::formats_of(&camera, &mut device)?;
    let registration = OpenCameras::register(camera.id.clone(), formats.clone());
    let format = take_best_format(&camera, &mut device, formats, size, rate)?;
    device
        .open_stream()
        .map_err(|error| system::classify(&camera, &error))?;
    Ok(Opened {
        name: camera.name.clone(),
        description: format!(
            "{}, {} at {}, {}",
            camera.name, format.size, format.frame_rate, format.pixels
        ),
        reader: Box::new(CameraReader {
            camera,
            device,
            clock,
            pool: PicturePool::new(PixelSize::MIN),
            converter: Converter::new(),
            jpeg: MjpegDecoder::new(),
            _registration: registration,
        }),
    })
}

/// Sets the best format that the camera really takes: some offer what they then refuse.
fn take_best_format(
    camera: &ConnectedCamera,
    device: &mut Camera,
    mut formats: Vec<CameraFormat>,
    size: PixelSize,
    rate: FrameRate,
) -> Result<CameraFormat, CaptureError> {
    let mut refusal = CaptureError::NoUsableFormat {
        kind: DeviceKind::Camera,
        name: camera.name.clone(),
        offered: "none at all".to_owned(),
    };
    for _ in 0..FORMATS_TRIED {
        let Some(best) = best_format(&formats, size, rate) else {
            break;
        };
        if let Some(pixels) = list::frame_format_of(best.pixels) {
            let resolution = Resolution::new(best.size.width, best.size.height);
            let wanted = NokhwaFormat::new(resolution, pixels, best.frame_rate.fps());
            if device.camera_format() == wanted {
                return Ok(best);
            }
            match device.set_camera_requset(nokhwa::utils::RequestedFormat::with_formats(
                nokhwa::utils::RequestedFormatType::Exact(wanted),
                &[pixels],
            )) {
                Ok(_) => return Ok(best),
                Err(error) => refusal = system::classify(camera, &error),
            }
        }
        formats.retain(|format| *format != best);
    }
    Err(refusal)
}

struct CameraReader {
    camera: ConnectedCamera,
    device: Camera,
    clock: Clock,
    pool: PicturePool,
    converter: Converter,
    jpeg: MjpegDecoder,
    _registration: OpenCameras,
}

impl PictureReader for CameraReader {
    fn read(&mut self) -> Result<Option<VideoFrame>, CaptureError> {
        let buffer = self.device.frame().map_err(|error| {
            let still_there = list::connected()
                .iter()
                .any(|camera| camera.id == self.camera.id);
            match system::classify(&self.camera, &error) {
                CaptureError::Failed { kind, name, .. } if !still_there => {
                    CaptureError::Unplugged { kind, name }
                }
                error => error,
            }
        })?;
        let captured_at = self.clock.now() - age(&buffer);
        match self.convert(&buffer) {
            Ok(picture) => Ok(Some(VideoFrame {
                picture,
                captured_at,
            })),
            Err(error) => {
                // One damaged picture is not worth more: the last one stays.
                tracing::debug!(camera = %self.camera.name, %error, "picture left out");
                Ok(None)
            }
        }
    }
}

impl CameraReader {
    fn convert(&mut self, buffer: &Buffer) -> Result<Arc<I420>, ConvertError> {
        let layout = match buffer.source_frame_format() {
            FrameFormat::MJPEG => return self.jpeg.decode(buffer.buffer()),
            FrameFormat::YUYV => RawLayout::Yuyv,
            FrameFormat::NV12 => RawLayout::Nv12,
            FrameFormat::GRAY => RawLayout::Grey,
            FrameFormat::RAWRGB => RawLayout::Rgb,
            FrameFormat::RAWBGR => RawLayout::Bgr,
        };
        let resolution = buffer.resolution();
        let raw = RawPicture {
            size: PixelSize::new(resolution.width(), resolution.height()),
            layout,
            colours: YuvColours::Bt601,
            stride: None,
            data: buffer.buffer(),
        };
        let size = raw.even_size();
        if size.width == 0 || size.height == 0 {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride: 0,
            });
        }
        if self.pool.size() != size {
            self.pool = PicturePool::new(size);
        }
        let mut result = Ok(());
        let picture = self
            .pool
            .picture(|picture| result = self.converter.convert(&raw, picture));
        result.map(|()| picture)
    }
}

/// How long ago the driver says a picture was taken: exact where it does, zero where it does not.
fn age(buffer: &Buffer) -> Duration {
    let Some(taken) = buffer.capture_timestamp() else {
        return Duration::ZERO;
    };
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|now| now.checked_sub(taken))
        .filter(|age| *age <= OLDEST)
        .unwrap_or(Duration::ZERO)
}

/// How many of a camera's formats are tried before it is given up.
const FORMATS_TRIED: usize = 8;
/// A driver that calls a picture older than this counts time in its own way.
const OLDEST: Duration = Duration::from_millis(500);
