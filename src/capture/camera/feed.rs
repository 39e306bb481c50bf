//! A camera kept running: its newest picture, and what became of it.
//!
//! A supervisor thread owns the rule (when a camera counts as lost, when it is tried again); a worker thread
//! owns the camera. A worker that is not wanted any more is not waited for: it is left behind with an old
//! number, its pictures no longer count, and it ends at its next look at the number, or, where a driver hangs
//! within a call, when the driver lets it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{format::best_format, reader};
use crate::{
    capture::source::{CameraFormat, CaptureError, DeviceId, DeviceKind, SourceEvent},
    media::{clock::Clock, frame::VideoFrame},
    units::{FrameRate, PixelSize},
};

/// A camera by identity, tried until it is there and taken back whenever it returns. Dropping it lets the
/// camera go and does not wait.
#[derive(Debug)]
pub struct CameraFeed {
    shared: Arc<Shared>,
    events: Receiver<SourceEvent>,
}

impl CameraFeed {
    /// Starts reading the camera `id` in the format that serves an output of `size` at `rate` best. What comes
    /// of it is told by [`CameraFeed::poll_event`].
    #[must_use]
    pub fn start(id: DeviceId, size: PixelSize, rate: FrameRate, clock: Clock) -> Self {
        Self::start_in(id, clock, move |formats| best_format(formats, size, rate))
    }

    /// Starts reading the camera `id` in the format that `choose` picks from those it offers. A format the
    /// camera then refuses is taken out, and `choose` is asked again; `None` means that nothing suits.
    #[must_use]
    pub fn start_in(
        id: DeviceId,
        clock: Clock,
        choose: impl Fn(&[CameraFormat]) -> Option<CameraFormat> + Send + Sync + 'static,
    ) -> Self {
        let name = id.0.clone();
        let open = move || reader::open(&id, &choose, clock);
        Self::start_with(name, Arc::new(open), TIMING)
    }

    /// A camera that is none: whenever it is opened, `begin` gives what makes its pictures, and waits for the time
    /// of each.
    #[must_use]
    pub fn of_pictures<P: FnMut() -> VideoFrame + 'static>(
        name: &str,
        begin: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        let description = name.to_owned();
        let open = move || {
            Ok(Opened {
                name: description.clone(),
                description: description.clone(),
                reader: Box::new(Made(begin())),
            })
        };
        Self::start_with(name.to_owned(), Arc::new(open), TIMING)
    }

    fn start_with(name: String, open: Arc<OpenCamera>, timing: Timing) -> Self {
        let shared = Arc::new(Shared::default());
        let (sender, events) = sync_channel(EVENTS_KEPT);
        let supervisor = Supervisor {
            shared: Arc::clone(&shared),
            open,
            events: sender,
            timing,
            name,
            told: None,
        };
        let spawned = thread::Builder::new()
            .name("camera".to_owned())
            .spawn(move || supervisor.run());
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for the camera");
        }
        Self { shared, events }
    }

    /// The newest picture in the camera's own size; `None` before the first and after a loss.
    #[must_use]
    pub fn latest(&self) -> Option<VideoFrame> {
        self.shared.newest().clone()
    }

    /// Whether anybody wants its pictures; so it is at first. While nobody does the camera goes on, and they are
    /// left as they come but for one a second, so that [`CameraFeed::latest`] is never much older.
    pub fn want(&self, wanted: bool) {
        self.shared.is_left.store(!wanted, Ordering::Relaxed);
    }

    /// How many pictures came so far, those among them that nobody wanted.
    #[must_use]
    pub fn frames_captured(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }

    /// What happened since the last call, one event at a time. A feed never ends by itself: after each loss
    /// the camera is tried again about once a second.
    #[must_use]
    pub fn poll_event(&self) -> Option<SourceEvent> {
        self.events.try_recv().ok()
    }
}

impl Drop for CameraFeed {
    fn drop(&mut self) {
        self.shared.generation.store(STOPPED, Ordering::Release);
    }
}

/// An open camera.
pub(super) struct Opened {
    pub(super) name: String,
    /// Name and format, for people.
    pub(super) description: String,
    pub(super) reader: Box<dyn PictureReader>,
}

/// Waits for one picture after the other.
pub(super) trait PictureReader {
    /// The next picture, made into a frame if it `is_wanted` once it is there. May block for ever where the driver
    /// does.
    fn read(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError>;
}

/// What a camera came up with.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Nothing for a moment, or a damaged picture.
    Nothing,
    /// A picture that was not wanted.
    Left,
    Frame(VideoFrame),
}

/// Pictures of this program's own making.
struct Made<P>(P);

impl<P: FnMut() -> VideoFrame> PictureReader for Made<P> {
    fn read(&mut self, _is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        Ok(Delivery::Frame((self.0)()))
    }
}

/// Picks one of the formats a camera offers.
pub(super) type ChooseFormat = dyn Fn(&[CameraFormat]) -> Option<CameraFormat>;

type OpenCamera = dyn Fn() -> Result<Opened, CaptureError> + Send + Sync;

/// What the feed, its supervisor and its workers have in common.
#[derive(Debug, Default)]
struct Shared {
    /// The number of the worker that counts, or [`STOPPED`].
    generation: AtomicU64,
    newest: Mutex<Option<VideoFrame>>,
    /// Whether nobody wants pictures.
    is_left: AtomicBool,
    frames: AtomicU64,
    /// Workers alive, those left behind among them.
    workers: AtomicUsize,
}

impl Shared {
    fn newest(&self) -> MutexGuard<'_, Option<VideoFrame>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_current(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    fn is_stopped(&self) -> bool {
        self.is_current(STOPPED)
    }

    /// The next worker's number; `None` once the feed is dropped.
    fn next_generation(&self) -> Option<u64> {
        self.generation
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |current| {
                (current != STOPPED).then(|| current + 1)
            })
            .ok()
            .map(|before| before + 1)
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    open: Arc<OpenCamera>,
    events: SyncSender<SourceEvent>,
    timing: Timing,
    /// The camera's name, or its identity while that is not known.
    name: String,
    /// The loss told last, until the camera is back.
    told: Option<CaptureError>,
}

impl Supervisor {
    fn run(mut self) {
        while !self.shared.is_stopped() {
            if self.shared.workers.load(Ordering::Acquire) < MAX_WORKERS {
                let Some(loss) = self.run_worker() else {
                    return;
                };
                self.tell_loss(loss);
            }
            let retry_at = Instant::now() + self.timing.retry;
            while Instant::now() < retry_at && !self.shared.is_stopped() {
                thread::sleep(self.timing.tick.min(self.timing.retry));
            }
        }
    }

    /// Runs one worker until it has lost the camera; `None` once the feed is dropped.
    fn run_worker(&mut self) -> Option<CaptureError> {
        let generation = self.shared.next_generation()?;
        let (sender, reports) = sync_channel(REPORTS_KEPT);
        let worker = Worker {
            shared: Arc::clone(&self.shared),
            generation,
            reports: sender,
            fresh: self.timing.fresh,
        };
        let open = Arc::clone(&self.open);
        let spawned = thread::Builder::new()
            .name(format!("camera-reader-{generation}"))
            .spawn(move || worker.run(&*open));
        if let Err(error) = spawned {
            return Some(self.failed(error.to_string()));
        }
        let mut quiet_since = Instant::now();
        let mut patience = self.timing.first_picture;
        let mut description = None;
        loop {
            match reports.recv_timeout(self.timing.tick) {
                Ok(Report::Opened { name, text }) => {
                    self.name = name;
                    description = Some(text);
                }
                Ok(Report::Picture) => {
                    quiet_since = Instant::now();
                    patience = self.timing.stall;
                    if let Some(description) = description.take() {
                        self.told = None;
                        self.tell(SourceEvent::Ready { description });
                    }
                }
                Ok(Report::Lost(error)) => return Some(error),
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(self.failed("its driver broke off".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.shared.is_stopped() {
                return None;
            }
            if quiet_since.elapsed() > patience {
                return Some(CaptureError::Stalled {
                    kind: DeviceKind::Camera,
                    name: self.name.clone(),
                });
            }
        }
    }

    fn tell_loss(&mut self, loss: CaptureError) {
        // From here on the worker's pictures do not count, should it come to itself.
        if self.shared.next_generation().is_none() {
            return;
        }
        *self.shared.newest() = None;
        if self.told.as_ref().is_none_or(|told| is_news(told, &loss)) {
            self.told = Some(loss.clone());
            self.tell(SourceEvent::Lost(loss));
        }
    }

    fn tell(&self, event: SourceEvent) {
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::warn!(?event, "nobody takes the camera's events");
        }
    }

    fn failed(&self, message: String) -> CaptureError {
        CaptureError::Failed {
            kind: DeviceKind::Camera,
            name: self.name.clone(),
            message,
        }
    }
}

/// Whether a failed attempt to get a camera back tells more than why it was lost.
fn is_news(told: &CaptureError, loss: &CaptureError) -> bool {
    use CaptureError::{Busy, Missing, Stalled, Unplugged};
    let follows = matches!(
        (told, loss),
        (Unplugged { .. }, Missing { .. })
            // Held by the worker that was left behind with the hanging camera.
            | (Stalled { .. }, Busy { .. })
    );
    !follows && std::mem::discriminant(told) != std::mem::discriminant(loss)
}

enum Report {
    Opened { name: String, text: String },
    Picture,
    Lost(CaptureError),
}

struct Worker {
    shared: Arc<Shared>,
    generation: u64,
    reports: SyncSender<Report>,
    fresh: Duration,
}

impl Worker {
    fn run(self, open: &OpenCamera) {
        let _alive = Alive::count(Arc::clone(&self.shared));
        if let Err(error) = self.read(open) {
            // Nobody listens any more when this worker was left behind.
            let _ = self.reports.send(Report::Lost(error));
        }
    }

    fn read(&self, open: &OpenCamera) -> Result<(), CaptureError> {
        let mut opened = open()?;
        let report = Report::Opened {
            name: opened.name,
            text: opened.description,
        };
        if self.reports.send(report).is_err() {
            return Ok(());
        }
        let mut kept_at = None::<Instant>;
        while self.shared.is_current(self.generation) {
            let is_wanted = || {
                let is_left = self.shared.is_left.load(Ordering::Relaxed);
                !is_left || kept_at.is_none_or(|at| at.elapsed() >= self.fresh)
            };
            let picture = match opened.reader.read(&is_wanted)? {
                Delivery::Nothing => continue,
                Delivery::Left => None,
                Delivery::Frame(picture) => Some(picture),
            };
            if picture.is_some() {
                kept_at = Some(Instant::now());
            }
            let mut newest = self.shared.newest();
            if self.shared.is_current(self.generation) {
                if picture.is_some() {
                    *newest = picture;
                }
                drop(newest);
                self.shared.frames.fetch_add(1, Ordering::Relaxed);
                // A full channel has a sign of life in it already.
                let _ = self.reports.try_send(Report::Picture);
            }
        }
        Ok(())
    }
}

/// Counts a worker for as long as it lives, even when it panics.
struct Alive(Arc<Shared>);

impl Alive {
    fn count(shared: Arc<Shared>) -> Self {
        shared.workers.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.workers.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Clone, Copy)]
struct Timing {
    /// No picture for so long after opening: the camera is lost.
    first_picture: Duration,
    /// No further picture for so long: the camera is lost.
    stall: Duration,
    /// From a loss to the next attempt.
    retry: Duration,
    /// How soon a dropped feed is noticed.
    tick: Duration,
    /// How old the newest picture may become while nobody wants any.
    fresh: Duration,
}

const TIMING: Timing = Timing {
    first_picture: Duration::from_secs(8), // some take seconds to wake up
    stall: Duration::from_secs(2),
    retry: Duration::from_secs(1),
    tick: Duration::from_millis(100),
    fresh: Duration::from_secs(1),
};
/// The generation of a feed that was dropped.
const STOPPED: u64 = u64::MAX;
/// Workers at once: the one that counts and some whose camera hangs.
const MAX_WORKERS: usize = 4;
/// Events kept for a caller that does not ask for a while.
const EVENTS_KEPT: usize = 16;
/// Reports on the way from worker to supervisor.
const REPORTS_KEPT: usize = 4;

#[cfg(test)]
mod tests;
