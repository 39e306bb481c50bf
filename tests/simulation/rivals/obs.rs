//! OBS Studio: leaving out frames (the default), or its dynamic bitrate.

use std::{collections::VecDeque, time::Duration};

use skywave::{
    control::backlog::Kind,
    units::{Bitrate, MediaTime},
};

use super::publisher::{Habits, waiting};
use crate::simulation::{
    encoder::{Packet, SOUND_RATE},
    random::Random,
    world::World,
};

/// OBS as it comes: the bitrate stays, frames go.
#[derive(Debug, Default)]
pub(crate) struct Dropping {
    dropping: bool,
}

impl Habits for Dropping {
    fn patience(&self) -> Duration {
        SEND_TIMEOUT
    }

    fn connect_timeout(&self) -> Duration {
        CONNECT_TIMEOUT
    }

    fn pause(&mut self, attempt: u32, random: &mut Random) -> Option<Duration> {
        pause(attempt, random)
    }

    fn on_connected(&mut self, _world: &mut World) {
        self.dropping = false;
    }

    fn before_media(
        &mut self,
        _world: &mut World,
        queue: &mut VecDeque<Packet>,
        packet: &Packet,
    ) -> bool {
        if packet.kind == Kind::Audio {
            return true;
        }
        let waits = waiting(queue, packet.time, is_dependent);
        if queue.len() >= FEWEST_PACKETS && waits > DROP_AFTER {
            queue.retain(|packet| !is_dependent(packet));
            self.dropping = true;
        }
        self.dropping &= is_dependent(packet);
        !self.dropping
    }
}

/// OBS with "dynamically change bitrate": no frame goes.
#[derive(Debug)]
pub(crate) struct Dynamic {
    original: u32,
    /// In kb/s, as all of these.
    current: u32,
    previous: u32,
    estimate: u32,
    sent: VecDeque<(MediaTime, MediaTime, u64)>,
    raise_at: Option<MediaTime>,
}

impl Dynamic {
    pub(crate) fn new(ceiling: Bitrate) -> Self {
        Self {
            original: ceiling.kbps(),
            current: ceiling.kbps(),
            previous: 0,
            estimate: 0,
            sent: VecDeque::new(),
            raise_at: None,
        }
    }

    fn raise(&mut self, now: MediaTime) {
        self.previous = self.current;
        self.current = (self.current + self.original / 10).min(self.original);
        self.raise_at = (self.current < self.original).then_some(now + RAISE_INTERVAL);
    }

    fn lower(&mut self, now: MediaTime) {
        let lower = if self.estimate > 0 && self.estimate < self.current {
            self.sent.clear();
            (self.estimate / 100 * 100).max(LOWEST_KBPS)
        } else {
            self.previous
        };
        if lower > 0 && lower != self.current {
            self.previous = 0;
            self.current = lower;
            self.raise_at = Some(now + RAISE_INTERVAL);
        }
    }
}

impl Habits for Dynamic {
    fn patience(&self) -> Duration {
        SEND_TIMEOUT
    }

    fn connect_timeout(&self) -> Duration {
        CONNECT_TIMEOUT
    }

    fn pause(&mut self, attempt: u32, random: &mut Random) -> Option<Duration> {
        pause(attempt, random)
    }

    fn on_connected(&mut self, world: &mut World) {
        let original = self.original;
        *self = Self::new(Bitrate::from_kbps(original));
        world.encoder.set_rate(Bitrate::from_kbps(original));
    }

    fn before_media(
        &mut self,
        world: &mut World,
        queue: &mut VecDeque<Packet>,
        packet: &Packet,
    ) -> bool {
        if packet.kind == Kind::Audio {
            return true;
        }
        let now = world.clock();
        if self.raise_at.is_some_and(|at| now >= at) {
            self.raise(now);
        }
        let waits = waiting(queue, packet.time, is_dependent);
        if queue.len() >= FEWEST_PACKETS && waits >= TRIGGER {
            self.lower(now);
        }
        world.encoder.set_rate(Bitrate::from_kbps(self.current));
        true
    }

    fn on_sent(&mut self, packet: &Packet, from: MediaTime, to: MediaTime) {
        self.sent.push_back((from, to, packet.bytes));
        let first = self.sent.front().map_or(from, |(from, ..)| *from);
        let span = to.since(first);
        if span >= LONGEST_ESTIMATE {
            self.sent.pop_front();
        }
        let bytes = self.sent.iter().map(|(.., bytes)| bytes).sum();
        self.estimate = if span >= SHORTEST_ESTIMATE {
            let carried = Bitrate::from_bytes(bytes, span).kbps();
            carried.saturating_sub(SOUND_RATE.kbps()).max(LOWEST_KBPS)
        } else {
            0
        };
    }
}

fn is_dependent(packet: &Packet) -> bool {
    matches!(packet.kind, Kind::Frame { .. })
}

/// `libobs/obs-output.c`: exponential, with the defaults of the settings.
fn pause(attempt: u32, random: &mut Random) -> Option<Duration> {
    let factor = 1.5 + 0.05 * random.chance();
    let pause = FIRST_PAUSE.as_secs_f64() * factor.powi(i32::try_from(attempt).unwrap_or(64));
    (attempt < MOST_ATTEMPTS).then(|| Duration::from_secs_f64(pause).min(LONGEST_PAUSE))
}

const SEND_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(25);
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
const MOST_ATTEMPTS: u32 = 25;
/// The stage at 700 ms is for pictures that no other needs, which the encoder here does not make.
const DROP_AFTER: Duration = Duration::from_millis(900);
const FEWEST_PACKETS: usize = 5;
const TRIGGER: Duration = Duration::from_millis(200);
const RAISE_INTERVAL: Duration = Duration::from_secs(4);
const SHORTEST_ESTIMATE: Duration = Duration::from_secs(1);
const LONGEST_ESTIMATE: Duration = Duration::from_secs(2);
const LOWEST_KBPS: u32 = 50;
