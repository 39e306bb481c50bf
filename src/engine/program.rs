//! The program: the one picture that is sent, at a constant frame rate, whatever the sources do.
//!
//! The program thread ticks at the output frame rate. Frame `n` is due at `n / fps` on the media clock, and
//! takes the newest picture of the source; a source that stalls repeats its last picture, then becomes a
//! slate. A tick that comes late is made up for, so that no frame is missing; only what is late by more than
//! [`CATCH_UP`] is left out, and counted. While nobody wants pictures it rests.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    counters::Counters, event::Arrival, event_queue::EventQueue, parts::OpenCamera,
    phase::PhaseLock, preview::Preview,
};
use crate::{
    capture::{
        camera::CameraFeed,
        slate::{SlateReason, slate},
        source::{DeviceId, SourceEvent, VideoChoice},
        test_picture::TestPicture,
    },
    media::{
        clock::Clock,
        frame::I420,
        scale::{Scaler, fit},
    },
    units::{FrameRate, MediaTime, PixelSize},
};

/// The running program thread; dropping it ends the thread.
pub struct Program {
    orders: SyncSender<Order>,
    _thread: JoinHandle<()>,
}

/// A picture on its way to the encoder.
pub struct EncodeJob {
    /// What to encode.
    pub picture: Arc<I420>,
    /// When it is to be shown.
    pub time: MediaTime,
    /// When it was taken; if it is no new picture of a camera, when it was due.
    pub captured_at: MediaTime,
}

/// What the program thread shares with the rest of the engine.
#[derive(Clone)]
pub struct ProgramContext {
    /// The clock it ticks by.
    pub clock: Clock,
    /// Where it counts pictures.
    pub counters: Arc<Counters>,
    /// Where it shows them.
    pub preview: Arc<Preview>,
    /// Whom it wakes for a new preview picture.
    pub events: EventQueue,
    /// How it gets at cameras.
    pub open_camera: OpenCamera,
}

enum Order {
    Select(VideoChoice),
    Format(PixelSize, FrameRate),
    Encode(Option<(SyncSender<EncodeJob>, MediaTime)>),
    /// An encoder is about to come.
    WarmUp,
    /// The preview is shown: there is something to do.
    Wake,
}

impl Program {
    /// Starts the program thread, showing nothing yet. `on_source` hears what becomes of a camera.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        context: ProgramContext,
        size: PixelSize,
        rate: FrameRate,
        on_source: impl Fn(SourceEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDER_CAPACITY);
        let thread = thread::Builder::new()
            .name("program".into())
            .spawn(move || {
                Worker {
                    source: Source::new(&context, size, rate),
                    phase: PhaseLock::new(rate),
                    next: 0,
                    encoder: None,
                    is_resting: false,
                    warm_until: MediaTime::ZERO,
                    context,
                    on_source,
                }
                .run(&inbox);
            })?;
        Ok(Self {
            orders,
            _thread: thread,
        })
    }

    /// Takes the picture from `choice` from the next frame on.
    pub fn select(&self, choice: VideoChoice) {
        self.order(Order::Select(choice));
    }

    /// Changes size and frame rate; not while an encoder is attached.
    pub fn set_format(&self, size: PixelSize, rate: FrameRate) {
        self.order(Order::Format(size, rate));
    }

    /// Has a camera's pictures made from now on, so that an encoder that is about to come need not begin with an old
    /// one.
    pub fn warm_up(&self) {
        self.order(Order::WarmUp);
    }

    /// Hands every frame from time `from` on to an encoder; its channel's capacity is how far the encoder
    /// may fall behind before frames are skipped.
    pub fn attach_encoder(&self, jobs: SyncSender<EncodeJob>, from: MediaTime) {
        self.order(Order::Encode(Some((jobs, from))));
    }

    /// Hands frames to the encoder no longer.
    pub fn detach_encoder(&self) {
        self.order(Order::Encode(None));
    }

    /// Has it look whether the preview is shown.
    pub fn wake(&self) {
        self.order(Order::Wake);
    }

    /// The thread reads its orders at least once a frame; it is gone only when the program ends.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

struct Worker<F> {
    context: ProgramContext,
    source: Source,
    phase: PhaseLock,
    /// Number of the next frame.
    next: u64,
    encoder: Option<(SyncSender<EncodeJob>, MediaTime)>,
    /// Whether nobody wanted the last frames.
    is_resting: bool,
    /// Until then frames are wanted although nobody takes them.
    warm_until: MediaTime,
    on_source: F,
}

impl<F: Fn(SourceEvent)> Worker<F> {
    fn run(mut self, orders: &Receiver<Order>) {
        self.skip_to_now();
        loop {
            let is_wanted = self.is_wanted();
            if is_wanted && self.is_resting {
                self.skip_to_now();
            }
            self.is_resting = !is_wanted;
            self.source.want(is_wanted);
            let pause = match &self.source.input {
                _ if is_wanted => self.context.clock.until(self.due()),
                Input::Camera(_) => RESTING_LOOK,
                Input::Nothing(_) | Input::TestPicture(_) => Duration::MAX,
            };
            match orders.recv_timeout(pause) {
                Ok(order) => self.apply(order),
                Err(RecvTimeoutError::Timeout) => self.tick(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn is_wanted(&self) -> bool {
        self.context.preview.is_shown()
            || self.encoder.is_some()
            || self.context.clock.now() < self.warm_until
    }

    fn apply(&mut self, order: Order) {
        match order {
            Order::Select(choice) => self.source.select(&choice),
            Order::Format(size, rate) => {
                self.source.set_format(size, rate);
                self.phase = PhaseLock::new(rate);
                self.skip_to_now();
            }
            Order::Encode(encoder) => self.encoder = encoder,
            Order::WarmUp => self.warm_until = self.context.clock.now() + WARM_UP,
            Order::Wake => {}
        }
    }

    fn tick(&mut self) {
        self.hear_source();
        if self.is_resting {
            return;
        }
        self.leave_out_what_is_too_late();
        let now = self.context.clock.now();
        let number = self.next;
        let time = self.source.rate.time_of(number);
        let due = self.due();
        self.next += 1;
        let picture = self.source.picture(number, self.encoder.is_some());
        if let Some(captured_at) = self.source.newest_capture() {
            self.phase.observe(now, captured_at);
        }
        let captured_at = self.source.take_new_capture().unwrap_or(due);
        self.encode(&picture, time, captured_at);
        let preview = &self.context.preview;
        if preview.is_shown() && preview.put(picture) {
            self.context.events.wake(Arrival::Picture);
        }
    }

    fn hear_source(&mut self) {
        while let Some(event) = self.source.poll_event() {
            (self.on_source)(event);
        }
        self.source.count_captured(&self.context.counters);
    }

    fn encode(&mut self, picture: &Arc<I420>, time: MediaTime, captured_at: MediaTime) {
        let Some((jobs, from)) = &self.encoder else {
            return;
        };
        if time < *from {
            return;
        }
        let job = EncodeJob {
            picture: Arc::clone(picture),
            time,
            captured_at,
        };
        self.context.counters.offered.add(1);
        if jobs.try_send(job).is_err() {
            self.context.counters.skipped.add(1);
        }
    }

    /// When the next frame is to be made.
    fn due(&self) -> MediaTime {
        self.source.rate.time_of(self.next) + self.phase.offset()
    }

    /// Goes on with the first frame that is not due yet.
    fn skip_to_now(&mut self) {
        self.next = self.context.clock.now().samples(self.source.rate.fps()) + 1;
    }

    /// Passes over the frames that nobody can wait for any more.
    fn leave_out_what_is_too_late(&mut self) {
        let frame = self.source.rate.frame_duration();
        let patience = if self.encoder.is_some() {
            CATCH_UP.max(2 * frame)
        } else {
            frame
        };
        let now = self.context.clock.now();
        if now.since(self.due()) <= patience {
            return;
        }
        let oldest = now - (self.phase.offset() + patience);
        let next = oldest.samples(self.source.rate.fps()) + 1;
        if self.encoder.is_some() {
            let missed = next.saturating_sub(self.next);
            self.context.counters.skipped.add(missed);
        }
        self.next = next.max(self.next);
    }
}

/// The chosen source, scaled to the program's size.
struct Source {
    clock: Clock,
    open_camera: OpenCamera,
    size: PixelSize,
    rate: FrameRate,
    input: Input,
    scaler: Scaler,
}

enum Input {
    Nothing(Arc<I420>),
    TestPicture(Box<TestPicture>),
    Camera(Box<Camera>),
}

struct Camera {
    id: DeviceId,
    feed: CameraFeed,
    shown: Shown,
    captured_at: Option<MediaTime>,
    /// Since when pictures are wanted; those from before are no news.
    wanted_since: Option<MediaTime>,
    /// When the last picture was taken, if it was not shown before.
    new_capture: Option<MediaTime>,
    counted: u64,
    slate: Arc<I420>,
}

impl Source {
    fn new(context: &ProgramContext, size: PixelSize, rate: FrameRate) -> Self {
        Self {
            clock: context.clock,
            open_camera: context.open_camera,
            size,
            rate,
            input: Input::Nothing(Arc::new(I420::black(size))),
            scaler: Scaler::new(size),
        }
    }

    fn select(&mut self, choice: &VideoChoice) {
        self.input = match choice {
            VideoChoice::None => Input::Nothing(Arc::new(I420::black(self.size))),
            VideoChoice::TestPicture => {
                Input::TestPicture(Box::new(TestPicture::new(self.size, self.rate)))
            }
            VideoChoice::Camera(id) => Input::Camera(Box::new(Camera {
                id: id.clone(),
                feed: (self.open_camera)(id.clone(), self.size, self.rate, self.clock),
                shown: Shown::default(),
                captured_at: None,
                wanted_since: None,
                new_capture: None,
                counted: 0,
                slate: slate(self.size, SlateReason::WaitingForCamera),
            })),
        };
    }

    fn set_format(&mut self, size: PixelSize, rate: FrameRate) {
        if (size, rate) == (self.size, self.rate) {
            return;
        }
        (self.size, self.rate) = (size, rate);
        self.scaler = Scaler::new(size);
        let choice = match &self.input {
            Input::Nothing(_) => VideoChoice::None,
            Input::TestPicture(_) => VideoChoice::TestPicture,
            Input::Camera(camera) => VideoChoice::Camera(camera.id.clone()),
        };
        self.select(&choice);
    }

    /// Whether anybody wants pictures.
    fn want(&mut self, wanted: bool) {
        if let Input::Camera(camera) = &mut self.input {
            if !wanted {
                camera.wanted_since = None;
            } else if camera.wanted_since.is_none() {
                camera.wanted_since = Some(self.clock.now());
            }
            camera.feed.want(wanted);
        }
    }

    fn poll_event(&mut self) -> Option<SourceEvent> {
        match &mut self.input {
            Input::Camera(camera) => {
                let event = camera.feed.poll_event()?;
                if matches!(event, SourceEvent::Lost(_)) && camera.captured_at.take().is_some() {
                    camera.shown.forget();
                    camera.slate = slate(self.size, SlateReason::CameraLost);
                }
                Some(event)
            }
            Input::Nothing(_) | Input::TestPicture(_) => None,
        }
    }

    /// Counts what came since the last frame.
    fn count_captured(&mut self, counters: &Counters) {
        match &mut self.input {
            Input::Nothing(_) => {}
            Input::TestPicture(_) => counters.captured.add(1),
            Input::Camera(camera) => {
                let captured = camera.feed.frames_captured();
                counters
                    .captured
                    .add(captured.saturating_sub(camera.counted));
                camera.counted = captured;
            }
        }
    }

    /// The picture for frame `number`; of the output's shape, and of its size if it `is_sent`.
    fn picture(&mut self, number: u64, is_sent: bool) -> Arc<I420> {
        match &mut self.input {
            Input::Nothing(black) => Arc::clone(black),
            Input::TestPicture(test) => test.render(number),
            Input::Camera(camera) => camera.picture(&mut self.scaler, is_sent),
        }
    }

    fn newest_capture(&self) -> Option<MediaTime> {
        match &self.input {
            Input::Camera(camera) => camera.captured_at,
            Input::Nothing(_) | Input::TestPicture(_) => None,
        }
    }

    /// When the last picture was taken; `None` if that is no news.
    fn take_new_capture(&mut self) -> Option<MediaTime> {
        match &mut self.input {
            Input::Camera(camera) => camera.new_capture.take(),
            Input::Nothing(_) | Input::TestPicture(_) => None,
        }
    }
}

impl Camera {
    fn picture(&mut self, scaler: &mut Scaler, is_sent: bool) -> Arc<I420> {
        let Some(frame) = self.feed.latest() else {
            return Arc::clone(&self.slate);
        };
        self.captured_at = Some(frame.captured_at);
        if !is_sent && is_shaped_like(scaler.output(), frame.picture.size()) {
            // The preview has a size of its own anyway.
            self.shown.forget();
            return frame.picture;
        }
        let (picture, is_new) = self.shown.picture(frame.picture, scaler);
        if is_new && self.wanted_since <= Some(frame.captured_at) {
            self.new_capture = Some(frame.captured_at);
        }
        picture
    }
}

/// A camera's picture as the program shows it: scaled once, however often it is shown.
#[derive(Debug, Default)]
pub struct Shown {
    /// The last picture scaled, and the camera's picture it was made from.
    last: Option<(Arc<I420>, Arc<I420>)>,
}

impl Shown {
    /// The camera's `original` as `scaler` makes it, and whether it is another one than the last time.
    pub fn picture(&mut self, original: Arc<I420>, scaler: &mut Scaler) -> (Arc<I420>, bool) {
        match &self.last {
            Some((scaled, last)) if Arc::ptr_eq(last, &original) => (Arc::clone(scaled), false),
            _ => {
                let scaled = scaler.scale(&original);
                self.last = Some((Arc::clone(&scaled), original));
                (scaled, true)
            }
        }
    }

    /// Shows it no longer.
    fn forget(&mut self) {
        self.last = None;
    }
}

/// Whether a picture of that size fills the output without bars.
fn is_shaped_like(output: PixelSize, picture: PixelSize) -> bool {
    let area = fit(picture, output);
    area.width == output.width as usize && area.height == output.height as usize
}

/// How late the program may be and still make up for it frame by frame: as much as the encoder's queue holds.
const CATCH_UP: Duration = Duration::from_millis(500);

/// How long an encoder may take to come.
const WARM_UP: Duration = Duration::from_secs(2);

/// How often a camera is heard of while nobody wants its pictures.
const RESTING_LOOK: Duration = Duration::from_millis(250);

/// Orders come from a person's hand; one who gives more between two frames waits for a frame.
const ORDER_CAPACITY: usize = 16;
