//! What viewers get: which pictures reach the server in a state to be seen, when, and how good they are.

use std::time::Duration;

use skywave::{
    control::backlog::Kind,
    units::{Bitrate, MediaTime},
};

use super::{encoder::Packet, seconds};

/// All that is known of what arrived.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    /// One for each of the camera's pictures.
    slots: Vec<Slot>,
    /// The last picture that a decoder holds.
    decoded: Option<u64>,
    /// Bytes of media that arrived, and those that did so in time.
    pub(crate) arrived: u64,
    pub(crate) in_time: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) captured: MediaTime,
    pub(crate) shown: Option<Shown>,
}

/// A picture that can be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) delay: Duration,
    pub(crate) rate: Bitrate,
}

impl Shown {
    pub(crate) fn is_in_time(self) -> bool {
        self.delay <= LATEST
    }
}

impl Viewers {
    /// The camera took a picture.
    pub(crate) fn on_captured(&mut self, captured: MediaTime) {
        let shown = None;
        self.slots.push(Slot { captured, shown });
    }

    /// The server read the whole of `packet`.
    pub(crate) fn on_arrived(&mut self, now: MediaTime, packet: &Packet) {
        let at = usize::try_from(packet.slot).unwrap_or(usize::MAX);
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        let delay = now.since(slot.captured);
        self.arrived += packet.bytes;
        if delay <= LATEST {
            self.in_time += packet.bytes;
        }
        if packet.kind == Kind::Audio {
            return;
        }
        if packet.refers_to.is_none() || packet.refers_to == self.decoded {
            self.decoded = Some(packet.slot);
            let rate = packet.rate;
            slot.shown = Some(Shown { delay, rate });
        }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How much of full quality viewers had, in seconds: each picture that arrived in time stands for the time
    /// up to the next one, and for no more than a moment.
    pub(crate) fn quality_seconds(&self, ceiling: Bitrate) -> f64 {
        let mut shown = self.shown_in_time().peekable();
        let mut total = 0.0;
        while let Some((captured, picture)) = shown.next() {
            let lasts = shown
                .peek()
                .map_or(LONGEST_STANDING, |(next, _)| next.since(captured));
            total += lasts.min(LONGEST_STANDING).as_secs_f64() * worth(picture.rate, ceiling);
        }
        total
    }

    /// How long after `from` a picture arrives that viewers see in time, in seconds; at the longest up to
    /// `until`.
    pub(crate) fn dark_after(&self, from: f64, until: f64) -> f64 {
        let first = self
            .shown_in_time()
            .map(|(captured, picture)| seconds(captured + picture.delay))
            .find(|arrived| *arrived >= from);
        first.map_or(until, |arrived| arrived.min(until)) - from
    }

    fn shown_in_time(&self) -> impl Iterator<Item = (MediaTime, Shown)> {
        self.slots.iter().filter_map(|slot| {
            let shown = slot.shown.filter(|shown| shown.is_in_time())?;
            Some((slot.captured, shown))
        })
    }
}

/// What part of the full quality a picture of `rate` has: the logarithm between 300 kb/s and the ceiling, as in
/// the measure `QoE_log` of "Neural Adaptive Video Streaming with Pensieve" (SIGCOMM 2017), after "BOLA"
/// (INFOCOM 2016).
pub(crate) fn worth(rate: Bitrate, ceiling: Bitrate) -> f64 {
    let rate = f64::from(rate.bps()).max(WORTHLESS);
    ((rate / WORTHLESS).ln() / (f64::from(ceiling.bps()) / WORTHLESS).ln()).min(1.0)
}

/// Later a picture is of no use: players of live streams hold about as much.
const LATEST: Duration = Duration::from_secs(2);
/// A picture that stands for longer is frozen.
const LONGEST_STANDING: Duration = Duration::from_millis(100);
/// In bits per second.
const WORTHLESS: f64 = 300_000.0;
