//! The director: the one thread that knows what is going on. It takes commands and what the other threads
//! report, starts and ends encoders and outputs, and tells the story as events.

mod encoder;
mod live;

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::{
    audio::AudioEvent,
    broadcast::Broadcasting,
    command::{Command, OutputFormat},
    counters::Counters,
    encoders::Encoders,
    event::{Cause, Decision, Event, RecordingStatus, Severity},
    event_queue::EventQueue,
    inbox::{Input, Reports},
    orders::Orders,
    oversight::Oversight,
    parts::Parts,
    preview::Preview,
    program::ProgramContext,
    publishing::span,
    recording::{self, Recording},
    sources::{self, Sources},
    statistics::Statistics,
};
use crate::{
    capture::{camera, microphone, source::SourceEvent, source::VideoChoice},
    encode::h264::Acceleration,
    media::{clock::Clock, packet::StreamFormat},
    record::{RecorderEvent, RecordingTarget},
    units::{Bitrate, MediaTime},
};

/// Everything the director holds.
///
/// Encoders run exactly while there is an output: a stream, a recording, or both.
pub struct Director {
    parts: Parts,
    clock: Clock,
    events: EventQueue,
    reports: Reports,
    preview: Arc<Preview>,
    counters: Arc<Counters>,
    sources: Sources,
    /// Since when a camera that was chosen has been silent.
    camera_awaited_since: Option<MediaTime>,
    /// What was asked for; running encoders keep theirs.
    format: OutputFormat,
    encoders: Option<Encoders>,
    orders: Orders,
    oversight: Oversight,
    broadcast: Option<Broadcasting>,
    recording: Option<Recording>,
    statistics: Statistics,
    /// Numbers publishers and recorders, so that late reports of old ones are told apart.
    generation: u64,
    /// Whether devices are being listed.
    is_listing: bool,
}

impl Director {
    /// Starts the sources' threads.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new(
        parts: Parts,
        format: OutputFormat,
        clock: Clock,
        events: EventQueue,
        preview: Arc<Preview>,
        reports: Reports,
    ) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let context = ProgramContext {
            clock,
            counters: Arc::clone(&counters),
            preview: Arc::clone(&preview),
            events: events.clone(),
            open_camera: parts.open_camera,
        };
        Ok(Self {
            parts,
            sources: Sources::start(context, &format.video, &reports)?,
            statistics: Statistics::new(clock.now()),
            clock,
            events,
            reports,
            preview,
            counters,
            format,
            camera_awaited_since: None,
            encoders: None,
            orders: Orders::new(format.limits(), clock.now()),
            oversight: Oversight::default(),
            broadcast: None,
            recording: None,
            generation: 0,
            is_listing: false,
        })
    }

    /// Works until [`Input::Quit`].
    pub fn run(mut self, inbox: &Receiver<Input>) {
        self.tell_acceleration();
        let mut tick_at = self.clock.now() + TICK;
        loop {
            let overdue_at = self.broadcast.as_ref().and_then(Broadcasting::deadline);
            let wake_at = overdue_at.map_or(tick_at, |at| at.min(tick_at));
            match inbox.recv_timeout(self.clock.until(wake_at)) {
                Ok(Input::Quit) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => self.handle(input),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.clock.now();
            if overdue_at.is_some_and(|at| now >= at) {
                self.abandon_overdue(now);
            }
            if now >= tick_at {
                tick_at = now + TICK;
                self.tick();
            }
        }
        self.shut_down(inbox);
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Command(command) => self.obey(command),
            Input::VideoSource(event) => {
                self.camera_awaited_since = None;
                self.tell_source(&event);
                self.events.push(Event::VideoSource(event));
            }
            Input::Audio(AudioEvent::Source(event)) => {
                self.tell_source(&event);
                self.events.push(Event::AudioSource(event));
            }
            Input::Audio(AudioEvent::Levels(levels)) => self.events.push(Event::Levels(levels)),
            Input::Audio(AudioEvent::Jumped(jump)) => {
                self.decide(
                    Severity::Warning,
                    Cause::Source,
                    sources::describe_jump(jump),
                );
            }
            Input::Audio(AudioEvent::StoodStill(duration)) => self.tell_standstill(duration),
            Input::Audio(AudioEvent::EncoderFailed(error)) | Input::VideoEncoderFailed(error) => {
                self.decide(Severity::Error, Cause::Encoder, error.to_string());
            }
            Input::Publisher(generation, event) => self.handle_publisher(generation, &event),
            Input::Recorder(generation, event) => self.handle_recorder(generation, &event),
            Input::Devices(cameras, microphones) => {
                self.is_listing = false;
                self.events.push(Event::Devices {
                    cameras,
                    microphones,
                });
            }
            Input::Quit => {}
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::SelectVideo(choice) => self.select_video(choice),
            Command::SelectAudio(choice) => {
                if let Some(event) = self.sources.select_audio(choice) {
                    self.events.push(Event::AudioSource(event));
                }
            }
            Command::RefreshDevices => self.refresh_devices(),
            Command::SetGain(gain) => self.sources.set_gain(gain),
            Command::SetMuted(muted) => self.sources.set_muted(muted),
            Command::SetFormat(format) => self.set_format(format),
            Command::GoLive(broadcast) => self.go_live(&broadcast),
            Command::RetryNow => {
                if let Some(broadcast) = &self.broadcast {
                    broadcast.retry_now();
                }
            }
            Command::Stop => self.stop_publishing(),
            Command::StartRecording(target) => self.start_recording(&target),
            Command::StopRecording => self.stop_recording(),
            Command::ShowPreview(shown) => {
                self.preview.show(shown);
                self.sources.program().wake();
            }
        }
    }

    fn select_video(&mut self, choice: VideoChoice) {
        let is_camera = matches!(choice, VideoChoice::Camera(_));
        self.camera_awaited_since = is_camera.then(|| self.clock.now());
        if let Some(event) = self.sources.select_video(choice) {
            self.events.push(Event::VideoSource(event));
        }
        let encodes_no_video = self
            .encoders
            .as_ref()
            .is_some_and(|encoders| encoders.format().video.is_none());
        if encodes_no_video && self.sources.has_video() {
            let text = "This stream began with sound only; the picture joins when you stop and start again";
            self.decide(Severity::Info, Cause::User, text);
        }
    }

    /// Asking devices for their formats takes its time: on a thread of its own.
    fn refresh_devices(&mut self) {
        if self.is_listing {
            return; // The answer is on its way.
        }
        let reports = self.reports.clone();
        let listing = thread::Builder::new()
            .name("device list".into())
            .spawn(move || reports.send(Input::Devices(camera::list(), microphone::list())));
        match listing {
            Ok(_) => self.is_listing = true,
            Err(error) => tracing::error!("cannot list devices: {error}"),
        }
    }

    /// What encoders cannot change while they run waits for their end.
    fn set_format(&mut self, format: OutputFormat) {
        let before = std::mem::replace(&mut self.format, format);
        let has_video = |encoders: &Encoders| encoders.format().video.is_some();
        match &self.encoders {
            None => self.sources.set_format(&format.video),
            Some(encoders) if has_video(encoders) => self.change_limits(&before),
            Some(_) => {}
        }
    }

    /// The encoders, started unless they run already.
    fn ensure_encoders(&mut self) -> Result<&Encoders, String> {
        if let Some(running) = self.encoders.take() {
            return Ok(self.encoders.insert(running));
        }
        let OutputFormat { video, audio, .. } = self.format;
        let format = StreamFormat {
            video: self.sources.has_video().then_some(video),
            audio,
        };
        let now = self.clock.now();
        self.statistics.begin(now, &self.counters);
        self.orders = Orders::new(self.format.limits(), now);
        self.oversight = Oversight::default();
        let encoders = Encoders::start(
            format,
            self.parts.open_encoder,
            &self.sources,
            self.clock,
            &self.counters,
            &self.reports,
        )?;
        Ok(self.encoders.insert(encoders))
    }

    /// Ends the encoders when no output is left, and takes over a format that waited for that.
    fn end_idle_encoders(&mut self) {
        if self.broadcast.is_some() || self.recording.is_some() {
            return;
        }
        if let Some(encoders) = self.encoders.take() {
            encoders.end(&self.sources);
            self.sources.set_format(&self.format.video);
        }
    }

    fn start_recording(&mut self, target: &RecordingTarget) {
        if let Some(recording) = &self.recording {
            let text = format!("Already recording to {}", recording.path().display());
            return self.decide(Severity::Info, Cause::User, text);
        }
        self.generation += 1;
        let (generation, reports) = (self.generation, self.reports.clone());
        let start = self.parts.start_recorder;
        let started = self.ensure_encoders().and_then(|encoders| {
            let format = encoders.format().clone();
            let on_event = move |event| reports.send(Input::Recorder(generation, event));
            let recording = Recording::start(start, target, format, generation, on_event)
                .map_err(|error| error.to_string())?;
            encoders.outputs().attach(recording.output());
            encoders.want_key_frame();
            Ok(recording)
        });
        match started {
            Ok(recording) => {
                let path = recording.path().display();
                self.decide(Severity::Info, Cause::User, format!("Recording to {path}"));
                self.events.push(Event::Recording(recording.status()));
                self.recording = Some(recording);
            }
            Err(message) => self.refuse_to_record(target, message),
        }
    }

    fn refuse_to_record(&mut self, target: &RecordingTarget, message: String) {
        self.end_idle_encoders();
        let (RecordingTarget::Folder(path) | RecordingTarget::File(path)) = target.clone();
        self.decide(Severity::Error, Cause::Disk, message.clone());
        self.events
            .push(Event::Recording(RecordingStatus::Failed { path, message }));
    }

    fn stop_recording(&mut self) {
        if let (Some(recording), Some(encoders)) = (&mut self.recording, &self.encoders) {
            encoders.outputs().detach(&recording.output());
            recording.end(self.clock.now());
        }
    }

    fn handle_recorder(&mut self, generation: u64, event: &RecorderEvent) {
        let is_current = |recording: &mut Recording| recording.generation() == generation;
        let (severity, text, over) = recording::describe(event);
        let Some(status) = over else {
            if self.recording.as_mut().is_some_and(is_current) {
                self.decide(severity, Cause::Disk, text);
            }
            return;
        };
        let Some(recording) = self.recording.take_if(is_current) else {
            return;
        };
        if let Some(encoders) = &self.encoders {
            encoders.outputs().detach(&recording.output());
        }
        self.decide(severity, Cause::Disk, text);
        self.events.push(Event::Recording(status));
        self.end_idle_encoders();
    }

    fn tell_acceleration(&mut self) {
        if Acceleration::detect() == Ok(Acceleration::None) {
            let text = "This build encodes video several times slower than it could: the assembler NASM was \
                        missing when it was built. Install NASM and build again.";
            self.decide(Severity::Warning, Cause::Encoder, text);
        }
    }

    fn tell_standstill(&mut self, duration: Duration) {
        self.statistics.forgive();
        if self.encoders.is_none() {
            return; // nobody misses anything
        }
        let text = format!(
            "This computer slept or stood still for {}: what would have been sent meanwhile is left out",
            span(duration)
        );
        let decision = Decision::new(self.clock.now(), Severity::Error, Cause::Encoder, text);
        self.tell(decision.with_figures([("standstill_s", duration.as_secs_f64())]));
    }

    /// Some cameras take seconds to wake up; that pictures are missing is told before that is over.
    fn look_for_camera(&mut self) {
        let now = self.clock.now();
        let waiting = |since: &mut MediaTime| now.since(*since) >= CAMERA_SILENT_AFTER;
        if let Some(since) = self.camera_awaited_since.take_if(waiting) {
            let seconds = now.since(since).as_secs_f64();
            let text = format!(
                "The camera has delivered nothing in the {seconds:.1} s since it was chosen. Some take longer to \
                 wake up; if it stays silent, unplug it and plug it in again."
            );
            let decision = Decision::new(now, Severity::Warning, Cause::Source, text);
            self.tell(decision.with_figures([("silent_s", seconds)]));
        }
    }

    fn tell_source(&mut self, event: &SourceEvent) {
        let (severity, text) = sources::describe(event);
        self.decide(severity, Cause::Source, text);
    }

    fn decide(&mut self, severity: Severity, cause: Cause, text: impl Into<String>) {
        self.tell(Decision::new(self.clock.now(), severity, cause, text));
    }

    fn tell(&mut self, decision: Decision) {
        self.events.push(Event::Decision(decision));
    }

    fn tell_all(&mut self, decisions: impl IntoIterator<Item = Decision>) {
        for decision in decisions {
            self.tell(decision);
        }
    }

    fn tick(&mut self) {
        if let Some(recording) = &self.recording {
            self.events.push(Event::Recording(recording.status()));
        }
        self.look_for_camera();
        self.attend_to_broadcast();
        self.tell_statistics();
        self.oversee_encoder();
    }

    fn tell_statistics(&mut self) {
        let broadcast = self.broadcast.as_ref();
        let network = broadcast.map(|it| (it.since(), it.stats()));
        let ceiling = self.orders.limits().ceiling;
        let bitrates = self.encoders.as_ref().map(|encoders| {
            let has_video = encoders.format().video.is_some();
            let video = if has_video { ceiling } else { Bitrate::ZERO };
            (encoders.target(), encoders.with_audio(video))
        });
        let bitrates = bitrates.unwrap_or_default();
        let now = self.clock.now();
        let stats = self
            .statistics
            .update(now, bitrates, &self.counters, network);
        self.events.push(Event::Stats(stats));
    }

    /// Stops publishing and recording, within the time that each may take.
    fn shut_down(&mut self, inbox: &Receiver<Input>) {
        self.stop_publishing();
        self.stop_recording();
        let broadcast = self.broadcast.as_ref().and_then(Broadcasting::deadline);
        let recording = self.recording.as_ref().and_then(Recording::deadline);
        let Some(deadline) = broadcast.max(recording) else {
            return;
        };
        while self.broadcast.is_some() || self.recording.is_some() {
            match inbox.recv_timeout(self.clock.until(deadline)) {
                Ok(input @ (Input::Publisher(..) | Input::Recorder(..))) => self.handle(input),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}

/// What is silent is named within 3 s: what is left is the interval between two looks.
const CAMERA_SILENT_AFTER: Duration = Duration::from_millis(2500);

/// Statistics are told four times a second.
const TICK: Duration = Duration::from_millis(250);
