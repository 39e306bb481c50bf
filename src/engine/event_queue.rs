//! The way from the engine to whoever listens: one bounded queue that never blocks the engine.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::event::{Arrival, Event, RecordingStatus, Stats, StreamStatus};
use crate::media::level::Levels;

/// Called after each event that is news, and each picture, from the engine's threads: wakes a sleeping window.
pub type Waker = Box<dyn Fn(Arrival) + Send + Sync>;

/// A bounded queue of events; copies share it.
///
/// When full: statistics, levels, the destinations' states and a recording's progress replace their own
/// predecessor (only the newest matters), and of everything else the oldest goes, attempts to reconnect before
/// all that is told once. It takes a listener that has not listened for many minutes.
#[derive(Clone, Default)]
pub struct EventQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Event>>,
    figures: Mutex<Figures>,
    arrived: Condvar,
    waker: Mutex<Option<Waker>>,
}

/// The figures told last: they come many times a second, and often stay as they are.
#[derive(Default)]
struct Figures {
    stats: Option<Stats>,
    levels: Option<Levels>,
}

impl Figures {
    /// Takes in `event`; tells whether it says anything new.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Stats(stats) => self.stats.replace(*stats) != Some(*stats),
            Event::Levels(levels) => self.levels.replace(*levels) != Some(*levels),
            _ => true,
        }
    }
}

impl EventQueue {
    /// Adds `event` and wakes the listener, unless it only says once more what the last figures said.
    pub fn push(&self, event: Event) {
        let is_news = lock(&self.shared.figures).take(&event);
        {
            let mut queue = lock(&self.shared.queue);
            if let Some(kind) = Transient::of(&event) {
                queue.retain(|queued| Transient::of(queued) != Some(kind));
            }
            if queue.len() == CAPACITY {
                let least = queue.iter().position(is_attempt).unwrap_or(0);
                queue.remove(least);
            }
            queue.push_back(event);
        }
        self.shared.arrived.notify_one();
        if is_news {
            self.wake(Arrival::Event);
        }
    }

    /// The oldest event, if there is one.
    #[must_use]
    pub fn try_next(&self) -> Option<Event> {
        lock(&self.shared.queue).pop_front()
    }

    /// The oldest event; waits for one at most `timeout`.
    #[must_use]
    pub fn next(&self, timeout: Duration) -> Option<Event> {
        let queue = lock(&self.shared.queue);
        let (mut queue, _) = self
            .shared
            .arrived
            .wait_timeout_while(queue, timeout, |queue| queue.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }

    /// Calls `waker` after each event that is news, and each picture, from now on.
    pub fn set_waker(&self, waker: Waker) {
        *lock(&self.shared.waker) = Some(waker);
    }

    /// Wakes the listener: something is there to be fetched.
    pub fn wake(&self, arrival: Arrival) {
        if let Some(waker) = lock(&self.shared.waker).as_ref() {
            waker(arrival);
        }
    }
}

/// Kinds of event of which only the newest matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transient {
    Stats,
    Levels,
    Destinations,
    RecordingProgress,
}

impl Transient {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Stats(_) => Some(Self::Stats),
            Event::Levels(_) => Some(Self::Levels),
            Event::Destinations(_) => Some(Self::Destinations),
            Event::Recording(RecordingStatus::Recording { .. }) => Some(Self::RecordingProgress),
            _ => None,
        }
    }
}

/// Whether it is told about once a second for as long as an outage lasts.
fn is_attempt(event: &Event) -> bool {
    matches!(event, Event::Status(StreamStatus::Reconnecting { .. }))
}

/// A thread that panicked while holding the lock left plain data behind: it stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More than a listener that listens at all ever leaves unread.
const CAPACITY: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{
        engine::event::{Cause, Decision, Severity},
        rtmp::refusal::{self, Failure},
        units::MediaTime,
    };

    #[test]
    fn statistics_replace_their_predecessor_and_nothing_else() {
        let queue = EventQueue::default();
        queue.push(Event::Stats(Stats::default()));
        queue.push(Event::Status(StreamStatus::Stopping));
        queue.push(Event::Stats(Stats {
            frames_sent: 7,
            ..Stats::default()
        }));
        assert!(matches!(
            queue.try_next(),
            Some(Event::Status(StreamStatus::Stopping))
        ));
        assert!(matches!(queue.try_next(), Some(Event::Stats(stats)) if stats.frames_sent == 7));
        assert!(queue.try_next().is_none());
    }

    #[test]
    fn figures_that_stay_as_they_are_wake_nobody() {
        let queue = EventQueue::default();
        let woken = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&woken);
        queue.set_waker(Box::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let loud = Levels {
            clipped: true,
            ..Levels::SILENT
        };
        for levels in [Levels::SILENT, Levels::SILENT, loud, Levels::SILENT] {
            queue.push(Event::Levels(levels));
            queue.push(Event::Stats(Stats::default()));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 3 + 1);
        queue.push(Event::Status(StreamStatus::Stopping));
        queue.push(Event::Status(StreamStatus::Stopping));
        assert_eq!(woken.load(Ordering::Relaxed), 4 + 2);
    }

    #[test]
    fn the_queue_stays_bounded_when_nobody_listens() {
        let queue = EventQueue::default();
        for _ in 0..2 * CAPACITY {
            queue.push(Event::Status(StreamStatus::Stopping));
        }
        assert_eq!(std::iter::from_fn(|| queue.try_next()).count(), CAPACITY);
    }

    #[test]
    fn a_long_outage_leaves_the_story_to_a_listener_that_is_away() {
        let queue = EventQueue::default();
        let begins = Decision::new(MediaTime::ZERO, Severity::Error, Cause::Uplink, "begins");
        queue.push(Event::Decision(begins.clone()));
        for attempt in 0..3600 {
            queue.push(Event::Status(StreamStatus::Reconnecting {
                host: "a.example".into(),
                attempt,
                retry_at: MediaTime::ZERO,
                because: Failure::of_ours(refusal::Cause::Stalled, String::new(), String::new()),
            }));
        }
        let left: Vec<_> = std::iter::from_fn(|| queue.try_next()).collect();
        assert_eq!(left.len(), CAPACITY);
        assert!(matches!(&left[0], Event::Decision(it) if *it == begins));
        let last = left.last().unwrap();
        assert!(matches!(
            last,
            Event::Status(StreamStatus::Reconnecting { attempt: 3599, .. })
        ));
    }
}
