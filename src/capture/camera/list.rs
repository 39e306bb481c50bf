//! What is connected, by stable identity.

use std::sync::{Mutex, PoisonError};

use nokhwa::{
    Camera,
    utils::{ApiBackend, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType},
};

use super::system;
use crate::{
    capture::{
        naming::{find_device, make_unique},
        source::{CameraFormat, CameraInfo, CaptureError, DeviceId, DeviceKind, PixelLayout},
    },
    units::{FrameRate, PixelSize},
};

/// All cameras, in the system's order. Asks each for its formats, which takes some milliseconds; one that is
/// in use by another program comes without.
#[must_use]
pub fn list() -> Vec<CameraInfo> {
    let mut cameras: Vec<CameraInfo> = connected()
        .into_iter()
        .filter_map(|camera| {
            let formats = match OpenCameras::formats_of(&camera.id) {
                Some(formats) => formats,
                None => match offered(&camera) {
                    Ok(formats) if formats.is_empty() => return None, // it delivers something else
                    Ok(formats) => formats,
                    Err(CaptureError::Busy { .. } | CaptureError::Forbidden { .. }) => Vec::new(),
                    Err(_) => return None,
                },
            };
            Some(CameraInfo {
                id: camera.id,
                name: camera.name,
                formats,
            })
        })
        .collect();
    make_unique(cameras.iter_mut().map(|camera| &mut camera.name));
    cameras
}

/// The camera meant by `wanted`: its identity, its name, its number in [`list`] or a part of only one name.
///
/// # Errors
/// [`CaptureError::Missing`] and [`CaptureError::Ambiguous`].
pub fn find(wanted: &str) -> Result<CameraInfo, CaptureError> {
    let mut cameras = list();
    let names: Vec<_> = cameras
        .iter()
        .map(|camera| (&camera.id, camera.name.as_str()))
        .collect();
    let index = find_device(wanted, DeviceKind::Camera, &names)?;
    Ok(cameras.swap_remove(index))
}

/// A camera the system knows of; it has not been opened.
#[derive(Clone, Debug)]
pub(super) struct ConnectedCamera {
    pub(super) id: DeviceId,
    pub(super) name: String,
    pub(super) index: CameraIndex,
}

/// Every camera the system knows of, metadata nodes left out.
pub(super) fn connected() -> Vec<ConnectedCamera> {
    let mut cameras: Vec<ConnectedCamera> = nokhwa::query(ApiBackend::Auto)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|info| {
            Some(ConnectedCamera {
                id: system::identity(&info)?,
                name: system::readable_name(&info.human_name()),
                index: info.index().clone(),
            })
        })
        .collect();
    cameras.sort_by_key(|camera| camera.index.as_index().unwrap_or(u32::MAX));
    cameras
}

/// Opens a camera in any of its formats.
pub(super) fn open(camera: &ConnectedCamera) -> Result<Camera, CaptureError> {
    system::may_open(camera)?;
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &ALL_LAYOUTS);
    Camera::new(camera.index.clone(), any).map_err(|error| system::classify(camera, &error))
}

/// Every format of a camera this program can read, each once.
pub(super) fn formats_of(
    camera: &ConnectedCamera,
    device: &mut Camera,
) -> Result<Vec<CameraFormat>, CaptureError> {
    let offered = device
        .compatible_camera_formats()
        .map_err(|error| system::classify(camera, &error))?;
    let mut formats: Vec<CameraFormat> = offered
        .into_iter()
        .filter(|format| {
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
    formats.sort_by_key(|format| {
        (
            format.pixels.to_string(),
            format.size.area(),
            format.size.width,
            format.frame_rate,
        )
    });
    formats.dedup();
    Ok(formats)
}

pub(super) const fn layout_of(format: FrameFormat) -> PixelLayout {
    match format {
        FrameFormat::MJPEG => PixelLayout::Mjpeg,
        FrameFormat::YUYV => PixelLayout::Yuyv,
        FrameFormat::NV12 => PixelLayout::Nv12,
        FrameFormat::GRAY => PixelLayout::Grey,
        FrameFormat::RAWRGB => PixelLayout::Rgb,
        FrameFormat::RAWBGR => PixelLayout::Bgr,
    }
}

/// How the camera library calls a layout; it has no word for I420.
pub(super) const fn frame_format_of(pixels: PixelLayout) -> Option<FrameFormat> {
    match pixels {
        PixelLayout::Mjpeg => Some(FrameFormat::MJPEG),
        PixelLayout::Yuyv => Some(FrameFormat::YUYV),
        PixelLayout::Nv12 => Some(FrameFormat::NV12),
        PixelLayout::Grey => Some(FrameFormat::GRAY),
        PixelLayout::Rgb => Some(FrameFormat::RAWRGB),
        PixelLayout::Bgr => Some(FrameFormat::RAWBGR),
        PixelLayout::I420 => None,
    }
}

fn offered(camera: &ConnectedCamera) -> Result<Vec<CameraFormat>, CaptureError> {
    formats_of(camera, &mut open(camera)?)
}

/// The cameras this program itself has open: listing must not open these a second time, for that could change
/// their format under the reader.
pub(super) struct OpenCameras {
    id: DeviceId,
}

impl OpenCameras {
    /// Registers a camera until the result is dropped.
    pub(super) fn register(id: DeviceId, formats: Vec<CameraFormat>) -> Self {
        Self::table().push((id.clone(), formats));
        Self { id }
    }

    fn formats_of(id: &DeviceId) -> Option<Vec<CameraFormat>> {
        let table = Self::table();
        let (_, formats) = table.iter().find(|(open, _)| open == id)?;
        Some(formats.clone())
    }

    fn table() -> std::sync::MutexGuard<'static, Vec<(DeviceId, Vec<CameraFormat>)>> {
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
/// What pictures can be converted.
const PLAUSIBLE_SIDES: std::ops::RangeInclusive<u32> = 2..=8192;
/// The camera library reports rates that are no whole number as nonsense such as 30,000 per second.
const PLAUSIBLE_RATES: std::ops::RangeInclusive<u32> = 1..=240;
