//! A microphone kept running: its sound by capture time, and what became of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    aligned::{AlignedReader, Jump},
    list,
    tap::Intake,
};
use crate::{
    capture::source::{CaptureError, DeviceId, DeviceKind, SourceEvent},
    media::clock::Clock,
};

/// How far behind real time a microphone is read at most. Blocks of 20 ms arrive within 50 ms; the rest is for a busy
/// machine, on which everything may stand still for a fifth of a second.
pub const LATENCY: Duration = Duration::from_millis(250);

/// A microphone by identity, tried until it is there and taken back whenever it returns. Dropping it lets the
/// microphone go and does not wait.
pub struct MicrophoneFeed {
    stopped: Arc<AtomicBool>,
    intakes: Receiver<Intake>,
    events: Receiver<SourceEvent>,
    reader: Option<AlignedReader>,
}

impl MicrophoneFeed {
    /// Starts hearing the microphone `id`. What comes of it is told by [`MicrophoneFeed::poll_event`].
    #[must_use]
    pub fn start(id: DeviceId, clock: Clock) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (intake_sender, intakes) = sync_channel(INTAKES_KEPT);
        let (event_sender, events) = sync_channel(EVENTS_KEPT);
        let supervisor = Supervisor {
            name: id.0.clone(),
            id,
            clock,
            stopped: Arc::clone(&stopped),
            intakes: intake_sender,
            events: event_sender,
            told: None,
        };
        let spawned = thread::Builder::new()
            .name("microphone".to_owned())
            .spawn(move || supervisor.run());
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for the microphone");
        }
        Self {
            stopped,
            intakes,
            events,
            reader: None,
        }
    }

    /// Fills `out`, interleaved stereo at 48 kHz, with what was captured from sample `first_sample` on, sample
    /// `n` being that at `n` / 48,000 seconds of media time; with silence where nothing was captured or has
    /// arrived yet. Read when [`has`](Self::has) says so, or about [`LATENCY`] behind real time, block after block.
    ///
    /// The device's clock is followed by resampling, by at most 0.1 %. A [`Jump`] tells that this did not
    /// suffice.
    pub fn read(&mut self, first_sample: u64, out: &mut [f32]) -> Option<Jump> {
        while let Ok(intake) = self.intakes.try_recv() {
            self.reader = AlignedReader::new(intake)
                .inspect_err(|error| tracing::warn!(%error, "the microphone stays silent"))
                .ok();
        }
        let Some(reader) = &mut self.reader else {
            out.fill(0.0);
            return None;
        };
        reader.read(first_sample, out)
    }

    /// Whether the `frames` that follow what was read last have arrived, or cannot come, since there is no microphone:
    /// then they can be read before [`LATENCY`] is over.
    #[must_use]
    pub fn has(&self, frames: usize) -> bool {
        self.reader
            .as_ref()
            .is_none_or(|reader| reader.has(frames) || reader.is_over())
    }

    /// What happened since the last call, one event at a time. A feed never ends by itself: after each loss the
    /// microphone is tried again about once a second.
    #[must_use]
    pub fn poll_event(&self) -> Option<SourceEvent> {
        self.events.try_recv().ok()
    }
}

#[cfg(test)]
impl MicrophoneFeed {
    /// A microphone that began and delivers nothing, until what comes with it is dropped: then it is gone.
    pub(crate) fn hanging(clock: Clock) -> (Self, impl Sized) {
        let (tap, mut marks, intake) = super::tap::rings(48_000);
        let mut feed = Self::start(DeviceId("none".to_owned()), clock);
        feed.reader = AlignedReader::new(intake).ok();
        for _ in 0..8 {
            let began = super::tap::Mark {
                frame: 0,
                captured_at: crate::units::MediaTime::ZERO,
            };
            marks.push(began).expect("there is room for some");
        }
        feed.read(0, &mut []);
        (feed, (tap, marks))
    }
}

impl Drop for MicrophoneFeed {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}

impl fmt::Debug for MicrophoneFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MicrophoneFeed")
            .field("hears", &self.reader.is_some())
            .finish_non_exhaustive()
    }
}

/// Owns the device, which on some systems must stay on the thread that opened it.
struct Supervisor {
    id: DeviceId,
    /// The device's name, or its identity while that is not known.
    name: String,
    clock: Clock,
    stopped: Arc<AtomicBool>,
    intakes: SyncSender<Intake>,
    events: SyncSender<SourceEvent>,
    /// The loss told last, until the microphone is back.
    told: Option<CaptureError>,
}

impl Supervisor {
    fn run(mut self) {
        while !self.is_stopped() {
            if let Err(loss) = self.listen() {
                self.tell_loss(loss);
            }
            let retry_at = Instant::now() + RETRY;
            while Instant::now() < retry_at && !self.is_stopped() {
                thread::sleep(TICK);
            }
        }
    }

    /// Hears the microphone until it is lost; `Ok` once the feed is dropped.
    fn listen(&mut self) -> Result<(), CaptureError> {
        let microphone = list::connected()
            .into_iter()
            .find(|microphone| microphone.id == self.id)
            .ok_or_else(|| CaptureError::Missing {
                kind: DeviceKind::Microphone,
                wanted: self.id.0.clone(),
            })?;
        self.name.clone_from(&microphone.name);
        let (error_sender, errors) = sync_channel(ERRORS_KEPT);
        let on_error = move |error| {
            let _ = error_sender.try_send(error); // the first one counts
        };
        let (open, intake) = microphone
            .device
            .open(&self.name, self.clock, Box::new(on_error))?;
        let mut intake = Some(intake);
        let mut blocks = 0;
        let mut quiet_since = Instant::now();
        while !self.is_stopped() {
            match errors.recv_timeout(TICK) {
                Ok(error) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
            }
            let delivered = open.progress.blocks();
            if delivered != blocks {
                blocks = delivered;
                quiet_since = Instant::now();
                if let Some(intake) = intake.take() {
                    // A full channel means that nobody reads; what is in it is stale then.
                    let _ = self.intakes.try_send(intake);
                    self.told = None;
                    self.tell(SourceEvent::Ready {
                        description: format!("{}, {}", self.name, open.format),
                    });
                }
            }
            let patience = if intake.is_some() { START } else { STALL };
            if quiet_since.elapsed() > patience {
                return Err(CaptureError::Stalled {
                    kind: DeviceKind::Microphone,
                    name: self.name.clone(),
                });
            }
        }
        Ok(())
    }

    fn tell_loss(&mut self, loss: CaptureError) {
        use CaptureError::{Missing, Unplugged};
        let is_news = self.told.as_ref().is_none_or(|told| {
            let follows = matches!((told, &loss), (Unplugged { .. }, Missing { .. }));
            !follows && std::mem::discriminant(told) != std::mem::discriminant(&loss)
        });
        if is_news {
            self.told = Some(loss.clone());
            self.tell(SourceEvent::Lost(loss));
        }
    }

    fn tell(&self, event: SourceEvent) {
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::warn!(?event, "nobody takes the microphone's events");
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// From a loss to the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// How soon a dropped feed is noticed.
const TICK: Duration = Duration::from_millis(50);
/// How long a device may take to its first sound: a suspended one must wake up, a Bluetooth one connect.
const START: Duration = Duration::from_secs(5);
/// No sound for so long, not even silence: the microphone is lost.
const STALL: Duration = Duration::from_secs(2);
/// Newly opened devices on the way to the reader.
const INTAKES_KEPT: usize = 4;
/// Events kept for a caller that does not ask for a while.
const EVENTS_KEPT: usize = 16;
/// Errors on the way from the device's callback.
const ERRORS_KEPT: usize = 4;
