//! Our publisher: the decisions of `skywave::control`, and glue.
//!
//! The glue mirrors `skywave::net::publisher`, which does the same with sockets and threads:
//!
//! | here | there |
//! |---|---|
//! | [`Ours::media`] | `net::inbox`: pictures from the first key frame on, [`Backlog`] decides what goes |
//! | [`Ours::send`] | one packet at a time, and only when the socket took the last one |
//! | [`Ours::look`] | ten times a second: [`Watchdog`], [`BitrateControl`] |
//! | [`Ours::attend_to_attempts`] | attempts may overlap, the first to be accepted is taken |
//! | [`MOST_UNSENT_BYTES`], [`CONNECT_TIMEOUT`] | `net::connect` |

use std::time::Duration;

use skywave::{
    control::{
        backlog::{Backlog, Kind},
        bitrate::{BitrateControl, LinkSample, RateLimits},
        watchdog::Watchdog,
    },
    units::{Bitrate, MediaTime},
};

use super::{
    encoder::{Packet, SOUND_RATE},
    random::Random,
    world::{Law, State, World},
};

/// Our publisher.
#[derive(Debug)]
pub(crate) struct Ours {
    inbox: Backlog<Packet>,
    phase: Phase,
    carrier: Option<Carrier>,
    attempts: Vec<(u64, MediaTime)>,
    next_attempt: MediaTime,
    control: BitrateControl,
    green: bool,
    next_look: MediaTime,
    random: Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Starting,
    Open,
}

/// The connection that carries the stream.
#[derive(Debug)]
struct Carrier {
    id: u64,
    watchdog: Watchdog,
    produced: u64,
}

impl Ours {
    pub(crate) fn new(ceiling: Bitrate) -> Self {
        let limits = RateLimits {
            floor: FLOOR,
            ceiling,
            adaptive: true,
        };
        Self {
            inbox: Backlog::new(QUEUE_LIMIT),
            phase: Phase::Closed,
            carrier: None,
            attempts: Vec::new(),
            next_attempt: MediaTime::ZERO,
            control: BitrateControl::new(limits, SOUND_RATE),
            green: false,
            next_look: MediaTime::ZERO,
            random: Random::new(7),
        }
    }

    fn attend_to_attempts(&mut self, world: &mut World) {
        let now = world.clock();
        if self.carrier.is_some() {
            return;
        }
        if now >= self.next_attempt {
            let id = world.connect(Some(MOST_UNSENT_BYTES));
            self.attempts.push((id, now));
            self.next_attempt = now + Duration::from_secs(1).mul_f64(0.9 + 0.2 * self.random.chance());
        }
        let accepted = self
            .attempts
            .iter()
            .map(|(id, _)| *id)
            .find(|id| world.state(*id) == State::Accepted);
        if let Some(id) = accepted {
            for (other, _) in self.attempts.drain(..).filter(|(other, _)| *other != id) {
                world.abort(other);
            }
            self.begin(world, id);
            return;
        }
        self.attempts.retain(|(id, begun)| {
            let goes_on = world.state(*id) == State::Connecting && now.since(*begun) < CONNECT_TIMEOUT;
            if !goes_on {
                world.abort(*id);
            }
            goes_on
        });
    }

    fn begin(&mut self, world: &mut World, id: u64) {
        self.inbox.clear();
        self.phase = Phase::Starting;
        world.encoder.want_key_frame();
        self.control.on_connected(world.clock());
        self.order(world);
        self.carrier = Some(Carrier {
            id,
            watchdog: Watchdog::new(0),
            produced: world.produced,
        });
    }

    fn lost(&mut self, world: &mut World) {
        if let Some(carrier) = self.carrier.take() {
            world.abort(carrier.id);
        }
        self.green = false;
        self.inbox.clear();
        self.phase = Phase::Closed;
        self.next_attempt = world.clock();
    }

    fn send(&mut self, world: &mut World) {
        let Some(carrier) = &self.carrier else { return };
        while world.is_idle(carrier.id) {
            let Some(packet) = self.inbox.pop() else { return };
            world.send(carrier.id, packet);
        }
    }

    fn look(&mut self, world: &mut World) {
        let now = world.clock();
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_INTERVAL;
        let Some(carrier) = &mut self.carrier else { return };
        let Some((given, figures)) = world.figures(carrier.id) else { return };
        let pending = given > figures.acknowledged;
        let dead = carrier.watchdog.observe(now, figures.acknowledged, pending);
        if dead.is_some() {
            self.lost(world);
            return;
        }
        self.green |= figures.acknowledged > 0;
        let sample = LinkSample {
            now,
            queue: self.inbox.duration(),
            unsent: given - figures.acknowledged - figures.in_flight,
            in_flight: figures.in_flight,
            acknowledged: figures.acknowledged,
            produced: world.produced - carrier.produced,
            round_trip: Some(figures.round_trip),
        };
        if self.control.observe(&sample).is_some() {
            self.order(world);
        }
    }

    fn order(&self, world: &mut World) {
        let advice = self.control.advice();
        world.encoder.set_rate(advice.video);
        world.encoder.set_pace(advice.pace);
    }
}

impl Law for Ours {
    fn media(&mut self, world: &mut World, packet: Packet) {
        match (self.phase, packet.kind) {
            (Phase::Open, _) | (Phase::Starting, Kind::Audio) => {}
            (Phase::Starting, Kind::KeyFrame) => self.phase = Phase::Open,
            (Phase::Closed, _) | (Phase::Starting, Kind::Frame { .. }) => return,
        }
        let dropped = self.inbox.push(packet.time, packet.kind, packet);
        if dropped.is_some_and(|dropped| dropped.want_key_frame) {
            world.encoder.want_key_frame();
        }
        self.send(world);
    }

    fn tick(&mut self, world: &mut World) {
        let closed = |carrier: &Carrier| world.state(carrier.id) == State::Closed;
        if self.carrier.as_ref().is_some_and(closed) {
            self.lost(world);
        }
        self.attend_to_attempts(world);
        self.send(world);
        self.look(world);
    }

    fn is_green(&self) -> bool {
        self.green
    }

    fn size(&self) -> usize {
        self.attempts.len() + usize::from(!self.inbox.is_empty())
    }
}

const FLOOR: Bitrate = Bitrate::from_kbps(300);
const QUEUE_LIMIT: Duration = Duration::from_secs(2);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const MOST_UNSENT_BYTES: u64 = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
