//! What is connected, by stable identity.

use super::{
    device::CameraDevice,
    platform::{self, Device},
};
use crate::capture::{
    naming::{find_device, make_unique},
    source::{CameraInfo, CaptureError, DeviceKind},
};

/// All cameras, in the system's order. Asks each for its formats, which takes some milliseconds; one that
/// cannot be asked, because it is in use or forbidden, comes without.
#[must_use]
pub fn list() -> Vec<CameraInfo> {
    let mut cameras: Vec<CameraInfo> = platform::connected()
        .into_iter()
        .filter_map(|camera| {
            let formats = match Device::offered(&camera) {
                Ok(formats) if formats.is_empty() => return None, // it delivers something else
                Ok(formats) => formats,
                Err(CaptureError::Busy { .. } | CaptureError::Forbidden { .. }) => Vec::new(),
                Err(_) => return None,
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
