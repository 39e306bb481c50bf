//! `HaishinKit`: once a second; a queue that grew three times in a row lowers the bitrate to what went out, 15 good
//! seconds raise it by a tenth.
//!
//! The snapshot that was read computes the lower bitrate and does not apply it; here it is applied.

use std::{collections::VecDeque, time::Duration};

use skywave::units::{Bitrate, MediaTime};

use super::publisher::{Habits, Link};
use crate::simulation::{
    encoder::{Packet, SOUND_RATE},
    random::Random,
    world::World,
};

#[derive(Debug)]
pub(crate) struct HaishinKit {
    ceiling: Bitrate,
    current: Bitrate,
    next: MediaTime,
    queued: VecDeque<u64>,
    taken: u64,
    good: u32,
}

impl HaishinKit {
    pub(crate) fn new(ceiling: Bitrate) -> Self {
        Self {
            ceiling,
            current: ceiling,
            next: MediaTime::ZERO,
            queued: VecDeque::new(),
            taken: 0,
            good: 0,
        }
    }

    fn lower(&mut self, out: Bitrate) {
        let rate = out.bps().saturating_sub(SOUND_RATE.bps());
        let rate = rate.clamp(self.ceiling.bps() / 10, self.ceiling.bps());
        self.current = Bitrate::from_bps(rate);
        self.good = 0;
    }

    fn raise(&mut self) {
        if self.good < GOOD_SECONDS {
            self.good += 1;
            return;
        }
        let rate = self.current.bps() + self.ceiling.bps() / 10;
        self.current = Bitrate::from_bps(rate.min(self.ceiling.bps()));
        self.good = 0;
    }
}

impl Habits for HaishinKit {
    fn patience(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn connect_timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn pause(&mut self, _attempt: u32, _random: &mut Random) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }

    fn on_connected(&mut self, world: &mut World) {
        *self = Self::new(self.ceiling);
        world.encoder.set_rate(self.ceiling);
        self.next = world.clock() + INTERVAL;
    }

    fn before_media(
        &mut self,
        _world: &mut World,
        _queue: &mut VecDeque<Packet>,
        _packet: &Packet,
    ) -> bool {
        true
    }

    fn on_tick(&mut self, world: &mut World, link: &Link) {
        let now = world.clock();
        if now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        let out = Bitrate::from_bytes(link.taken - self.taken, INTERVAL);
        self.taken = link.taken;
        self.queued.push_back(link.queued);
        if self.queued.len() > SAMPLES {
            self.queued.pop_front();
        }
        let mut pairs = self.queued.iter().zip(self.queued.iter().skip(1));
        let grows = self.queued.len() == SAMPLES && pairs.all(|(before, after)| before < after);
        if grows {
            self.lower(out);
            self.queued.clear();
        } else {
            self.raise();
        }
        world.encoder.set_rate(self.current);
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
const SAMPLES: usize = 3;
const GOOD_SECONDS: u32 = 15;
