//! What a microphone is here, whether a sound server or the operating system offers it.

use std::{any::Any, sync::Arc};

use super::tap::{Intake, Progress};
use crate::{
    capture::source::{CaptureError, DeviceId},
    media::clock::Clock,
};

/// A microphone the system knows of; it has not been opened.
pub(super) struct ConnectedMicrophone {
    pub(super) id: DeviceId,
    pub(super) name: String,
    pub(super) is_default: bool,
    pub(super) device: Box<dyn Device>,
}

/// A way to open a microphone.
pub(super) trait Device {
    /// Starts its delivery. `name` is for errors; `on_error` is told of what later ends the delivery.
    fn open(
        &self,
        name: &str,
        clock: Clock,
        on_error: ErrorSink,
    ) -> Result<(OpenMicrophone, Intake), CaptureError>;
}

/// A device that delivers, until this is dropped.
pub(super) struct OpenMicrophone {
    /// What keeps it open.
    pub(super) _stream: Box<dyn Any>,
    /// What it delivered.
    pub(super) progress: Arc<Progress>,
    /// The format, for people: `48 kHz, stereo`.
    pub(super) format: String,
}

/// Takes an error from whatever thread it happens on.
pub(super) type ErrorSink = Box<dyn Fn(CaptureError) + Send>;
