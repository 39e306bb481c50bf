//! From what was typed to devices.

use std::time::Duration;

use super::{
    args::SourceArgs,
    exit::{Exit, ExitStatus},
};
use crate::{
    capture::{
        camera, microphone,
        source::{AudioChoice, DeviceKind, SourceEvent, VideoChoice},
    },
    engine::{command::Command, event::Event, handle::Engine},
};

/// The sources asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Picture.
    pub video: VideoChoice,
    /// Sound.
    pub audio: AudioChoice,
}

impl Sources {
    /// The sources asked for; where nothing was asked for, the first camera and the default microphone, and
    /// the test sources where there is none.
    ///
    /// # Errors
    /// When a device that was asked for is not there.
    pub fn or_devices(args: &SourceArgs) -> Result<Self, Exit> {
        Self::resolve(
            args,
            || {
                camera::list()
                    .into_iter()
                    .next()
                    .map(|camera| VideoChoice::Camera(camera.id))
            },
            || microphone::default().map(|microphone| AudioChoice::Microphone(microphone.id)),
        )
    }

    /// The sources asked for; where nothing was asked for, the test sources.
    ///
    /// # Errors
    /// When a device that was asked for is not there.
    pub fn or_test(args: &SourceArgs) -> Result<Self, Exit> {
        Self::resolve(args, || None, || None)
    }

    fn resolve(
        args: &SourceArgs,
        video_default: impl FnOnce() -> Option<VideoChoice>,
        audio_default: impl FnOnce() -> Option<AudioChoice>,
    ) -> Result<Self, Exit> {
        let video = match &args.camera {
            Some(wanted) => VideoChoice::Camera(
                camera::find(wanted)
                    .map_err(|error| Exit::new(ExitStatus::Device, error))?
                    .id,
            ),
            None if args.test_picture => VideoChoice::TestPicture,
            None if args.no_video => VideoChoice::None,
            None => video_default().unwrap_or(VideoChoice::TestPicture),
        };
        let audio = match &args.mic {
            Some(wanted) => AudioChoice::Microphone(
                microphone::find(wanted)
                    .map_err(|error| Exit::new(ExitStatus::Device, error))?
                    .id,
            ),
            None if args.tone => AudioChoice::Beep,
            None if args.silence => AudioChoice::Silence,
            None => audio_default().unwrap_or(AudioChoice::Beep),
        };
        Ok(Self { video, audio })
    }

    /// Opens the sources and waits until their devices deliver, or until it is `interrupted`.
    ///
    /// # Errors
    /// When a device cannot be used: at the start that is an error, later it is waited for.
    pub fn open(
        &self,
        engine: &Engine,
        interrupted: impl Fn() -> bool,
        mut on_event: impl FnMut(&Event),
    ) -> Result<(), Exit> {
        engine.send(Command::SelectVideo(self.video.clone()));
        engine.send(Command::SelectAudio(self.audio.clone()));
        let mut camera_awaited = matches!(self.video, VideoChoice::Camera(_));
        let mut microphone_awaited = matches!(self.audio, AudioChoice::Microphone(_));
        let deadline = engine.now() + DEVICE_PATIENCE;
        while (camera_awaited || microphone_awaited) && !interrupted() {
            if engine.now() >= deadline {
                let device = if camera_awaited {
                    DeviceKind::Camera
                } else {
                    DeviceKind::Microphone
                };
                let message = format!(
                    "the {device} does not answer; unplug it and plug it in again, or choose another"
                );
                return Err(Exit::new(ExitStatus::Device, message));
            }
            let Some(event) = engine.next_event(Duration::from_millis(50)) else {
                continue;
            };
            on_event(&event);
            match event {
                Event::VideoSource(SourceEvent::Ready { .. }) => camera_awaited = false,
                Event::AudioSource(SourceEvent::Ready { .. }) => microphone_awaited = false,
                Event::VideoSource(SourceEvent::Lost(error))
                | Event::AudioSource(SourceEvent::Lost(error)) => {
                    return Err(Exit::new(ExitStatus::Device, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// How long a device may take to deliver its first picture or sound.
const DEVICE_PATIENCE: Duration = Duration::from_secs(20);
