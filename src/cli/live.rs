//! `skywave live`: publish, record, or both, until stopped.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    args::LiveArgs,
    destination::broadcast,
    exit::{Exit, ExitStatus},
    report::ReportFiles,
    sources::Sources,
    story::Story,
};
use crate::{
    engine::{
        command::{Broadcast, Command, OutputFormat},
        event::{Event, RecordingStatus, StreamStatus},
        handle::Engine,
    },
    record::RecordingTarget,
    report::{Journal, Plan},
    units::MediaTime,
};

/// Runs `skywave live` to its end.
///
/// # Errors
/// One line and a status, when it ended otherwise than asked.
pub fn live(args: &LiveArgs) -> Result<(), Exit> {
    let format = args
        .output_format()
        .map_err(|message| Exit::new(ExitStatus::Usage, message))?;
    let broadcast = broadcast(args)?;
    let sources = Sources::or_devices(&args.sources)?;
    let interrupted = catch_interrupts()?;
    let report = args.report.as_deref().map(ReportFiles::at);
    let report = report.transpose()?;
    let engine = Engine::start(format).map_err(|error| {
        Exit::new(
            ExitStatus::Problems,
            format!("the engine cannot start: {error}"),
        )
    })?;
    let mut run = Run {
        story: Story::new(args.json),
        journal: None,
        recording: false,
        publishing: false,
        began: None,
        ended: Ok(()),
        engine,
    };
    let mut end = run.go(args, &sources, broadcast.as_ref(), format, interrupted);
    if let (Some(files), Some(broadcast)) = (report, &broadcast) {
        let journal = run.journal.take();
        let journal = journal.unwrap_or_else(|| run.journal_of(broadcast, format));
        end = end.and(files.write(&journal.finish(run.engine.now())));
    }
    let (status, message) = match &end {
        Ok(()) => (ExitStatus::Ok, None),
        Err(exit) => (exit.status, Some(exit.message.as_str())),
    };
    run.story.end(status, message, run.engine.now());
    end
}

/// Ctrl-C (and SIGTERM) ask for a clean stop; a second one does not wait for it.
pub(super) fn catch_interrupts() -> Result<&'static AtomicBool, Exit> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let on_interrupt = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED_TWICE);
        }
    };
    ctrlc::set_handler(on_interrupt).map_err(|error| {
        Exit::new(
            ExitStatus::Problems,
            format!("Ctrl-C cannot be caught: {error}"),
        )
    })?;
    Ok(&INTERRUPTED)
}

struct Run {
    engine: Engine,
    story: Story,
    /// What the report needs, from going live on.
    journal: Option<Journal>,
    /// Whether a recording is under way.
    recording: bool,
    /// Whether a stream is under way.
    publishing: bool,
    /// When the stream (without one: the recording) began, for `--duration`.
    began: Option<MediaTime>,
    ended: Result<(), Exit>,
}

impl Run {
    fn go(
        &mut self,
        args: &LiveArgs,
        sources: &Sources,
        broadcast: Option<&Broadcast>,
        format: OutputFormat,
        interrupted: &AtomicBool,
    ) -> Result<(), Exit> {
        let story = &mut self.story;
        let engine = &self.engine;
        let stop = || interrupted.load(Ordering::Relaxed);
        sources.open(engine, stop, |event| story.tell(event, engine.now()))?;
        if stop() {
            return Ok(());
        }
        if let Some(file) = &args.record {
            self.recording = true;
            self.engine
                .send(Command::StartRecording(RecordingTarget::File(file.clone())));
        }
        if let Some(broadcast) = broadcast {
            self.publishing = true;
            self.journal = Some(self.journal_of(broadcast, format));
            self.engine
                .send(Command::GoLive(Box::new(broadcast.clone())));
        }
        while self.publishing || self.recording {
            if stop() || self.is_over(args.duration) {
                break;
            }
            self.follow(TICK);
            if !self.publishing && broadcast.is_some() {
                break;
            }
        }
        self.stop();
        self.ended.clone()
    }

    /// A journal that begins now.
    fn journal_of(&self, broadcast: &Broadcast, format: OutputFormat) -> Journal {
        let began = chrono::Local::now().fixed_offset();
        Journal::new(Plan::of(broadcast, format), began, self.engine.now())
    }

    fn is_over(&self, duration: Option<Duration>) -> bool {
        match (self.began, duration) {
            (Some(began), Some(duration)) => self.engine.now().since(began) >= duration,
            _ => false,
        }
    }

    /// Takes in what happens within `patience`.
    fn follow(&mut self, patience: Duration) {
        let Some(event) = self.engine.next_event(patience) else {
            return;
        };
        let now = self.engine.now();
        self.story.tell(&event, now);
        if let Some(journal) = &mut self.journal {
            journal.hear(&event, now);
        }
        match event {
            Event::Status(StreamStatus::Live { .. }) => self.began = self.began.or(Some(now)),
            Event::Status(StreamStatus::Offline { because }) => {
                self.publishing = false;
                if let Some(failure) = because {
                    self.ended = Err(Exit::new(ExitStatus::from(&failure), failure));
                }
            }
            Event::Recording(RecordingStatus::Recording { .. }) if !self.publishing => {
                self.began = self.began.or(Some(now));
            }
            Event::Recording(RecordingStatus::Finished { .. }) => self.recording = false,
            Event::Recording(RecordingStatus::Failed { message, .. }) => {
                self.recording = false;
                if self.ended.is_ok() {
                    self.ended = Err(Exit::new(ExitStatus::Recording, message));
                }
            }
            _ => {}
        }
    }

    /// Stops what is still under way, bounded in time whatever happens.
    fn stop(&mut self) {
        self.engine.send(Command::Stop);
        self.engine.send(Command::StopRecording);
        let deadline = self.engine.now() + STOP_PATIENCE;
        while (self.publishing || self.recording) && self.engine.now() < deadline {
            self.follow(TICK);
        }
    }
}

/// How often the loop looks at the clock and at Ctrl-C.
const TICK: Duration = Duration::from_millis(20);

/// The engine promises to stop within a second; what takes longer is not waited for.
const STOP_PATIENCE: Duration = Duration::from_millis(950);

/// What shells call an end by Ctrl-C.
const INTERRUPTED_TWICE: i32 = 130;
