//! Flash Media Live Encoder 3.2 with auto-adjust on: "degrade quality", and "drop frames" at the lowest bitrate.
//!
//! Its help says what it does ("reducing the bit rate until data can be streamed without exceeding the specified
//! RTMP buffer size"), not how fast. Assumed: to 75 % once a second while the buffer is over its limit, and back by
//! a tenth every 4 s when it is empty, as OBS does.

use std::{collections::VecDeque, time::Duration};

use skywave::{
    control::backlog::Kind,
    units::{Bitrate, MediaTime},
};

use super::publisher::{Habits, waiting};
use crate::simulation::{encoder::Packet, random::Random, world::World};

#[derive(Debug)]
pub(crate) struct Fmle {
    ceiling: Bitrate,
    current: Bitrate,
    changed_at: MediaTime,
    dropping: bool,
}

impl Fmle {
    pub(crate) fn new(ceiling: Bitrate) -> Self {
        Self {
            ceiling,
            current: ceiling,
            changed_at: MediaTime::ZERO,
            dropping: false,
        }
    }

    fn adjust(&mut self, now: MediaTime, waits: Duration) {
        let since = now.since(self.changed_at);
        let (from, to) = (self.current.bps(), self.ceiling.bps());
        let next = if waits > MOST_BUFFERED && since >= LOWER_INTERVAL {
            (from / 4 * 3).max(LOWEST.bps())
        } else if waits < EMPTY && since >= RAISE_INTERVAL {
            (from + to / 10).min(to)
        } else {
            return;
        };
        self.current = Bitrate::from_bps(next);
        self.changed_at = now;
    }
}

impl Habits for Fmle {
    fn patience(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn connect_timeout(&self) -> Duration {
        Duration::from_secs(20)
    }

    fn pause(&mut self, _attempt: u32, _random: &mut Random) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }

    fn on_connected(&mut self, world: &mut World) {
        *self = Self::new(self.ceiling);
        world.encoder.set_rate(self.ceiling);
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
        let waits = waiting(queue, packet.time, |_| true);
        self.adjust(world.clock(), waits);
        world.encoder.set_rate(self.current);
        if waits > MOST_BUFFERED && self.current == LOWEST {
            queue.retain(|packet| !matches!(packet.kind, Kind::Frame { .. }));
            self.dropping = true;
        }
        self.dropping &= packet.kind != Kind::KeyFrame;
        !self.dropping
    }
}

/// `maxbuffersize` of its profiles.
const MOST_BUFFERED: Duration = Duration::from_secs(1);
/// The usual profile's minimum.
const LOWEST: Bitrate = Bitrate::from_kbps(300);
const EMPTY: Duration = Duration::from_millis(100);
const LOWER_INTERVAL: Duration = Duration::from_secs(1);
const RAISE_INTERVAL: Duration = Duration::from_secs(4);
