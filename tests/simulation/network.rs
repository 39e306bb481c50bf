//! The way between the publisher and its server: one bottleneck with a buffer, a length, and troubles.

use std::{collections::VecDeque, time::Duration};

use skywave::units::MediaTime;

use super::{random::Random, seconds};

/// What the way is like, over time.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// What the bottleneck carries, in bits per second, from which time in seconds on; between two points the
    /// rate changes evenly.
    pub(crate) rate: Vec<(f64, f64)>,
    /// How much the bottleneck's buffer holds, by the time it takes to send at the rate of the moment (as
    /// `tc`'s `tbf` has it); what is more is lost.
    pub(crate) buffer: Duration,
    /// Bytes that the bottleneck sends at once after it was idle: what it may send it saves up (`tbf`'s bucket).
    pub(crate) bucket: u32,
    /// There and back, without waiting.
    pub(crate) round_trip: Duration,
    /// Times when some packets are lost.
    pub(crate) losses: Vec<Losses>,
    /// Times when everything is lost, one after the other.
    pub(crate) outages: Vec<Outage>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Losses {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) share: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Whether the system knows (a cable that is out), or packets vanish on the way.
    pub(crate) known: bool,
}

impl Conditions {
    /// What the bottleneck carries `at` a time, in bits per second.
    pub(crate) fn rate_at(&self, at: f64) -> f64 {
        let after = self.rate.iter().position(|(from, _)| *from > at);
        match after {
            Some(0) => self.rate[0].1,
            None => self.rate[self.rate.len() - 1].1,
            Some(index) => {
                let ((from, before), (to, next)) = (self.rate[index - 1], self.rate[index]);
                before + (next - before) * (at - from) / (to - from)
            }
        }
    }

    /// Whether nothing gets through `at` a time.
    pub(crate) fn is_out(&self, at: f64) -> bool {
        self.outage(at).is_some()
    }

    /// Whether the system knows of a way.
    pub(crate) fn has_way(&self, at: f64) -> bool {
        !self.outage(at).is_some_and(|outage| outage.known)
    }

    fn outage(&self, at: f64) -> Option<&Outage> {
        let next = self.outages.partition_point(|outage| outage.to <= at);
        self.outages.get(next).filter(|outage| outage.from <= at)
    }

    fn loss_at(&self, at: f64) -> f64 {
        self.losses
            .iter()
            .find(|losses| (losses.from..losses.to).contains(&at))
            .map_or(0.0, |losses| losses.share)
    }
}

/// A TCP segment on its way to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    pub(crate) connection: u64,
    /// The first byte's place in the stream.
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// Which transmission this is, counted over the connection.
    pub(crate) order: u64,
}

/// The answer to one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledgement {
    pub(crate) datagram: Datagram,
    /// All bytes up to here have arrived.
    pub(crate) cumulative: u64,
    /// Bytes up to here may be sent.
    pub(crate) window_end: u64,
}

/// What is on the way.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) conditions: Conditions,
    queue: VecDeque<Datagram>,
    queued_bytes: u64,
    /// Bytes that the bottleneck may send now.
    credit: f64,
    there: VecDeque<(MediaTime, Datagram)>,
    back: VecDeque<(MediaTime, Acknowledgement)>,
    random: Random,
}

impl Network {
    pub(crate) fn new(conditions: Conditions, random: Random) -> Self {
        Self {
            conditions,
            queue: VecDeque::new(),
            queued_bytes: 0,
            credit: 0.0,
            there: VecDeque::new(),
            back: VecDeque::new(),
            random,
        }
    }

    /// A segment leaves the publisher.
    pub(crate) fn send(&mut self, now: MediaTime, datagram: Datagram) {
        let at = seconds(now);
        let wire = datagram.length + HEADER_BYTES;
        let room = self.conditions.rate_at(at) / 8.0 * self.conditions.buffer.as_secs_f64();
        let is_full = (self.queued_bytes + wire) as f64 > room.max(LEAST_ROOM_BYTES);
        let is_lost = self.random.chance() < self.conditions.loss_at(at);
        if !is_full && !is_lost && self.conditions.has_way(at) {
            self.queued_bytes += wire;
            self.queue.push_back(datagram);
        }
    }

    /// A segment is answered by the server.
    pub(crate) fn answer(&mut self, now: MediaTime, answer: Acknowledgement) {
        if !self.conditions.is_out(seconds(now)) {
            self.back.push_back((now + self.half_way(), answer));
        }
    }

    /// Moves on by one step of `step`.
    pub(crate) fn advance(&mut self, now: MediaTime, step: Duration) {
        let at = seconds(now);
        self.credit += self.conditions.rate_at(at) / 8.0 * step.as_secs_f64();
        while let Some(&datagram) = self.queue.front() {
            let wire = datagram.length + HEADER_BYTES;
            if self.credit < wire as f64 {
                return;
            }
            self.credit -= wire as f64;
            self.queued_bytes -= wire;
            self.queue.pop_front();
            if !self.conditions.is_out(at) {
                self.there.push_back((now + self.half_way(), datagram));
            }
        }
        self.credit = self.credit.min(self.conditions.bucket.into());
    }

    /// What reaches the server now.
    pub(crate) fn arrived(&mut self, now: MediaTime) -> Option<Datagram> {
        take_due(&mut self.there, now)
    }

    /// What reaches the publisher now.
    pub(crate) fn answered(&mut self, now: MediaTime) -> Option<Acknowledgement> {
        take_due(&mut self.back, now)
    }

    /// When a small message sent now arrives; `None` if it is lost.
    pub(crate) fn small_message(&mut self, now: MediaTime) -> Option<MediaTime> {
        let at = seconds(now);
        if self.conditions.is_out(at) || self.random.chance() < self.conditions.loss_at(at) {
            return None;
        }
        Some(now + self.half_way() + self.waiting(at))
    }

    /// How long what enters the bottleneck now waits there.
    pub(crate) fn waiting(&self, at: f64) -> Duration {
        let rate = self.conditions.rate_at(at).max(1.0);
        Duration::from_secs_f64(self.queued_bytes as f64 * 8.0 / rate)
    }

    pub(crate) fn half_way(&self) -> Duration {
        self.conditions.round_trip / 2
    }
}

fn take_due<T>(way: &mut VecDeque<(MediaTime, T)>, now: MediaTime) -> Option<T> {
    way.pop_front_if(|(due, _)| *due <= now)
        .map(|(_, item)| item)
}

/// What IP and TCP (with timestamps) add to a segment.
pub(crate) const HEADER_BYTES: u64 = 52;
/// No bottleneck holds less than a few segments.
const LEAST_ROOM_BYTES: f64 = 16_000.0;
