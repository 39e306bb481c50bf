//! Moblin: its "fight" law (fast settings) every 200 ms, on round trip and packets in flight.
//!
//! It is fed as its RTMP stream feeds it: packets in flight are the bytes that the server has not acknowledged, its
//! own queue included, in packets of 1400 bytes. Given to it: the bitrate starts at the ceiling, not at 1 Mb/s, the
//! server's acknowledgements take no time, and the round trip is the kernel's.

use std::{collections::VecDeque, time::Duration};

use skywave::units::{Bitrate, MediaTime};

use super::publisher::{Habits, Link};
use crate::simulation::{encoder::Packet, random::Random, whole, world::World};

#[derive(Debug)]
pub(crate) struct Moblin {
    target: f64,
    current_max: f64,
    average_round_trip: f64,
    fast_round_trip: f64,
    smooth_in_flight: f64,
    fast_in_flight: f64,
    next: MediaTime,
    taken: VecDeque<u64>,
}

impl Moblin {
    pub(crate) fn new(ceiling: Bitrate) -> Self {
        let target = f64::from(ceiling.bps());
        Self {
            target,
            current_max: target,
            average_round_trip: 0.0,
            fast_round_trip: 0.0,
            smooth_in_flight: 0.0,
            fast_in_flight: 0.0,
            next: MediaTime::ZERO,
            taken: VecDeque::new(),
        }
    }

    fn observe(&mut self, in_flight: f64, round_trip: f64) {
        let weight = if in_flight > self.smooth_in_flight {
            0.03
        } else {
            0.1
        };
        self.smooth_in_flight += weight * (in_flight - self.smooth_in_flight);
        self.fast_in_flight += 0.33 * (in_flight - self.fast_in_flight);
        if self.average_round_trip < 1.0 {
            self.average_round_trip = round_trip;
        }
        if self.average_round_trip > round_trip {
            self.average_round_trip = self.average_round_trip * 0.6 + round_trip * 0.4;
        } else if round_trip < 450.0 {
            self.average_round_trip = self.average_round_trip * 0.96 + round_trip * 0.04;
        } else {
            self.average_round_trip = self.average_round_trip * 0.96 + 450.0 * 0.001;
        }
        self.average_round_trip = self.average_round_trip.min(450.0);
        let weight = if self.fast_round_trip > round_trip {
            0.3
        } else {
            0.1
        };
        self.fast_round_trip += weight * (round_trip - self.fast_round_trip);
    }

    fn raise(&mut self, in_flight: f64) {
        let spike = (in_flight - self.smooth_in_flight).clamp(0.0, PACKETS_IN_FLIGHT);
        let is_calm = self.smooth_in_flight < PACKETS_IN_FLIGHT
            && self.fast_round_trip <= self.average_round_trip + 15.0
            && in_flight - self.smooth_in_flight < 10.0;
        if is_calm {
            self.current_max += MOST_RAISED * (PACKETS_IN_FLIGHT - spike) / PACKETS_IN_FLIGHT;
            self.current_max = self.current_max.min(self.target);
        }
    }

    fn lower(&mut self, round_trip: f64) {
        let too_much = [
            self.smooth_in_flight > 100.0,
            self.average_round_trip > HIGH_ROUND_TRIP,
            round_trip > self.average_round_trip + HIGH_SPIKE,
        ];
        for _ in too_much.iter().filter(|too_much| **too_much) {
            self.current_max -= (self.current_max * 0.1).max(250_000.0);
        }
    }

    /// The bitrate, limited by what the `transport` carries.
    fn decide(&mut self, transport: f64) -> f64 {
        let mut spike = (self.fast_in_flight - self.smooth_in_flight).trunc();
        if spike > PACKETS_IN_FLIGHT {
            self.current_max *= 0.95;
        }
        if spike <= PACKETS_IN_FLIGHT / 5.0 {
            spike = 0.0;
        }
        spike = spike.min(PACKETS_IN_FLIGHT);
        if spike >= PACKETS_IN_FLIGHT {
            self.current_max -= 500_000.0;
        }
        let most = (1.7 * transport).max(transport + 1_000_000.0);
        self.current_max = self.current_max.min(most).max(LOWEST);
        let ran_away = self.fast_in_flight - self.smooth_in_flight > 2.0 * PACKETS_IN_FLIGHT;
        if ran_away {
            return LOWEST;
        }
        (self.current_max * (PACKETS_IN_FLIGHT - spike) / PACKETS_IN_FLIGHT).max(LOWEST)
    }
}

impl Habits for Moblin {
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
        let ceiling = Bitrate::from_bps(u32::try_from(whole(self.target)).unwrap_or(u32::MAX));
        *self = Self::new(ceiling);
        world.encoder.set_rate(ceiling);
        self.next = world.clock();
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
        self.taken.push_back(link.taken);
        if self.taken.len() > SAMPLES_PER_SECOND + 1 {
            self.taken.pop_front();
        }
        if self.taken.len() <= SAMPLES_PER_SECOND {
            return;
        }
        let transport = (link.taken - self.taken[0]) as f64 * 8.0;
        // The server tells what it has only when another window is full.
        let untold = link.figures.acknowledged % ACK_WINDOW;
        let waiting = link.figures.in_flight + link.figures.unsent + link.queued + untold;
        let in_flight = waiting as f64 / PACKET_BYTES;
        let round_trip = link.figures.round_trip.as_secs_f64() * 1000.0;
        self.observe(in_flight, round_trip);
        self.raise(in_flight);
        self.lower(round_trip);
        let rate = self.decide(transport);
        let rate = u32::try_from(whole(rate)).unwrap_or(u32::MAX);
        world.encoder.set_rate(Bitrate::from_bps(rate));
    }
}

const INTERVAL: Duration = Duration::from_millis(200);
const SAMPLES_PER_SECOND: usize = 5;
/// The window that it asks the server to acknowledge, in bytes.
const ACK_WINDOW: u64 = 100_000;
const PACKET_BYTES: f64 = 1400.0;
const PACKETS_IN_FLIGHT: f64 = 200.0;
const MOST_RAISED: f64 = 100_000.0;
const LOWEST: f64 = 50_000.0;
/// In milliseconds; 250 for SRT. The average is kept below, so over RTMP it alone lowers nothing.
const HIGH_ROUND_TRIP: f64 = 500.0;
/// How far a round trip may stand above the average, in milliseconds; 50 for SRT.
const HIGH_SPIKE: f64 = 500.0;
