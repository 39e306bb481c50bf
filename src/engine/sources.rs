//! Picture and sound from whichever source was chosen: the program and audio threads as the director sees
//! them.

use std::io;

use super::{
    audio::Audio,
    event::Severity,
    inbox::{Input, Reports},
    program::{Program, ProgramContext},
};
use crate::{
    capture::{
        microphone::Jump,
        source::{AudioChoice, SourceEvent, VideoChoice},
    },
    media::packet::VideoFormat,
    units::Decibels,
};

/// The running sources; dropping them ends their threads.
pub struct Sources {
    program: Program,
    audio: Audio,
    has_video: bool,
}

impl Sources {
    /// Starts the program and audio threads, without picture and silent.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        context: ProgramContext,
        format: &VideoFormat,
        reports: &Reports,
    ) -> io::Result<Self> {
        let clock = context.clock;
        let to_director = reports.clone();
        let program = Program::start(context, format.size, format.frame_rate, move |event| {
            to_director.send(Input::VideoSource(event));
        })?;
        let to_director = reports.clone();
        let audio = Audio::start(clock, move |event| to_director.send(Input::Audio(event)))?;
        Ok(Self {
            program,
            audio,
            has_video: false,
        })
    }

    /// Takes the picture from `choice`. What is built in is ready at once; a camera tells itself.
    pub fn select_video(&mut self, choice: VideoChoice) -> Option<SourceEvent> {
        let ready = (choice == VideoChoice::TestPicture).then(|| built_in("Test picture"));
        self.has_video = choice != VideoChoice::None;
        self.program.select(choice);
        ready
    }

    /// Takes the sound from `choice`. What is built in is ready at once; a microphone tells itself.
    pub fn select_audio(&self, choice: AudioChoice) -> Option<SourceEvent> {
        let ready = match choice {
            AudioChoice::Silence => Some(built_in("Silence")),
            AudioChoice::Beep => Some(built_in("Beep each second")),
            AudioChoice::SteadyTone => Some(built_in("Steady tone")),
            AudioChoice::Microphone(_) => None,
        };
        self.audio.select(choice);
        ready
    }

    /// Multiplies the sound.
    pub fn set_gain(&self, gain: Decibels) {
        self.audio.set_gain(gain);
    }

    /// Sends silence instead of the sound.
    pub fn set_muted(&self, muted: bool) {
        self.audio.set_muted(muted);
    }

    /// Changes the pictures' size and rate; not while they are encoded.
    pub fn set_format(&self, format: &VideoFormat) {
        self.program.set_format(format.size, format.frame_rate);
    }

    /// Whether a source of pictures is chosen.
    #[must_use]
    pub fn has_video(&self) -> bool {
        self.has_video
    }

    /// Where pictures come from.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where sound comes from.
    #[must_use]
    pub fn audio(&self) -> &Audio {
        &self.audio
    }
}

/// A device's news as words for the story.
#[must_use]
pub fn describe(event: &SourceEvent) -> (Severity, String) {
    match event {
        SourceEvent::Ready { description } => (Severity::Good, format!("Ready: {description}")),
        SourceEvent::Lost(error) => (Severity::Warning, capitalised(&error.to_string())),
    }
}

/// A microphone's loss of step as words for the story.
#[must_use]
pub fn describe_jump(jump: Jump) -> String {
    let what = if jump.late_millis > 0 {
        "left out"
    } else {
        "of silence put in"
    };
    format!(
        "The microphone lost step: {} ms {what} to keep sound and picture together",
        jump.late_millis.abs()
    )
}

fn built_in(name: &str) -> SourceEvent {
    SourceEvent::Ready {
        description: name.to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
