//! One recording as the director sees it.

use std::{path::Path, sync::Arc};

use super::{
    event::{RecordingStatus, Severity},
    outputs::{Output, STOP_LIMIT},
    parts::StartRecorder,
};
use crate::{
    media::packet::StreamFormat,
    record::{RecordError, Recorder, RecorderEvent, RecordingTarget},
    units::MediaTime,
};

/// A recording being written.
pub struct Recording {
    recorder: Arc<Recorder>,
    generation: u64,
    ending_since: Option<MediaTime>,
}

impl Recording {
    /// Creates the file and begins; `on_event` is called from the recorder's thread and must not block.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn start(
        start: StartRecorder,
        target: &RecordingTarget,
        format: StreamFormat,
        generation: u64,
        on_event: impl FnMut(RecorderEvent) + Send + 'static,
    ) -> Result<Self, RecordError> {
        let recorder = start(target, format, Box::new(on_event))?;
        Ok(Self {
            recorder: Arc::new(recorder),
            generation,
            ending_since: None,
        })
    }

    /// Which recorder's reports belong here.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.recorder.path()
    }

    /// Where packets go.
    #[must_use]
    pub fn output(&self) -> Arc<dyn Output> {
        Arc::clone(&self.recorder) as Arc<dyn Output>
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> RecordingStatus {
        RecordingStatus::Recording {
            path: self.path().to_owned(),
            bytes: self.recorder.bytes(),
            duration: self.recorder.duration(),
        }
    }

    /// Lets the file be completed; the recorder reports when it is.
    pub fn end(&mut self, now: MediaTime) {
        self.ending_since.get_or_insert(now);
        self.recorder.end();
    }

    /// Until when its completion is worth waiting for; `None` while it goes on.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        Some(self.ending_since? + STOP_LIMIT)
    }
}

/// What a recorder's report means: words for the story and, when it is over, the final status.
#[must_use]
pub fn describe(event: &RecorderEvent) -> (Severity, String, Option<RecordingStatus>) {
    match event {
        RecorderEvent::Lost { packets } => (
            Severity::Error,
            format!(
                "The disk is too slow: {packets} packets are missing in the recording; the stream is not affected"
            ),
            None,
        ),
        RecorderEvent::Finished { path, .. } => (
            Severity::Good,
            format!("Recording saved: {}", path.display()),
            Some(RecordingStatus::Finished { path: path.clone() }),
        ),
        RecorderEvent::Failed(error) => {
            let message = format!("The recording ended: {error}");
            let path = error.path().to_owned();
            (
                Severity::Error,
                message.clone(),
                Some(RecordingStatus::Failed { path, message }),
            )
        }
    }
}
