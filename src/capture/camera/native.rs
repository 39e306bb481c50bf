//! Cameras on Windows and macOS, through nokhwa.
//!
//! It has no word for I420, gives no strides and no colours, and its calls wait without limit.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use nokhwa::{
    Buffer, Camera, NokhwaError,
    utils::{
        ApiBackend, CameraFormat as NokhwaFormat, CameraIndex, CameraInfo, FrameFormat,
        RequestedFormat, RequestedFormatType, Resolution,
    },
};

use super::device::{
    self, CameraDevice, CameraStream, ConnectedCamera, Delivered, DeliveredPicture, OLDEST_PICTURE,
    PLAUSIBLE_RATES, PLAUSIBLE_SIDES, readable_name,
};
use crate::{
    capture::source::{CameraFormat, CaptureError, DeviceId, PixelLayout},
    media::convert::{RawLayout, RawPicture, YuvColours},
    units::{FrameRate, PixelSize},
};

/// How nokhwa finds a camera.
pub(super) type Address = CameraIndex;

/// Every camera the system knows of.
pub(super) fn connected() -> Vec<ConnectedCamera> {
    let mut cameras: Vec<ConnectedCamera> = nokhwa::query(ApiBackend::Auto)
        .unwrap_or_default()
        .into_iter()
        .map(|info| ConnectedCamera {
            id: identity(&info),
            name: readable_name(&info.human_name()),
            address: info.index().clone(),
        })
        .collect();
    cameras.sort_by_key(|camera| camera.address.as_index().unwrap_or(u32::MAX));
    cameras
}

/// macOS gives a unique identity, Windows a symbolic link, both in `misc`.
fn identity(info: &CameraInfo) -> DeviceId {
    let id = info.misc();
    DeviceId(if id.is_empty() { info.human_name() } else { id })
}

/// An open camera.
pub(super) struct Device {
    camera: ConnectedCamera,
    handle: Camera,
    formats: Vec<CameraFormat>,
}

impl CameraDevice for Device {
    type Stream = Stream;

    fn open(camera: &ConnectedCamera) -> Result<Self, CaptureError> {
        if !nokhwa::nokhwa_check() {
            // macOS asks the person once; until then, and after a no, the camera is forbidden.
            nokhwa::nokhwa_initialize(|_| {});
            return Err(camera.forbidden(REMEDY));
        }
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &ALL_LAYOUTS);
        let handle =
            Camera::new(camera.address.clone(), any).map_err(|error| explain(camera, &error))?;
        Ok(Self {
            camera: camera.clone(),
            handle,
            formats: Vec::new(),
        })
    }

    fn formats(&mut self) -> Result<Vec<CameraFormat>, CaptureError> {
        let offered = self
            .handle
            .compatible_camera_formats()
            .map_err(|error| explain(&self.camera, &error))?;
        self.formats = offered
            .into_iter()
            .filter(|format| {
                // Rates that are no whole number are told as nonsense such as 30,000 per second.
                PLAUSIBLE_RATES.contains(&format.frame_rate())
                    && PLAUSIBLE_SIDES.contains(&format.width())
                    && PLAUSIBLE_SIDES.contains(&format.height())
            })
            .map(|format| CameraFormat {
                size: PixelSize::new(format.width(), format.height()),
                frame_rate: FrameRate::new(format.frame_rate()),
                pixels: layout_of(format.format()),
            })
            .collect();
        device::sort(&mut self.formats);
        Ok(self.formats.clone())
    }

    fn offered(camera: &ConnectedCamera) -> Result<Vec<CameraFormat>, CaptureError> {
        match OpenCameras::formats_of(&camera.id) {
            Some(formats) => Ok(formats),
            None => Self::open(camera)?.formats(),
        }
    }

    fn set_format(&mut self, format: CameraFormat) -> Result<CameraFormat, CaptureError> {
        let Some(pixels) = frame_format_of(format.pixels) else {
            return Err(self.camera.no_usable_format("others"));
        };
        let resolution = Resolution::new(format.size.width, format.size.height);
        let wanted = NokhwaFormat::new(resolution, pixels, format.frame_rate.fps());
        if self.handle.camera_format() != wanted {
            let exact = RequestedFormatType::Exact(wanted);
            self.handle
                .set_camera_requset(RequestedFormat::with_formats(exact, &[pixels]))
                .map_err(|error| explain(&self.camera, &error))?;
        }
        Ok(format)
    }

    fn start(mut self) -> Result<Stream, CaptureError> {
        let registration = OpenCameras::register(self.camera.id.clone(), self.formats);
        self.handle
            .open_stream()
            .map_err(|error| explain(&self.camera, &error))?;
        Ok(Stream {
            camera: self.camera,
            handle: self.handle,
            buffer: None,
            _registration: registration,
        })
    }
}

/// A camera that delivers.
pub(super) struct Stream {
    camera: ConnectedCamera,
    handle: Camera,
    buffer: Option<Buffer>,
    _registration: OpenCameras,
}

impl CameraStream for Stream {
    fn next(&mut self) -> Result<Option<Delivered<'_>>, CaptureError> {
        let buffer = self
            .handle
            .frame()
            .map_err(|error| explain(&self.camera, &error))?;
        let buffer = self.buffer.insert(buffer);
        Ok(Some(Delivered {
            picture: picture(buffer),
            age: age(buffer),
        }))
    }
}

fn picture(buffer: &Buffer) -> DeliveredPicture<'_> {
    let layout = match buffer.source_frame_format() {
        FrameFormat::MJPEG => return DeliveredPicture::Jpeg(buffer.buffer()),
        FrameFormat::YUYV => RawLayout::Yuyv,
        FrameFormat::NV12 => RawLayout::Nv12,
        FrameFormat::GRAY => RawLayout::Grey,
        FrameFormat::RAWRGB => RawLayout::Rgb,
        FrameFormat::RAWBGR => RawLayout::Bgr,
    };
    let resolution = buffer.resolution();
    DeliveredPicture::Raw(RawPicture {
        size: PixelSize::new(resolution.width(), resolution.height()),
        layout,
        colours: YuvColours::Bt601,
        stride: None,
        data: buffer.buffer(),
    })
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
        .filter(|age| *age <= OLDEST_PICTURE)
        .unwrap_or(Duration::ZERO)
}

const fn layout_of(format: FrameFormat) -> PixelLayout {
    match format {
        FrameFormat::MJPEG => PixelLayout::Mjpeg,
        FrameFormat::YUYV => PixelLayout::Yuyv,
        FrameFormat::NV12 => PixelLayout::Nv12,
        FrameFormat::GRAY => PixelLayout::Grey,
        FrameFormat::RAWRGB => PixelLayout::Rgb,
        FrameFormat::RAWBGR => PixelLayout::Bgr,
    }
}

const fn frame_format_of(pixels: PixelLayout) -> Option<FrameFormat> {
    match pixels {
        PixelLayout::Mjpeg => Some(FrameFormat::MJPEG),
        PixelLayout::Yuyv => Some(FrameFormat::YUYV),
        PixelLayout::Nv12 => Some(FrameFormat::NV12),
        PixelLayout::Grey => Some(FrameFormat::GRAY),
        PixelLayout::Rgb => Some(FrameFormat::RAWRGB),
        PixelLayout::Bgr => Some(FrameFormat::RAWBGR),
        PixelLayout::I420 | PixelLayout::Uyvy => None,
    }
}

/// What nokhwa's words mean. It gives no codes, but repeats the system's text, which has some.
fn explain(camera: &ConnectedCamera, error: &NokhwaError) -> CaptureError {
    let message = error.to_string();
    let says = |codes: &[&str]| codes.iter().any(|code| message.contains(code));
    if says(BUSY) {
        camera.busy()
    } else if says(FORBIDDEN) {
        camera.forbidden(REMEDY)
    } else if says(GONE) {
        camera.unplugged()
    } else if says(UNSUITABLE) {
        camera.no_usable_format("only formats it does not know")
    } else {
        camera.failed(&message)
    }
}

/// The cameras this program itself has open: listing must not open these a second time, for that could change
/// their format under the reader.
struct OpenCameras {
    id: DeviceId,
}

impl OpenCameras {
    /// Registers a camera until the result is dropped.
    fn register(id: DeviceId, formats: Vec<CameraFormat>) -> Self {
        Self::table().push((id.clone(), formats));
        Self { id }
    }

    fn formats_of(id: &DeviceId) -> Option<Vec<CameraFormat>> {
        let table = Self::table();
        let (_, formats) = table.iter().find(|(open, _)| open == id)?;
        Some(formats.clone())
    }

    fn table() -> MutexGuard<'static, Vec<(DeviceId, Vec<CameraFormat>)>> {
        static TABLE: Mutex<Vec<(DeviceId, Vec<CameraFormat>)>> = Mutex::new(Vec::new());
        TABLE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenCameras {
    fn drop(&mut self) {
        let mut table = Self::table();
        if let Some(index) = table.iter().position(|(id, _)| *id == self.id) {
            table.swap_remove(index);
        }
    }
}

const ALL_LAYOUTS: [FrameFormat; 6] = [
    FrameFormat::YUYV,
    FrameFormat::NV12,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];
/// What Windows says when a device is taken or cannot start (`MF_E_HW_MFT_FAILED_START_STREAMING`,
/// `ERROR_BUSY`), and macOS in plain words.
const BUSY: &[&str] = &["0xC00D3704", "0x800700AA", "in use"];
/// `E_ACCESSDENIED`.
const FORBIDDEN: &[&str] = &["0x80070005", "not authorized", "denied"];
/// `MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED`, `ERROR_DEVICE_NOT_CONNECTED`.
const GONE: &[&str] = &["0xC00D3EA2", "0x8007048F", "disconnected"];
/// nokhwa's own words for a format that is not there.
const UNSUITABLE: &[&str] = &["Failed to Fufill"];
const REMEDY: &str = if cfg!(target_os = "macos") {
    "allow it in System Settings, Privacy & Security, Camera, then start the program again"
} else {
    "allow it in Settings, Privacy & security, Camera: for desktop apps too"
};
