//! Figures for people, from counters.

use std::{collections::VecDeque, time::Duration};

use super::{counters::Counters, event::Stats};
use crate::{
    media::packet::VideoFormat,
    net::publisher::PublisherStats,
    units::{Bitrate, MediaTime},
};

/// Turns ever-growing counters into figures of this stream and of the last second.
pub struct Statistics {
    /// Counters when the stream began.
    base: Snapshot,
    /// Recent counters, oldest first, about a second of them.
    recent: VecDeque<Snapshot>,
    /// Where the overload watch stands.
    watched: Snapshot,
}

#[derive(Clone, Copy, Default)]
struct Snapshot {
    at: MediaTime,
    captured: u64,
    encoded: u64,
    skipped: u64,
}

impl Snapshot {
    fn of(at: MediaTime, counters: &Counters) -> Self {
        Self {
            at,
            captured: counters.captured.get(),
            encoded: counters.encoded.get(),
            skipped: counters.skipped.get(),
        }
    }
}

impl Statistics {
    /// Figures from zero.
    #[must_use]
    pub fn new(now: MediaTime) -> Self {
        let base = Snapshot {
            at: now,
            ..Snapshot::default()
        };
        Self {
            base,
            recent: VecDeque::new(),
            watched: base,
        }
    }

    /// A new stream begins: its figures count from here.
    pub fn begin(&mut self, now: MediaTime, counters: &Counters) {
        self.base = Snapshot::of(now, counters);
        self.watched = self.base;
    }

    /// The figures now; to be called at regular intervals. `network` is when publishing was asked for and
    /// the publisher's own figures.
    pub fn update(
        &mut self,
        now: MediaTime,
        target: Bitrate,
        counters: &Counters,
        network: Option<(MediaTime, PublisherStats)>,
    ) -> Stats {
        let current = Snapshot::of(now, counters);
        self.recent.push_back(current);
        while self.recent.len() > 2 && now.since(self.recent[1].at) >= SPAN {
            self.recent.pop_front();
        }
        let oldest = self.recent[0];
        let span = now.since(oldest.at).as_secs_f32();
        let captured = current.captured - oldest.captured;
        let mut stats = Stats {
            target,
            captured_fps: if span > 0.0 {
                captured as f32 / span
            } else {
                0.0
            },
            frames_captured: current.captured - self.base.captured,
            frames_encoded: current.encoded - self.base.encoded,
            frames_skipped: current.skipped - self.base.skipped,
            ..Stats::default()
        };
        if let Some((since, network)) = network {
            stats.uptime = now.since(since);
            stats.sent = network.sent_rate;
            stats.frames_sent = network.frames_sent;
            stats.frames_dropped = network.frames_dropped;
            stats.queue = network.queue;
            stats.round_trip = network.round_trip;
            stats.bytes_sent = network.bytes_sent;
        }
        stats
    }

    /// Words about skipped frames, at most once in [`WATCH`].
    pub fn overload(
        &mut self,
        now: MediaTime,
        counters: &Counters,
        format: &VideoFormat,
    ) -> Option<String> {
        if now.since(self.watched.at) < WATCH {
            return None;
        }
        let current = Snapshot::of(now, counters);
        let skipped = current.skipped.saturating_sub(self.watched.skipped);
        self.watched = current;
        (skipped > 0).then(|| {
            format!(
                "This computer is too slow for {} at {}: {skipped} frames left out in the last {} s. Choose a \
                 smaller size or frame rate, or close other programs.",
                format.size,
                format.frame_rate,
                WATCH.as_secs(),
            )
        })
    }
}

/// Rates are averaged over this long.
const SPAN: Duration = Duration::from_secs(1);

/// Skipped frames are told at most this often.
const WATCH: Duration = Duration::from_secs(5);
