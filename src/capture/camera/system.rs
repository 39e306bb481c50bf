//! What only one operating system knows of a camera: its identity, whether it may be opened, what an error means.

use nokhwa::NokhwaError;

use super::list::ConnectedCamera;
use crate::capture::source::{CaptureError, DeviceKind};

pub(super) use platform::{identity, may_open};

/// A name without what drivers add: UVC cameras often give theirs twice, as in `C920: C920`.
pub(super) fn readable_name(name: &str) -> String {
    let name = name.trim().trim_matches('\0');
    match name.split_once(": ") {
        Some((first, second)) if first.starts_with(second) || second.starts_with(first) => {
            if first.len() >= second.len() {
                first.to_owned()
            } else {
                second.to_owned()
            }
        }
        _ if name.is_empty() => "Camera".to_owned(),
        _ => name.to_owned(),
    }
}

/// What the camera library's words mean. It gives no codes, but repeats the system's text, which has some.
pub(super) fn classify(camera: &ConnectedCamera, error: &NokhwaError) -> CaptureError {
    let message = error.to_string();
    let says = |codes: &[&str]| codes.iter().any(|code| message.contains(code));
    let kind = DeviceKind::Camera;
    let name = camera.name.clone();
    if says(platform::BUSY) {
        CaptureError::Busy { kind, name }
    } else if says(platform::FORBIDDEN) {
        forbidden(camera)
    } else if says(platform::GONE) {
        CaptureError::Unplugged { kind, name }
    } else if says(&["Failed to Fufill"]) {
        CaptureError::NoUsableFormat {
            kind,
            name,
            offered: "only formats it does not know".to_owned(),
        }
    } else {
        let mut message = message.replace('\n', " ");
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        CaptureError::Failed {
            kind,
            name,
            message,
        }
    }
}

fn forbidden(camera: &ConnectedCamera) -> CaptureError {
    CaptureError::Forbidden {
        kind: DeviceKind::Camera,
        name: camera.name.clone(),
        remedy: platform::REMEDY.to_owned(),
    }
}

/// Bytes of the library's words that are passed on.
const MAX_MESSAGE: usize = 160;

#[cfg(target_os = "linux")]
mod platform {
    use std::{
        fs,
        io::ErrorKind,
        path::{Path, PathBuf},
    };

    use nokhwa::utils::CameraInfo;

    use super::super::list::ConnectedCamera;
    use crate::capture::source::{CaptureError, DeviceId, DeviceKind};

    /// `EBUSY`, as Rust writes it.
    pub(super) const BUSY: &[&str] = &["(os error 16)"];
    /// `EACCES` and `EPERM`.
    pub(super) const FORBIDDEN: &[&str] = &["(os error 13)", "(os error 1)"];
    /// `ENODEV`, `ENOENT` and `ENXIO`.
    pub(super) const GONE: &[&str] = &["(os error 19)", "(os error 2)", "(os error 6)"];
    pub(super) const REMEDY: &str = "run `sudo usermod -aG video $USER`, then log out and in again";

    /// The name of the link that udev makes of vendor, model and serial number; where there is none, the place
    /// the camera is plugged in. `None` for nodes that carry metadata only.
    pub(in super::super) fn identity(info: &CameraInfo) -> Option<DeviceId> {
        let index = info.index().as_index().ok()?;
        let class = PathBuf::from(format!("/sys/class/video4linux/video{index}"));
        // A UVC camera's second node tells of its first; other drivers number cameras of their own.
        let part = fs::read_to_string(class.join("index")).unwrap_or_default();
        let part = part.trim();
        let device = fs::canonicalize(class.join("device")).ok();
        let driver = fs::read_link(class.join("device/driver")).unwrap_or_default();
        let is_uvc = driver.file_name().is_some_and(|name| name == "uvcvideo");
        if is_uvc && !part.is_empty() && part != "0" && !is_named_capture(index) {
            return None;
        }
        let node = format!("video{index}");
        let id = link_to("/dev/v4l/by-id", &node)
            .or_else(|| link_to("/dev/v4l/by-path", &node))
            .unwrap_or_else(|| {
                let place = device.unwrap_or_else(|| PathBuf::from("/dev").join(&node));
                format!("{}#{part} {}", place.display(), info.human_name())
            });
        Some(DeviceId(id))
    }

    /// Tells missing, busy and forbidden apart before the camera library turns them into text.
    pub(in super::super) fn may_open(camera: &ConnectedCamera) -> Result<(), CaptureError> {
        let kind = DeviceKind::Camera;
        let name = camera.name.clone();
        let index = camera.index.as_index().unwrap_or(0);
        let node = format!("/dev/video{index}");
        match fs::OpenOptions::new().read(true).write(true).open(&node) {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.kind() {
                ErrorKind::PermissionDenied => super::forbidden(camera),
                ErrorKind::ResourceBusy => CaptureError::Busy { kind, name },
                ErrorKind::NotFound => CaptureError::Missing { kind, wanted: name },
                _ if GONE.iter().any(|code| error.to_string().contains(code)) => {
                    CaptureError::Unplugged { kind, name }
                }
                _ => CaptureError::Failed {
                    kind,
                    name,
                    message: format!("{node}: {error}"),
                },
            }),
        }
    }

    /// Whether udev, which asks the driver, says that a node delivers pictures.
    fn is_named_capture(index: u32) -> bool {
        let class = format!("/sys/class/video4linux/video{index}/dev");
        let Ok(number) = fs::read_to_string(class) else {
            return false;
        };
        fs::read_to_string(format!("/run/udev/data/c{}", number.trim()))
            .is_ok_and(|data| data.contains("ID_V4L_CAPABILITIES=:capture:"))
    }

    /// The name of the link in `folder` that leads to `/dev/<node>`.
    fn link_to(folder: &str, node: &str) -> Option<String> {
        let mut links: Vec<String> = fs::read_dir(folder)
            .ok()?
            .filter_map(Result::ok)
            .filter(|entry| {
                fs::read_link(entry.path())
                    .is_ok_and(|target| target.file_name() == Path::new(node).file_name())
            })
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        links.sort();
        links.into_iter().next()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use nokhwa::utils::CameraInfo;

    use super::super::list::ConnectedCamera;
    use crate::capture::source::{CaptureError, DeviceId};

    /// What Windows says when a device is taken or cannot start (`MF_E_HW_MFT_FAILED_START_STREAMING`,
    /// `ERROR_BUSY`), and macOS in plain words.
    pub(super) const BUSY: &[&str] = &["0xC00D3704", "0x800700AA", "in use"];
    /// `E_ACCESSDENIED`.
    pub(super) const FORBIDDEN: &[&str] = &["0x80070005", "not authorized", "denied"];
    /// `MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED`, `ERROR_DEVICE_NOT_CONNECTED`.
    pub(super) const GONE: &[&str] = &["0xC00D3EA2", "0x8007048F", "disconnected"];
    #[cfg(target_os = "macos")]
    pub(super) const REMEDY: &str =
        "allow it in System Settings, Privacy & Security, Camera, then start the program again";
    #[cfg(not(target_os = "macos"))]
    pub(super) const REMEDY: &str =
        "allow it in Settings, Privacy & security, Camera: for desktop apps too";

    /// macOS gives a unique identity, Windows a symbolic link, both in `misc`.
    pub(in super::super) fn identity(info: &CameraInfo) -> Option<DeviceId> {
        let id = info.misc();
        Some(DeviceId(if id.is_empty() { info.human_name() } else { id }))
    }

    /// On macOS asks the person once; until then, and after a no, the camera is forbidden.
    pub(in super::super) fn may_open(camera: &ConnectedCamera) -> Result<(), CaptureError> {
        if nokhwa::nokhwa_check() {
            return Ok(());
        }
        nokhwa::nokhwa_initialize(|_| {});
        Err(super::forbidden(camera))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::source::DeviceId;
    use nokhwa::utils::CameraIndex;

    #[test]
    fn doubled_names_are_shortened() {
        for (name, expected) in [
            ("HD Webcam C920", "HD Webcam C920"),
            ("Integrated Camera: Integrated C", "Integrated Camera"),
            ("USB2.0: USB2.0 HD Camera", "USB2.0 HD Camera"),
            ("Dell: Monitor camera", "Dell: Monitor camera"),
            ("", "Camera"),
        ] {
            assert_eq!(readable_name(name), expected);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_s_reason_is_found_in_the_library_s_words() {
        let camera = ConnectedCamera {
            id: DeviceId("id".to_owned()),
            name: "Cam".to_owned(),
            index: CameraIndex::Index(0),
        };
        let say = |number: i32| {
            let error = std::io::Error::from_raw_os_error(number);
            classify(&camera, &NokhwaError::OpenStreamError(error.to_string()))
        };
        assert!(matches!(say(16), CaptureError::Busy { .. }));
        assert!(matches!(say(19), CaptureError::Unplugged { .. }));
        assert!(matches!(say(5), CaptureError::Failed { .. }));
        let CaptureError::Forbidden { remedy, .. } = say(13) else {
            panic!("EACCES is forbidden");
        };
        assert!(remedy.contains("usermod -aG video"));
    }
}
