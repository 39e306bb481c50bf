//! Figures for people, from counters.

use std::{collections::VecDeque, time::Duration};

use super::{
    counters::Counters,
    event::{Cause, Decision, Severity, Stats},
};
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
    /// Whether what is left out until the watch's next look is explained otherwise.
    forgiven: bool,
    /// The stream's own figures, kept when it is over.
    stream: Stream,
}

#[derive(Clone, Copy, Default)]
struct Stream {
    uptime: Duration,
    figures: PublisherStats,
}

#[derive(Clone, Copy, Default)]
struct Snapshot {
    at: MediaTime,
    captured: u64,
    encoded: u64,
    skipped: u64,
    withheld: u64,
    thinned: u64,
}

impl Snapshot {
    fn of(at: MediaTime, counters: &Counters) -> Self {
        Self {
            at,
            captured: counters.captured.get(),
            encoded: counters.encoded.get(),
            skipped: counters.skipped.get(),
            withheld: counters.withheld.get(),
            thinned: counters.thinned.get(),
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
            forgiven: false,
            stream: Stream::default(),
        }
    }

    /// A new stream begins: its figures count from here.
    pub fn begin(&mut self, now: MediaTime, counters: &Counters) {
        self.base = Snapshot::of(now, counters);
        self.watched = self.base;
        self.stream = Stream::default();
    }

    /// The figures now; to be called at regular intervals. `target` is what the encoders are told to produce,
    /// `ceiling` the most of it. `network` is when publishing was asked for and the publisher's own figures.
    pub fn update(
        &mut self,
        now: MediaTime,
        (target, ceiling): (Bitrate, Bitrate),
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
        if let Some((since, figures)) = network {
            self.stream = Stream {
                uptime: now.since(since),
                figures,
            };
        } else {
            let figures = &mut self.stream.figures;
            (figures.sent_rate, figures.delivered_rate) = (Bitrate::ZERO, Bitrate::ZERO);
            figures.queue = Duration::ZERO;
            (figures.latency, figures.round_trip) = (None, None);
        }
        let Stream { uptime, figures } = self.stream;
        Stats {
            uptime,
            target,
            ceiling,
            delivered: figures.delivered_rate,
            sent: figures.sent_rate,
            captured_fps: if span > 0.0 {
                captured as f32 / span
            } else {
                0.0
            },
            frames_captured: current.captured - self.base.captured,
            frames_encoded: current.encoded - self.base.encoded,
            frames_skipped: (current.skipped - self.base.skipped)
                + (current.withheld - self.base.withheld),
            frames_thinned: current.thinned - self.base.thinned,
            frames_sent: figures.frames_sent,
            frames_dropped: figures.frames_dropped,
            queue: figures.queue,
            latency: figures.latency,
            stream_latency: figures.stream_latency,
            round_trip: figures.round_trip,
            bytes_sent: figures.bytes_sent,
        }
    }

    /// What is told about frames that were left out here, at most once in [`WATCH`]. `order` is the bitrate
    /// that the encoder was told, `ceiling` that which the user allows.
    pub fn overload(
        &mut self,
        now: MediaTime,
        counters: &Counters,
        format: &VideoFormat,
        (order, ceiling): (Bitrate, Bitrate),
    ) -> Option<Decision> {
        if now.since(self.watched.at) < WATCH {
            return None;
        }
        let current = Snapshot::of(now, counters);
        let skipped = current.skipped - self.watched.skipped;
        let withheld = current.withheld - self.watched.withheld;
        self.watched = current;
        if std::mem::take(&mut self.forgiven) {
            return None;
        }
        let VideoFormat {
            size, frame_rate, ..
        } = format;
        let span = WATCH.as_secs();
        let (frames, cause, text) = if skipped > 0 {
            let text = format!(
                "This computer is too slow for {size} at {frame_rate}: {skipped} frames left out in the last \
                 {span} s. Choose a smaller size or frame rate, or close other programs."
            );
            (skipped, Cause::Encoder, text)
        } else if withheld > 0 && order < ceiling {
            let text = format!(
                "The {order} that the uplink leaves for the picture are too little for {size} at {frame_rate}: \
                 {withheld} frames left out in the last {span} s. A smaller size or frame rate would need less."
            );
            (withheld, Cause::Uplink, text)
        } else if withheld > 0 {
            let text = format!(
                "{order} are too little for {size} at {frame_rate}: {withheld} frames left out in the last \
                 {span} s. Choose a smaller size or frame rate, or a higher bitrate."
            );
            (withheld, Cause::Encoder, text)
        } else {
            return None;
        };
        let decision = Decision::new(now, Severity::Warning, cause, text);
        Some(decision.with_figures([("frames", frames as f64)]))
    }

    /// What was just left out is explained otherwise.
    pub fn forgive(&mut self) {
        self.forgiven = true;
    }
}

/// Rates are averaged over this long.
const SPAN: Duration = Duration::from_secs(1);

/// Skipped frames are told at most this often.
const WATCH: Duration = Duration::from_secs(5);
