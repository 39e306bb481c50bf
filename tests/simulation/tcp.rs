//! TCP as Linux speaks it, as far as a stream feels it: a sender with CUBIC, selective acknowledgements and a
//! retransmission timer that backs off, the kernel's buffer before it, and the receiver's window.
//!
//! Left out, because a steady stream hardly feels it: delayed acknowledgements, tail loss probes, the undoing of
//! timeouts that turn out to have been false, pacing.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use skywave::units::MediaTime;

use super::network::{Acknowledgement, Datagram};

/// Both ends of one connection's way to the server.
#[derive(Debug)]
pub(crate) struct Tcp {
    /// Bytes the kernel took, sent, and knows to have arrived.
    written: u64,
    sent: u64,
    acknowledged: u64,
    outstanding: VecDeque<Segment>,
    in_flight: u64,
    lost: u64,
    early: u64,
    order: u64,
    highest_answered: u64,
    window: Window,
    /// Until all up to here is acknowledged, one loss is not punished twice.
    recovering_to: Option<u64>,
    round_trip: RoundTrip,
    backoff: u32,
    timer: MediaTime,
    window_end: u64,
    send_buffer: u64,
    most_unsent: Option<u64>,
    /// Bytes that arrived in order; those that arrived early; those the server has read.
    received: u64,
    gaps: BTreeMap<u64, u64>,
    read: u64,
    receive_buffer: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    length: u64,
    order: u64,
    sent_at: MediaTime,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Lost,
    Arrived,
}

/// What the kernel tells of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) acknowledged: u64,
    /// Arrived behind a gap.
    pub(crate) early: u64,
    pub(crate) unsent: u64,
    pub(crate) in_flight: u64,
    pub(crate) round_trip: Duration,
}

impl Tcp {
    /// A connection that was made over a way `round_trip` long, whose kernel keeps at most `most_unsent` bytes
    /// that are not on their way yet.
    pub(crate) fn new(now: MediaTime, round_trip: Duration, most_unsent: Option<u64>) -> Self {
        Self {
            written: 0,
            sent: 0,
            acknowledged: 0,
            outstanding: VecDeque::new(),
            in_flight: 0,
            lost: 0,
            early: 0,
            order: 0,
            highest_answered: 0,
            window: Window::default(),
            recovering_to: None,
            round_trip: RoundTrip::new(round_trip),
            backoff: 0,
            timer: now,
            window_end: LEAST_RECEIVE_BUFFER,
            send_buffer: 0,
            most_unsent,
            received: 0,
            gaps: BTreeMap::new(),
            read: 0,
            receive_buffer: LEAST_RECEIVE_BUFFER,
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            acknowledged: self.acknowledged,
            early: (self.sent - self.acknowledged) * self.early
                / (self.outstanding.len() as u64).max(1),
            unsent: self.written - self.sent,
            in_flight: self.sent - self.acknowledged,
            round_trip: Duration::from_secs_f64(self.round_trip.smoothed),
        }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Offers `bytes` to the kernel; returns how many it took.
    pub(crate) fn write(&mut self, bytes: u64) -> u64 {
        // Linux lets the buffer grow to twice the window, and never shrinks it.
        let wanted = 2 * self.window.segments_now() * SEGMENT_BYTES;
        self.send_buffer = self.send_buffer.max(wanted.min(MOST_SEND_BUFFER));
        let room = self
            .send_buffer
            .saturating_sub(self.written - self.acknowledged);
        let unsent = self.written - self.sent;
        let room = self
            .most_unsent
            .map_or(room, |most| room.min(most.saturating_sub(unsent)));
        let taken = bytes.min(room);
        self.written += taken;
        taken
    }

    /// Sends what may be sent.
    pub(crate) fn transmit(&mut self, now: MediaTime, id: u64, mut send: impl FnMut(Datagram)) {
        self.look_for_timeout(now);
        self.window.limited = false;
        loop {
            let has_lost = self.lost > 0;
            let has_new = self.sent < self.written && self.sent < self.window_end;
            if !has_lost && !has_new {
                return;
            }
            if self.in_flight >= self.window.segments_now() {
                self.window.limited = true;
                return;
            }
            if self.in_flight == 0 {
                self.timer = now;
            }
            self.order += 1;
            let order = self.order;
            let segment = if has_lost {
                let again = self.outstanding.iter_mut().find(|s| s.fate == Fate::Lost);
                let Some(again) = again else { return };
                again.fate = Fate::UnderWay;
                again.order = order;
                again.sent_at = now;
                self.lost -= 1;
                *again
            } else {
                let most = (self.written.min(self.window_end) - self.sent).min(SEGMENT_BYTES);
                let new = Segment {
                    start: self.sent,
                    length: most,
                    order,
                    sent_at: now,
                    fate: Fate::UnderWay,
                };
                self.sent += most;
                self.outstanding.push_back(new);
                new
            };
            self.in_flight += 1;
            send(Datagram {
                connection: id,
                start: segment.start,
                length: segment.length,
                order,
            });
        }
    }

    /// An answer of the server's kernel arrives.
    pub(crate) fn on_answer(&mut self, now: MediaTime, answer: Acknowledgement) {
        self.window_end = self.window_end.max(answer.window_end);
        self.highest_answered = self.highest_answered.max(answer.datagram.order);
        let mut news = self.note_arrival(now, answer.datagram);
        while let Some(first) = self.outstanding.front()
            && first.start + first.length <= answer.cumulative
        {
            match first.fate {
                Fate::Arrived => self.early -= 1,
                Fate::UnderWay => {
                    self.in_flight -= 1;
                    news += 1;
                }
                Fate::Lost => self.lost -= 1,
            }
            self.outstanding.pop_front();
        }
        if answer.cumulative > self.acknowledged {
            self.acknowledged = answer.cumulative;
            self.backoff = 0;
            self.timer = now;
        }
        self.look_for_losses(now);
        if self.recovering_to.is_some_and(|to| self.acknowledged >= to) {
            self.recovering_to = None;
        }
        if self.recovering_to.is_none() || self.window.is_below_threshold() {
            self.window.grow(now, news, &self.round_trip);
        }
    }

    /// Notes that `datagram` arrived; returns how many segments that is news of.
    fn note_arrival(&mut self, now: MediaTime, datagram: Datagram) -> u64 {
        let found = self
            .outstanding
            .binary_search_by_key(&datagram.start, |segment| segment.start);
        let Some(segment) = found.ok().and_then(|at| self.outstanding.get_mut(at)) else {
            return 0;
        };
        if segment.order == datagram.order {
            self.round_trip
                .observe(now.since(segment.sent_at).as_secs_f64());
        }
        match segment.fate {
            Fate::Arrived => return 0,
            Fate::UnderWay => self.in_flight -= 1,
            Fate::Lost => self.lost -= 1,
        }
        segment.fate = Fate::Arrived;
        self.early += 1;
        1
    }

    /// A segment is lost once some that were sent later were answered.
    fn look_for_losses(&mut self, now: MediaTime) {
        if self.early == 0 {
            return;
        }
        let mut newly_lost = 0;
        for segment in &mut self.outstanding {
            let is_late = segment.order + REORDERING <= self.highest_answered;
            if segment.fate == Fate::UnderWay && is_late {
                segment.fate = Fate::Lost;
                newly_lost += 1;
            }
        }
        self.lost += newly_lost;
        self.in_flight -= newly_lost;
        if newly_lost > 0 && self.recovering_to.is_none() {
            self.recovering_to = Some(self.sent);
            self.window.cut(now);
        }
    }

    fn look_for_timeout(&mut self, now: MediaTime) {
        if self.in_flight == 0 || now.since(self.timer).as_secs_f64() < self.patience() {
            return;
        }
        for segment in &mut self.outstanding {
            if segment.fate == Fate::UnderWay {
                segment.fate = Fate::Lost;
                self.lost += 1;
            }
        }
        self.in_flight = 0;
        if self.backoff == 0 {
            self.window.cut(now);
        }
        self.window.segments = 1.0;
        self.recovering_to = Some(self.sent);
        self.backoff += 1;
        self.timer = now;
    }

    fn patience(&self) -> f64 {
        let doubled = f64::from(1_u32 << self.backoff.min(16));
        (self.round_trip.timeout() * doubled).min(LONGEST_TIMEOUT)
    }

    /// A segment reaches the server's kernel, which answers.
    pub(crate) fn on_arrival(&mut self, datagram: Datagram) -> Acknowledgement {
        if datagram.start >= self.received {
            self.gaps.insert(datagram.start, datagram.length);
            while let Some(length) = self.gaps.remove(&self.received) {
                self.received += length;
            }
        }
        Acknowledgement {
            datagram,
            cumulative: self.received,
            window_end: self.read + self.receive_buffer,
        }
    }

    /// The server reads all there is; returns up to where it has read.
    pub(crate) fn read_all(&mut self) -> u64 {
        self.read = self.received;
        let wanted = 2 * self.window.segments_now() * SEGMENT_BYTES;
        self.receive_buffer = self.receive_buffer.max(wanted.min(MOST_RECEIVE_BUFFER));
        self.read
    }
}

/// How much may be on the way: CUBIC (RFC 9438) with its slow start.
#[derive(Clone, Debug)]
struct Window {
    segments: f64,
    threshold: f64,
    /// What it was when a segment was last lost.
    highest: f64,
    /// How long it has grown since then, in seconds, while it was what limited the sender.
    grown_for: f64,
    grown_at: MediaTime,
    limited: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            segments: 10.0,
            threshold: f64::INFINITY,
            highest: 0.0,
            grown_for: 0.0,
            grown_at: MediaTime::ZERO,
            limited: false,
        }
    }
}

impl Window {
    fn segments_now(&self) -> u64 {
        super::whole(self.segments.max(1.0))
    }

    fn is_below_threshold(&self) -> bool {
        self.segments < self.threshold
    }

    /// `news` more segments arrived.
    fn grow(&mut self, now: MediaTime, news: u64, round_trip: &RoundTrip) {
        let elapsed = now.since(self.grown_at).as_secs_f64().min(1.0);
        self.grown_at = now;
        if !self.limited {
            return; // what the sender does not use proves nothing
        }
        if self.is_below_threshold() {
            self.segments += news as f64;
            let has_queue = round_trip.latest > round_trip.least + SLOW_START_DELAY;
            if has_queue && self.segments >= 16.0 {
                self.threshold = self.segments; // HyStart
            }
            return;
        }
        self.grown_for += elapsed;
        let (highest, beta) = (self.highest, CUBIC_BETA);
        let turn = (highest * (1.0 - beta) / CUBIC_SCALE).cbrt();
        let cubic = CUBIC_SCALE * (self.grown_for - turn).powi(3) + highest;
        let steps = self.grown_for / round_trip.smoothed.max(0.001);
        let as_reno = highest * beta + 3.0 * (1.0 - beta) / (1.0 + beta) * steps;
        let target = cubic.max(as_reno).min(self.segments * 1.5);
        if target > self.segments {
            self.segments += (target - self.segments) / self.segments * news as f64;
        }
    }

    fn cut(&mut self, now: MediaTime) {
        self.highest = self.segments;
        self.threshold = (self.segments * CUBIC_BETA).max(2.0);
        self.segments = self.threshold;
        self.grown_for = 0.0;
        self.grown_at = now;
    }
}

/// What is known of how long the way is, in seconds.
#[derive(Clone, Debug)]
struct RoundTrip {
    smoothed: f64,
    variation: f64,
    least: f64,
    latest: f64,
}

impl RoundTrip {
    fn new(first: Duration) -> Self {
        let first = first.as_secs_f64();
        Self {
            smoothed: first,
            variation: first / 2.0,
            least: first,
            latest: first,
        }
    }

    fn observe(&mut self, sample: f64) {
        self.variation += 0.25 * ((sample - self.smoothed).abs() - self.variation);
        self.smoothed += 0.125 * (sample - self.smoothed);
        self.least = self.least.min(sample);
        self.latest = sample;
    }

    fn timeout(&self) -> f64 {
        self.smoothed + (4.0 * self.variation).max(SHORTEST_TIMEOUT)
    }
}

pub(crate) const SEGMENT_BYTES: u64 = 1448;
/// Answers to segments sent later, before one counts as lost.
const REORDERING: u64 = 3;
/// RFC 9438, sections 4.1 and 4.6.
const CUBIC_SCALE: f64 = 0.4;
const CUBIC_BETA: f64 = 0.7;
/// From how much queueing on slow start ends, in seconds: the most that `HyStart` allows.
const SLOW_START_DELAY: f64 = 0.016;
/// In seconds, as in Linux.
const SHORTEST_TIMEOUT: f64 = 0.2;
const LONGEST_TIMEOUT: f64 = 120.0;
/// `net.ipv4.tcp_wmem` and `tcp_rmem`, without what the kernel needs for itself.
const MOST_SEND_BUFFER: u64 = 2_500_000;
const LEAST_RECEIVE_BUFFER: u64 = 128 * 1024;
const MOST_RECEIVE_BUFFER: u64 = 4_000_000;
