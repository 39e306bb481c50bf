//! The seam to the operating system: what its module makes of a camera, in the rest's words.

use std::time::Duration;

use super::platform::Address;
use crate::{
    capture::source::{CameraFormat, CaptureError, DeviceId, DeviceKind},
    media::convert::RawPicture,
};

/// A camera the system knows of; it has not been opened.
#[derive(Clone, Debug)]
pub(super) struct ConnectedCamera {
    pub(super) id: DeviceId,
    pub(super) name: String,
    /// Where the system has it.
    pub(super) address: Address,
}

/// An open camera that does not deliver yet.
pub(super) trait CameraDevice: Sized {
    type Stream: CameraStream;

    /// Opens a camera without changing anything about it.
    fn open(camera: &ConnectedCamera) -> Result<Self, CaptureError>;

    /// Every format this program can read, each once.
    fn formats(&mut self) -> Result<Vec<CameraFormat>, CaptureError>;

    /// The formats of a camera that may be open already, even in this program.
    fn offered(camera: &ConnectedCamera) -> Result<Vec<CameraFormat>, CaptureError> {
        Self::open(camera)?.formats()
    }

    /// Sets one of [`CameraDevice::formats`]; gives it as the camera took it, its rate perhaps another.
    fn set_format(&mut self, format: CameraFormat) -> Result<CameraFormat, CaptureError>;

    /// Starts it in the format set.
    fn start(self) -> Result<Self::Stream, CaptureError>;
}

/// A camera that delivers.
pub(super) trait CameraStream {
    /// The next picture; `None` when there was none for a moment, or a damaged one.
    fn next(&mut self) -> Result<Option<Delivered<'_>>, CaptureError>;
}

/// A picture in the driver's memory.
pub(super) struct Delivered<'a> {
    pub(super) picture: DeliveredPicture<'a>,
    /// How long ago it was taken; zero where the driver does not say.
    pub(super) age: Duration,
}

/// A picture as a driver delivers it.
pub enum DeliveredPicture<'a> {
    /// Pixels.
    Raw(RawPicture<'a>),
    /// One picture of Motion JPEG.
    Jpeg(&'a [u8]),
}

impl ConnectedCamera {
    pub(super) fn busy(&self) -> CaptureError {
        CaptureError::Busy {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
        }
    }

    pub(super) fn forbidden(&self, remedy: &str) -> CaptureError {
        CaptureError::Forbidden {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
            remedy: remedy.to_owned(),
        }
    }

    pub(super) fn unplugged(&self) -> CaptureError {
        CaptureError::Unplugged {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
        }
    }

    pub(super) fn no_usable_format(&self, offered: &str) -> CaptureError {
        CaptureError::NoUsableFormat {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
            offered: offered.to_owned(),
        }
    }

    /// Failed with the system's own words, on one line.
    pub(super) fn failed(&self, message: &str) -> CaptureError {
        let mut message = message.replace('\n', " ");
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        CaptureError::Failed {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
            message,
        }
    }
}

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

/// In a stable order, each once.
pub(super) fn sort(formats: &mut Vec<CameraFormat>) {
    formats.sort_by_key(|format| {
        (
            format.pixels.to_string(),
            format.size.area(),
            format.size.width,
            format.frame_rate,
        )
    });
    formats.dedup();
}

/// What pictures can be converted.
pub(super) const PLAUSIBLE_SIDES: std::ops::RangeInclusive<u32> = 2..=8192;
/// What rates, in frames per second, a camera may mean.
pub(super) const PLAUSIBLE_RATES: std::ops::RangeInclusive<u32> = 1..=240;
/// A driver that calls a picture older than this counts time in its own way.
pub(super) const OLDEST_PICTURE: Duration = Duration::from_millis(500);
/// Bytes of the system's words that are passed on.
const MAX_MESSAGE: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

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
}
