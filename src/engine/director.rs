//! The director: the one thread that knows what is going on. It takes commands and what the other threads
//! report, starts and ends sources, encoders and outputs, and tells the story as events.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use super::{
    audio::{self, Audio, AudioEvent},
    command::{Command, Destination, OutputFormat},
    counters::Counters,
    event::{Cause, Decision, Event, RecordingStatus, Severity, StreamStatus},
    event_queue::EventQueue,
    outputs::Outputs,
    preview::Preview,
    program::{Program, ProgramContext},
    publishing::Publishing,
    recording::{self, Recording},
    statistics::Statistics,
    video::{self, VideoControl},
};
use crate::{
    capture::{
        camera, microphone,
        source::{AudioChoice, CameraInfo, MicrophoneInfo, SourceEvent, VideoChoice},
    },
    encode::{
        aac::AacEncoder,
        encoder::EncodeError,
        h264::{Acceleration, H264Encoder},
    },
    media::{
        clock::Clock,
        packet::{StreamFormat, VideoFormat},
    },
    net::publisher::PublisherEvent,
    record::{RecorderEvent, RecordingTarget},
    rtmp::refusal::Failure,
    units::Bitrate,
};

/// What the director reacts to.
pub enum Input {
    /// The user's wish.
    Command(Command),
    /// The camera's state changed.
    VideoSource(SourceEvent),
    /// Sound was heard, or its source's state changed.
    Audio(AudioEvent),
    /// An encoder refused a picture.
    VideoEncoderFailed(EncodeError),
    /// From the publisher of this generation; older ones are ignored.
    Publisher(u64, PublisherEvent),
    /// From the recorder of this generation.
    Recorder(u64, RecorderEvent),
    /// What is connected.
    Devices(Vec<CameraInfo>, Vec<MicrophoneInfo>),
    /// Stop everything.
    Quit,
}

/// Everything the director holds.
pub struct Director {
    clock: Clock,
    events: EventQueue,
    inputs: SyncSender<Input>,
    preview: Arc<Preview>,
    counters: Arc<Counters>,
    program: Program,
    audio: Audio,
    outputs: Arc<Outputs>,
    format: OutputFormat,
    video_choice: VideoChoice,
    encoders: Option<Encoders>,
    publishing: Option<Publishing>,
    recording: Option<Recording>,
    statistics: Statistics,
    /// Numbers publishers and recorders, so that late reports of old ones are told apart.
    generation: u64,
}

/// One run of the encoders: from the first output's start to the last one's end.
struct Encoders {
    format: StreamFormat,
    video: Option<Arc<VideoControl>>,
}

impl Director {
    /// Starts the program and audio threads.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new(
        format: OutputFormat,
        clock: Clock,
        events: EventQueue,
        preview: Arc<Preview>,
        inputs: SyncSender<Input>,
    ) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let context = ProgramContext {
            clock,
            counters: Arc::clone(&counters),
            preview: Arc::clone(&preview),
            events: events.clone(),
        };
        let reports = inputs.clone();
        let program = Program::start(
            context,
            format.video.size,
            format.video.frame_rate,
            move |event| {
                report(&reports, Input::VideoSource(event));
            },
        )?;
        let reports = inputs.clone();
        let audio = Audio::start(clock, move |event| report(&reports, Input::Audio(event)))?;
        Ok(Self {
            statistics: Statistics::new(clock.now()),
            clock,
            events,
            inputs,
            preview,
            counters,
            program,
            audio,
            outputs: Arc::new(Outputs::default()),
            format,
            video_choice: VideoChoice::None,
            encoders: None,
            publishing: None,
            recording: None,
            generation: 0,
        })
    }

    /// Works until [`Input::Quit`].
    pub fn run(mut self, inbox: &Receiver<Input>) {
        self.tell_acceleration();
        let mut next_statistics = self.clock.now() + STATISTICS_INTERVAL;
        loop {
            match inbox.recv_timeout(self.clock.until(next_statistics)) {
                Ok(Input::Quit) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => self.handle(input),
                Err(RecvTimeoutError::Timeout) => {
                    next_statistics = next_statistics.max(self.clock.now()) + STATISTICS_INTERVAL;
                    self.tick();
                }
            }
        }
        self.shut_down(inbox);
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Command(command) => self.obey(command),
            Input::VideoSource(event) => {
                self.tell_source(&event);
                self.events.push(Event::VideoSource(event));
            }
            Input::Audio(AudioEvent::Source(event)) => {
                self.tell_source(&event);
                self.events.push(Event::AudioSource(event));
            }
            Input::Audio(AudioEvent::Levels(levels)) => self.events.push(Event::Levels(levels)),
            Input::Audio(AudioEvent::Jumped(jump)) => {
                let late = jump.late_millis.abs();
                let text = if jump.stays_late {
                    format!(
                        "The microphone delivers late: its sound is {late} ms later from now on"
                    )
                } else {
                    let what = if jump.late_millis > 0 {
                        "left out"
                    } else {
                        "of silence put in"
                    };
                    format!(
                        "The microphone lost step: {late} ms {what} to keep sound and picture together"
                    )
                };
                self.decide(Severity::Warning, Cause::Source, text);
            }
            Input::Audio(AudioEvent::EncoderFailed(error)) | Input::VideoEncoderFailed(error) => {
                self.decide(Severity::Error, Cause::Encoder, error.to_string());
            }
            Input::Publisher(generation, event) => self.handle_publisher(generation, &event),
            Input::Recorder(generation, event) => self.handle_recorder(generation, &event),
            Input::Devices(cameras, microphones) => self.events.push(Event::Devices {
                cameras,
                microphones,
            }),
            Input::Quit => {}
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::SelectVideo(choice) => self.select_video(choice),
            Command::SelectAudio(choice) => self.select_audio(choice),
            Command::RefreshDevices => self.refresh_devices(),
            Command::SetGain(gain) => self.audio.set_gain(gain),
            Command::SetMuted(muted) => self.audio.set_muted(muted),
            Command::SetFormat(format) => self.set_format(format),
            Command::GoLive(destination) => self.go_live(&destination),
            Command::Stop => self.stop_publishing(),
            Command::StartRecording(target) => self.start_recording(&target),
            Command::StopRecording => self.stop_recording(),
            Command::ShowPreview(shown) => self.preview.show(shown),
        }
    }

    /// What is built in is ready at once; a camera tells itself.
    fn select_video(&mut self, choice: VideoChoice) {
        if choice == VideoChoice::TestPicture {
            let VideoFormat {
                size, frame_rate, ..
            } = self.format.video;
            let description = format!("Test picture, {size} at {frame_rate}");
            self.events
                .push(Event::VideoSource(SourceEvent::Ready { description }));
        }
        self.video_choice = choice.clone();
        self.program.select(choice);
    }

    fn select_audio(&mut self, choice: AudioChoice) {
        let built_in = match choice {
            AudioChoice::Silence => Some("Silence"),
            AudioChoice::Beep => Some("Beep each second"),
            AudioChoice::SteadyTone => Some("Steady tone"),
            AudioChoice::Microphone(_) => None,
        };
        if let Some(description) = built_in {
            let description = description.to_owned();
            self.events
                .push(Event::AudioSource(SourceEvent::Ready { description }));
        }
        self.audio.select(choice);
    }

    /// Asking devices for their formats takes its time: on a thread of its own.
    fn refresh_devices(&self) {
        let reports = self.inputs.clone();
        let listing = thread::Builder::new()
            .name("device list".into())
            .spawn(move || {
                report(&reports, Input::Devices(camera::list(), microphone::list()));
            });
        if let Err(error) = listing {
            tracing::error!("cannot list devices: {error}");
        }
    }

    fn set_format(&mut self, format: OutputFormat) {
        self.format = format;
        if let Some(encoders) = &self.encoders {
            let bitrate = format.video.bitrate;
            if let Some(video) = &encoders.video
                && video.bitrate() != bitrate
            {
                video.set_bitrate(bitrate);
                self.decide(
                    Severity::Info,
                    Cause::User,
                    format!("Video bitrate is {bitrate} now"),
                );
            }
            return;
        }
        self.apply_format();
    }

    fn apply_format(&mut self) {
        let VideoFormat {
            size, frame_rate, ..
        } = self.format.video;
        self.program.set_format(size, frame_rate);
    }

    /// Starts the encoders unless they run already.
    fn ensure_encoders(&mut self) -> Result<StreamFormat, String> {
        if let Some(encoders) = &self.encoders {
            return Ok(encoders.format.clone());
        }
        let OutputFormat { video, audio } = self.format;
        let with_video = self.video_choice != VideoChoice::None;
        let format = StreamFormat {
            video: with_video.then_some(video),
            audio,
        };
        let from = audio::encoder_start(self.clock.now());
        let audio_encoder = AacEncoder::new(audio, from).map_err(|error| error.to_string())?;
        self.outputs.begin(with_video);
        let mut control = None;
        if with_video {
            let encoder = H264Encoder::new(video).map_err(|error| error.to_string())?;
            let wishes = Arc::new(VideoControl::new(video.bitrate));
            let reports = self.inputs.clone();
            let jobs = video::start(
                Box::new(encoder),
                video.frame_rate,
                Arc::clone(&wishes),
                Arc::clone(&self.counters),
                Arc::clone(&self.outputs),
                move |error| report(&reports, Input::VideoEncoderFailed(error)),
            )
            .map_err(|error| format!("the video encoder cannot start: {error}"))?;
            self.program.attach_encoder(jobs, from);
            control = Some(wishes);
        }
        self.audio
            .attach_encoder(Box::new(audio_encoder), from, Arc::clone(&self.outputs));
        self.statistics.begin(self.clock.now(), &self.counters);
        self.encoders = Some(Encoders {
            format: format.clone(),
            video: control,
        });
        Ok(format)
    }

    /// Ends the encoders when no output is left, and takes over a format that waited for that.
    fn end_idle_encoders(&mut self) {
        if self.publishing.is_some() || self.recording.is_some() {
            return;
        }
        self.program.detach_encoder();
        self.audio.detach_encoder();
        if self.encoders.take().is_some() {
            self.apply_format();
        }
    }

    fn go_live(&mut self, destination: &Destination) {
        if self.publishing.is_some() {
            return;
        }
        let format = match self.ensure_encoders() {
            Ok(format) => format,
            Err(message) => return self.refuse_to_go_live(Publishing::local_failure(&message)),
        };
        self.generation += 1;
        let (generation, reports) = (self.generation, self.inputs.clone());
        let started =
            Publishing::start(destination, format, self.clock, generation, move |event| {
                report(&reports, Input::Publisher(generation, event));
            });
        match started {
            Ok(publishing) => {
                self.outputs.attach(publishing.output());
                self.publishing = Some(publishing);
                self.publish_status();
            }
            Err(failure) => self.refuse_to_go_live(failure),
        }
    }

    fn refuse_to_go_live(&mut self, failure: Failure) {
        self.end_idle_encoders();
        self.decide(Severity::Error, Cause::User, failure.to_string());
        self.events.push(Event::Status(StreamStatus::Offline {
            because: Some(failure),
        }));
    }

    fn stop_publishing(&mut self) {
        if let Some(publishing) = &mut self.publishing {
            publishing.stop(self.clock.now());
            self.publish_status();
        }
    }

    fn handle_publisher(&mut self, generation: u64, event: &PublisherEvent) {
        let now = self.clock.now();
        let Some(publishing) = self
            .publishing
            .as_mut()
            .filter(|it| it.generation() == generation)
        else {
            return;
        };
        if matches!(event, PublisherEvent::KeyFrameWanted)
            && let Some(Encoders {
                video: Some(video), ..
            }) = &self.encoders
        {
            video.want_key_frame();
        }
        let decision = publishing.apply(event, now);
        if let Some((severity, cause, text)) = decision {
            self.decide(severity, cause, text);
        }
        self.publish_status();
        if matches!(event, PublisherEvent::Ended { .. }) {
            self.end_publishing();
        }
    }

    fn end_publishing(&mut self) {
        if let Some(publishing) = self.publishing.take() {
            self.outputs.detach(&publishing.output());
        }
        self.end_idle_encoders();
    }

    /// Tells the status if it is news.
    fn publish_status(&mut self) {
        if let Some(status) = self.publishing.as_mut().and_then(Publishing::new_status) {
            self.events.push(Event::Status(status));
        }
    }

    fn start_recording(&mut self, target: &RecordingTarget) {
        if let Some(recording) = &self.recording {
            let text = format!("Already recording to {}", recording.path().display());
            return self.decide(Severity::Info, Cause::User, text);
        }
        let format = match self.ensure_encoders() {
            Ok(format) => format,
            Err(message) => return self.refuse_to_record(target, message),
        };
        self.generation += 1;
        let (generation, reports) = (self.generation, self.inputs.clone());
        let started = Recording::start(target, format, generation, move |event| {
            report(&reports, Input::Recorder(generation, event));
        });
        match started {
            Ok(recording) => {
                self.outputs.attach(recording.output());
                if let Some(Encoders {
                    video: Some(video), ..
                }) = &self.encoders
                {
                    video.want_key_frame();
                }
                let path = recording.path().display();
                self.decide(Severity::Info, Cause::User, format!("Recording to {path}"));
                self.events.push(Event::Recording(recording.status()));
                self.recording = Some(recording);
            }
            Err(error) => self.refuse_to_record(target, error.to_string()),
        }
    }

    fn refuse_to_record(&mut self, target: &RecordingTarget, message: String) {
        self.end_idle_encoders();
        let path = match target {
            RecordingTarget::Folder(path) | RecordingTarget::File(path) => path.clone(),
        };
        self.decide(Severity::Error, Cause::Disk, message.clone());
        self.events
            .push(Event::Recording(RecordingStatus::Failed { path, message }));
    }

    fn stop_recording(&mut self) {
        if let Some(recording) = &self.recording {
            self.outputs.detach(&recording.output());
            recording.end();
        }
    }

    fn handle_recorder(&mut self, generation: u64, event: &RecorderEvent) {
        let Some(recording) = self
            .recording
            .as_ref()
            .filter(|it| it.generation() == generation)
        else {
            return;
        };
        let (severity, text, over) = recording::describe(event);
        let output = recording.output();
        self.decide(severity, Cause::Disk, text);
        if let Some(status) = over {
            self.outputs.detach(&output);
            self.recording = None;
            self.events.push(Event::Recording(status));
            self.end_idle_encoders();
        }
    }

    fn tell_acceleration(&mut self) {
        if Acceleration::detect() == Ok(Acceleration::None) {
            let text = "This build encodes video several times slower than it could: the assembler NASM was \
                        missing when it was built. Install NASM and build again.";
            self.decide(Severity::Warning, Cause::Encoder, text.into());
        }
    }

    fn tell_source(&mut self, event: &SourceEvent) {
        match event {
            SourceEvent::Ready { description } => {
                self.decide(
                    Severity::Good,
                    Cause::Source,
                    format!("Ready: {description}"),
                );
            }
            SourceEvent::Lost(error) => {
                self.decide(Severity::Warning, Cause::Source, capitalised(error));
            }
        }
    }

    fn decide(&mut self, severity: Severity, cause: Cause, text: String) {
        self.events.push(Event::Decision(Decision {
            at: self.clock.now(),
            severity,
            cause,
            text,
        }));
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        if self
            .publishing
            .as_ref()
            .is_some_and(|it| it.is_overdue(now))
        {
            if let Some(publishing) = &mut self.publishing {
                publishing.abandon();
            }
            self.publish_status();
            self.end_publishing();
        }
        if let Some(recording) = &self.recording {
            self.events.push(Event::Recording(recording.status()));
        }
        let network = self.publishing.as_ref().map(|it| (it.since(), it.stats()));
        let target = self
            .encoders
            .as_ref()
            .map_or(self.format.audio.bitrate, |encoders| {
                let video = encoders
                    .video
                    .as_ref()
                    .map_or(0, |video| video.bitrate().bps());
                Bitrate::from_bps(video + encoders.format.audio.bitrate.bps())
            });
        let stats = self.statistics.update(now, target, &self.counters, network);
        self.events.push(Event::Stats(stats));
        if let Some(text) = self
            .statistics
            .overload(now, &self.counters, &self.format.video)
        {
            self.decide(Severity::Warning, Cause::Encoder, text);
        }
    }

    /// Stops publishing and recording, in at most about a second.
    fn shut_down(&mut self, inbox: &Receiver<Input>) {
        self.stop_publishing();
        self.stop_recording();
        let deadline = self.clock.now() + SHUT_DOWN_PATIENCE;
        while self.publishing.is_some() || self.recording.is_some() {
            match inbox.recv_timeout(self.clock.until(deadline)) {
                Ok(input @ (Input::Publisher(..) | Input::Recorder(..))) => self.handle(input),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}

/// Reports to the director. A full inbox means it is stuck, and then nothing may wait for it.
fn report(inputs: &SyncSender<Input>, input: Input) {
    if inputs.try_send(input).is_err() {
        tracing::error!("a report to the director was lost");
    }
}

fn capitalised(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Statistics are told four times a second.
const STATISTICS_INTERVAL: Duration = Duration::from_millis(250);

/// How long quitting waits for the goodbye to the server.
const SHUT_DOWN_PATIENCE: Duration = Duration::from_millis(900);
