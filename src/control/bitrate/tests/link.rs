//! A virtual uplink with its encoder: the queue as it is, a kernel with a small unsent buffer, TCP's window,
//! a network with a buffer and a round trip.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of a simulation, never negative and never large"
)]

use std::{collections::VecDeque, time::Duration};

use crate::{
    control::{
        backlog::{Backlog, Kind},
        bitrate::{Advice, BitrateControl, Change, LinkSample, Pace, RateLimits},
    },
    units::{Bitrate, MediaTime},
};

/// What is simulated.
pub(super) struct Scene {
    /// What the network carries in bits per second, at a time in seconds.
    pub(super) carries: fn(f64) -> f64,
    /// How much the network stores, in seconds of what it carries at most.
    pub(super) network_buffer: f64,
    pub(super) round_trip: f64,
    /// By how many seconds a round trip is longer by itself, at a time in seconds.
    pub(super) jitter: fn(f64) -> f64,
    /// The part of packets that is lost, at a time in seconds.
    pub(super) loss: fn(f64) -> f64,
    /// Which part of the ordered bitrate the picture needs, at a time in seconds.
    pub(super) motion: fn(f64) -> f64,
    pub(super) ceiling: u32,
    pub(super) floor: u32,
    /// How many times the mean a key frame is.
    pub(super) key_frame: f64,
    pub(super) fps: u64,
    pub(super) adaptive: bool,
    pub(super) tells_round_trip: bool,
    /// Of how many bytes at a time a server tells that they arrived; 1 for the kernel, which tells of each.
    pub(super) told_at_a_time: u64,
    pub(super) seconds: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            carries: |_| 6e6,
            network_buffer: 0.3,
            round_trip: 0.04,
            jitter: |_| 0.0,
            loss: |_| 0.0,
            motion: |_| 1.0,
            ceiling: 5_500,
            floor: 300,
            key_frame: 5.0,
            fps: 30,
            adaptive: true,
            tells_round_trip: true,
            told_at_a_time: 1,
            seconds: 90,
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) changes: Vec<(f64, Change)>,
    /// Time, own queue with what the kernel holds in seconds of media, network's delay, ordered, delivered.
    pub(super) ticks: Vec<Tick>,
    pub(super) frames: u64,
    pub(super) dropped: u64,
    pub(super) audio_dropped: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    /// The age of what leaves our computer.
    pub(super) own: f64,
    /// The age of what reaches the server.
    pub(super) age: f64,
    pub(super) video: u32,
    pub(super) pace: Pace,
    pub(super) acknowledged: u64,
    /// What could have been carried in this tick, at most what was to be sent at the ceiling, in bits.
    pub(super) possible: f64,
}

struct Packet {
    made: f64,
    bytes: f64,
}

const STEP: f64 = 0.005;
const SEGMENT: f64 = 1_448.0;
const AUDIO: f64 = 128_000.0;
const LOW_WATER: f64 = 65_536.0;
const ENCODER_LAG: usize = 30; // steps: 150 ms

struct Sender {
    inbox: Backlog<Packet>,
    /// In the kernel, not sent.
    unsent: VecDeque<Packet>,
    /// In the network's buffer.
    network: VecDeque<Packet>,
    /// On the way back, as acknowledgements: when and how many bytes.
    returning: VecDeque<(f64, f64)>,
    in_flight: f64,
    window: f64,
    /// Whether more would be on its way if the window allowed.
    window_is_full: bool,
    /// Whether the window still doubles.
    slow_start: bool,
    loss_until: f64,
    recovered_at: f64,
    acknowledged: f64,
    produced: f64,
    smoothed: f64,
    chance: u32,
}

impl Scene {
    pub(super) fn run(&self) -> Run {
        let limits = RateLimits {
            floor: Bitrate::from_kbps(self.floor),
            ceiling: Bitrate::from_kbps(self.ceiling),
            adaptive: self.adaptive,
        };
        let mut control = BitrateControl::new(limits, Bitrate::from_kbps(128));
        self.run_with(&mut control)
    }

    pub(super) fn run_with(&self, control: &mut BitrateControl) -> Run {
        let mut run = Run::default();
        let mut sender = Sender::new(self.round_trip);
        control.on_connected(MediaTime::ZERO);
        let mut orders = VecDeque::from(vec![control.advice(); ENCODER_LAG]);
        let mut frame = 0;
        let mut audio_until = 0.0;
        for step in 0..self.seconds * 200 {
            let t = step as f64 * STEP;
            orders.push_back(control.advice());
            let order = orders.pop_front().unwrap();
            while audio_until <= t {
                sender.put(audio_until, Kind::Audio, AUDIO / 8.0 * 0.02, &mut run);
                audio_until += 0.02;
            }
            while frame as f64 / self.fps as f64 <= t {
                self.encode(frame, order, &mut sender, &mut run);
                frame += 1;
            }
            let carries = (self.carries)(t);
            sender.fill_kernel();
            sender.transmit(t, carries, self);
            if step % 20 == 0 {
                let sample = sender.sample(t, self);
                let possible = AUDIO + f64::from(self.ceiling) * 1000.0 * (self.motion)(t);
                run.ticks.push(Tick {
                    at: t,
                    own: sender.own_age(t),
                    age: sender.age(t),
                    video: control.advice().video.kbps(),
                    pace: control.advice().pace,
                    acknowledged: sample.arrived,
                    possible: carries.min(possible) * 0.1,
                });
                if let Some(change) = control.observe(&sample) {
                    run.changes.push((t, change));
                }
            }
        }
        run
    }

    fn encode(&self, frame: u64, order: Advice, sender: &mut Sender, run: &mut Run) {
        let interval = self.fps * 2;
        let key = frame.is_multiple_of(interval);
        match order.pace {
            Pace::Half if !frame.is_multiple_of(2) => return,
            Pace::Still if !key => return,
            Pace::Full | Pace::Half | Pace::Still => {}
        }
        let t = frame as f64 / self.fps as f64;
        let rate = f64::from(order.video.bps()) * (self.motion)(t);
        let mean = rate / 8.0 / self.fps as f64;
        let rest = (interval as f64 - self.key_frame) / (interval as f64 - 1.0);
        let kind = if key {
            Kind::KeyFrame
        } else {
            Kind::Frame { disposable: false }
        };
        let wavering = 0.85 + 0.3 * sender.random();
        let bytes = if key {
            mean * self.key_frame
        } else {
            mean * rest * wavering
        };
        run.frames += 1;
        sender.put(t, kind, bytes, run);
    }
}

impl Sender {
    fn new(round_trip: f64) -> Self {
        Self {
            inbox: Backlog::new(Duration::from_secs(2)),
            unsent: VecDeque::new(),
            network: VecDeque::new(),
            returning: VecDeque::new(),
            in_flight: 0.0,
            window: 10.0 * SEGMENT,
            window_is_full: false,
            slow_start: true,
            loss_until: 0.0,
            recovered_at: 0.0,
            acknowledged: 0.0,
            produced: 0.0,
            smoothed: round_trip,
            chance: 12_345,
        }
    }

    /// From 0 to 1, the same in each run.
    fn random(&mut self) -> f64 {
        self.chance = self
            .chance
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        f64::from(self.chance >> 8) / f64::from(1 << 24)
    }

    fn put(&mut self, t: f64, kind: Kind, bytes: f64, run: &mut Run) {
        self.produced += bytes;
        let packet = Packet { made: t, bytes };
        if let Some(dropped) = self.inbox.push(time(t), kind, packet) {
            run.dropped += dropped.frames;
            run.audio_dropped += dropped.audio_blocks;
        }
    }

    fn fill_kernel(&mut self) {
        while bytes(&self.unsent) < LOW_WATER {
            let Some(packet) = self.inbox.pop() else {
                break;
            };
            self.unsent.push_back(packet);
        }
    }

    fn transmit(&mut self, t: f64, carries: f64, scene: &Scene) {
        // Acknowledgements come, and the window grows: doubled per round trip at first, then more slowly.
        while self.returning.front().is_some_and(|(at, _)| *at <= t) {
            let (_, acknowledged) = self.returning.pop_front().unwrap();
            self.acknowledged += acknowledged;
            if self.window_is_full {
                self.window += if self.slow_start {
                    acknowledged
                } else {
                    acknowledged / self.window * SEGMENT * 4.0
                };
            }
            self.in_flight -= acknowledged;
        }
        // The kernel sends what the window allows; the buffer that overflows halves it, nearly.
        let room = scene.network_buffer * carries.max(1e6) / 8.0;
        while self.in_flight < self.window && t >= self.loss_until {
            let Some(mut packet) = self.unsent.pop_front() else {
                break;
            };
            let part = packet.bytes.min(SEGMENT);
            if bytes(&self.network) + part > room {
                self.lose();
                self.loss_until = t + scene.round_trip;
                self.unsent.push_front(packet);
                break;
            }
            self.in_flight += part;
            self.network.push_back(Packet {
                made: packet.made,
                bytes: part,
            });
            packet.bytes -= part;
            if packet.bytes > 0.0 {
                self.unsent.push_front(packet);
            }
        }
        self.window_is_full = self.in_flight >= self.window && !self.unsent.is_empty();
        // The network carries its buffer's oldest.
        let mut budget = carries / 8.0 * STEP;
        let back_at = t + scene.round_trip + (scene.jitter)(t);
        while budget > 0.0 {
            let Some(packet) = self.network.front_mut() else {
                break;
            };
            let part = packet.bytes.min(budget);
            budget -= part;
            packet.bytes -= part;
            if packet.bytes <= 0.0 {
                self.network.pop_front();
            }
            let lost = self.random() < (scene.loss)(t) * part / SEGMENT;
            let last = self.returning.back().map_or(0.0, |(at, _)| *at);
            let mut at = back_at.max(last);
            if lost {
                // Sent again a round trip later; all behind it waits for that.
                at += scene.round_trip * 1.5;
                if t >= self.recovered_at {
                    self.lose();
                    self.recovered_at = t + scene.round_trip;
                }
            }
            self.returning.push_back((at, part));
        }
        let waits = bytes(&self.network) * 8.0 / carries.max(1e4);
        let round_trip = scene.round_trip + (scene.jitter)(t) + waits;
        self.smoothed += (round_trip - self.smoothed) / 16.0;
    }

    fn lose(&mut self) {
        self.window = (self.window * 0.7).max(4.0 * SEGMENT);
        self.slow_start = false;
    }

    fn sample(&self, t: f64, scene: &Scene) -> LinkSample {
        LinkSample {
            now: time(t),
            queue: self.inbox.duration(),
            unsent: bytes(&self.unsent) as u64,
            in_flight: self.in_flight as u64,
            arrived: self.acknowledged as u64 / scene.told_at_a_time * scene.told_at_a_time,
            produced: self.produced as u64,
            round_trip: scene
                .tells_round_trip
                .then(|| Duration::from_secs_f64(self.smoothed)),
        }
    }

    fn own_age(&self, t: f64) -> f64 {
        self.unsent.front().map_or(0.0, |packet| t - packet.made)
    }

    fn age(&self, t: f64) -> f64 {
        self.network
            .front()
            .map_or(self.own_age(t), |packet| t - packet.made)
    }
}

fn bytes(packets: &VecDeque<Packet>) -> f64 {
    packets.iter().map(|packet| packet.bytes).sum()
}

fn time(seconds: f64) -> MediaTime {
    MediaTime::from_nanos((seconds * 1e9).round() as u64)
}

impl Run {
    /// Which part of what was possible from `from` to `to` seconds was delivered.
    pub(super) fn share(&self, from: f64, to: f64) -> f64 {
        let ticks: Vec<_> = self.within(from, to).collect();
        let possible: f64 = ticks.iter().map(|tick| tick.possible).sum();
        let delivered = ticks[ticks.len() - 1].acknowledged - ticks[0].acknowledged;
        delivered as f64 * 8.0 / possible
    }

    /// The delay that `part` of the time is not exceeded, in seconds.
    pub(super) fn own_delay(&self, part: f64) -> f64 {
        quantile(self.ticks.iter().map(|tick| tick.own), part)
    }

    /// The same with what waits in the network.
    pub(super) fn age(&self, part: f64) -> f64 {
        quantile(self.ticks.iter().map(|tick| tick.age), part)
    }

    pub(super) fn dropped_part(&self) -> f64 {
        self.dropped as f64 / self.frames as f64
    }

    pub(super) fn changes_within(&self, from: f64, to: f64) -> usize {
        let changes = self.changes.iter();
        changes.filter(|(at, _)| (from..to).contains(at)).count()
    }

    /// The lowest and the highest order from `from` to `to` seconds, in kb/s.
    pub(super) fn orders(&self, from: f64, to: f64) -> (u32, u32) {
        let orders = || self.within(from, to).map(|tick| tick.video);
        (orders().min().unwrap(), orders().max().unwrap())
    }

    /// When, from `from` seconds on, at least `kbps` were ordered.
    pub(super) fn reaches(&self, kbps: u32, from: f64) -> Option<f64> {
        let mut ticks = self.ticks.iter();
        let found = ticks.find(|tick| tick.at >= from && tick.video >= kbps);
        found.map(|tick| tick.at)
    }

    pub(super) fn within(&self, from: f64, to: f64) -> impl Iterator<Item = &Tick> {
        let ticks = self.ticks.iter();
        ticks.filter(move |tick| (from..to).contains(&tick.at))
    }
}

fn quantile(values: impl Iterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part) as usize]
}
