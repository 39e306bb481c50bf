//! What can be chosen as a source, how a device is named, and what may go wrong with it.

use std::fmt;

use thiserror::Error;

use crate::units::{FrameRate, PixelSize};

/// What makes a device the same device tomorrow: stable across unplugging and, where the system allows,
/// across restarts. Not for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub String);

/// A camera that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraInfo {
    /// Its identity.
    pub id: DeviceId,
    /// Its name as a person would say it, unique in a list.
    pub name: String,
    /// Every format it offers; empty while it is busy and its formats cannot be asked for.
    pub formats: Vec<CameraFormat>,
}

/// One way a camera can deliver pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraFormat {
    /// Picture size.
    pub size: PixelSize,
    /// Frames per second, rounded: a camera's 29.97 is 30 here.
    pub frame_rate: FrameRate,
    /// How the pixels are laid out.
    pub pixels: PixelLayout,
}

/// How a camera lays out its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelLayout {
    /// Packed 4:2:2, `YUYV`.
    Yuyv,
    /// Packed 4:2:2, `UYVY`.
    Uyvy,
    /// Semi-planar 4:2:0, `NV12`.
    Nv12,
    /// Planar 4:2:0, `YU12` or `YV12`.
    I420,
    /// Motion JPEG.
    Mjpeg,
    /// 8-bit red, green, blue.
    Rgb,
    /// 8-bit blue, green, red.
    Bgr,
    /// 8-bit luma only.
    Grey,
}

impl fmt::Display for PixelLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Nv12 => "NV12",
            Self::I420 => "I420",
            Self::Mjpeg => "MJPEG",
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
            Self::Grey => "grey",
        })
    }
}

/// A microphone (or a sound server's monitor) that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct MicrophoneInfo {
    /// Its identity.
    pub id: DeviceId,
    /// Its name as a person would say it, unique in a list.
    pub name: String,
    /// Whether the system would pick it by itself.
    pub is_default: bool,
}

/// Where the picture comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VideoChoice {
    /// No picture: a stream of sound only.
    None,
    /// Moving bars, a running clock, the frame's number and a flash each second.
    #[default]
    TestPicture,
    /// A camera, by identity.
    Camera(DeviceId),
}

/// Where the sound comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AudioChoice {
    /// Silence, on purpose.
    Silence,
    /// A 1 kHz beep exactly with each of the test picture's flashes.
    #[default]
    Beep,
    /// A 1 kHz tone without pauses.
    SteadyTone,
    /// A microphone, by identity.
    Microphone(DeviceId),
}

/// What a running device reports of itself.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// It delivers, in the way `description` says: `HD Webcam C920, 1280×720 at 30 fps, MJPEG`.
    Ready {
        /// Name and format, for people.
        description: String,
    },
    /// It stopped delivering, or could not be opened; it is tried again until it is back.
    Lost(CaptureError),
}

/// Why a device cannot be used. Each says what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CaptureError {
    /// No device of that name, number or identity.
    #[error(
        "no {kind} \"{wanted}\" is connected; plug it in, or choose one that `skywave devices` lists"
    )]
    Missing {
        /// What was looked for.
        kind: DeviceKind,
        /// The name, number or identity asked for.
        wanted: String,
    },
    /// Several devices fit what was asked for.
    #[error("several {kind}s fit \"{wanted}\": {candidates}; give the whole name")]
    Ambiguous {
        /// What kind of device.
        kind: DeviceKind,
        /// The part of a name asked for.
        wanted: String,
        /// The names that fit.
        candidates: String,
    },
    /// Another program holds it.
    #[error("{kind} \"{name}\" is in use by another program; close that program, then try again")]
    Busy {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
    },
    /// The system does not let this program use it.
    #[error("this program may not use {kind} \"{name}\"; {remedy}")]
    Forbidden {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
        /// What to do, on this system.
        remedy: String,
    },
    /// It was there and is gone.
    #[error("{kind} \"{name}\" was unplugged; plug it in again and it is taken back by itself")]
    Unplugged {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
    },
    /// It is there but delivers nothing.
    #[error(
        "{kind} \"{name}\" stopped delivering; if it does not recover, unplug it and plug it in again"
    )]
    Stalled {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
    },
    /// It offers no format this program can read.
    #[error(
        "{kind} \"{name}\" offers no format this program can read ({offered}); choose another device"
    )]
    NoUsableFormat {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
        /// What it offers instead.
        offered: String,
    },
    /// Anything else the system said.
    #[error(
        "{kind} \"{name}\" failed: {message}; unplug it and plug it in again, or choose another"
    )]
    Failed {
        /// What kind of device.
        kind: DeviceKind,
        /// The device's name.
        name: String,
        /// The system's own words.
        message: String,
    },
}

/// Camera or microphone, for sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A source of pictures.
    Camera,
    /// A source of sound.
    Microphone,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
        })
    }
}
