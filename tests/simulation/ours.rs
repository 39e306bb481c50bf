//! Our publisher: the decisions of `skywave::control`, and glue.
//!
//! The glue mirrors `skywave::net::publisher`, which does the same with sockets and threads:
//!
//! | here | there |
//! |---|---|
//! | [`Ours::media`] | `net::inbox`: pictures from the first key frame on, [`Backlog`] decides what goes |
//! | [`Ours::send`] | one packet at a time, and only when the socket took the last one |
//! | [`Ours::look`] | ten times a second: [`Watchdog`], [`BitrateControl`] |
//! | [`Ours::attempt`] | [`Attempts`] says which connection starts, speaks and is given up |
//! | [`Ours::look_at_encoder`] | [`Obedience`], which the engine asks |
//! | [`Ours::feel`] | the network comes and goes, the computer wakes: noticed at once |
//! | [`CONNECT_TIMEOUT`] | `net::connect` |
//! | [`Ours::most_unsent`] | `net::publisher::link`: 100 ms of picture and sound wait in the kernel |

use std::{collections::BTreeMap, time::Duration};

use skywave::{
    control::{
        attempts::{Action, AttemptId, Attempts, Quiet},
        backlog::{Backlog, Kind},
        bitrate::{BitrateControl, LinkSample, RateLimits},
        obedience::{EncoderSample, Obedience, Verdict},
        reconnect::Trouble,
        wake::{Clocks, SleepWatch},
        watchdog::Watchdog,
    },
    units::{Bitrate, MediaTime},
};

use super::{
    encoder::{Packet, SOUND_RATE},
    random::Random,
    server::Refusal,
    world::{Law, State, World},
};

/// What the system tells of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    All,
    /// Nothing: only the server tells what arrived, each time so many bytes more did.
    AfterBytes(u64),
}

/// Our publisher.
#[derive(Debug)]
pub(crate) struct Ours {
    ceiling: Bitrate,
    told: Told,
    inbox: Backlog<Packet>,
    phase: Phase,
    carrier: Option<Carrier>,
    attempts: Attempts,
    /// The connections of attempts under way, and when each began.
    approaching: BTreeMap<AttemptId, (u64, MediaTime)>,
    control: BitrateControl,
    obedience: Obedience,
    /// When the encoder was first told to make less, and when people were told that it does not.
    pub(crate) lowered_at: Option<MediaTime>,
    pub(crate) named_at: Option<MediaTime>,
    green: bool,
    next_look: MediaTime,
    /// A connection that was left on a dead way, to be reset when there is one again.
    remains: Option<u64>,
    had_way: bool,
    sleep: SleepWatch,
    next_feel: MediaTime,
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
    /// What the encoders had made when it began.
    produced: u64,
}

impl Ours {
    pub(crate) fn new(ceiling: Bitrate, told: Told) -> Self {
        let limits = RateLimits {
            floor: FLOOR,
            ceiling,
            adaptive: true,
        };
        let mut obedience = Obedience::default();
        obedience.order(MediaTime::ZERO, ceiling);
        Self {
            ceiling,
            told,
            inbox: Backlog::new(QUEUE_LIMIT),
            phase: Phase::Closed,
            carrier: None,
            attempts: Attempts::new(MediaTime::ZERO, None),
            approaching: BTreeMap::new(),
            control: BitrateControl::new(limits, SOUND_RATE),
            obedience,
            lowered_at: None,
            named_at: None,
            green: false,
            next_look: MediaTime::ZERO,
            remains: None,
            had_way: true,
            sleep: SleepWatch::new(START),
            next_feel: MediaTime::ZERO,
            random: Random::new(7),
        }
    }

    /// How many bytes the kernel may keep that are not on their way yet.
    fn most_unsent(&self) -> u64 {
        let bytes = self.ceiling.bytes_in(MOST_UNSENT) + SOUND_RATE.bytes_in(MOST_UNSENT);
        bytes.clamp(LEAST_UNSENT_BYTES, MOST_UNSENT_BYTES)
    }

    /// Does what [`Attempts`] wants done, until a stream is accepted.
    fn attempt(&mut self, world: &mut World) {
        if self.carrier.is_some() {
            return;
        }
        self.hear(world);
        let now = world.clock();
        while let Some(action) = self.attempts.poll(now, self.random.chance()) {
            match action {
                Action::Start { id, .. } => {
                    let connection = world.connect(Some(self.most_unsent()));
                    self.approaching.insert(id, (connection, now));
                }
                Action::Speak(id) => {
                    if let Some((connection, _)) = self.approaching.get(&id) {
                        world.speak(*connection);
                    }
                }
                Action::Abandon(id) => {
                    if let Some((connection, _)) = self.approaching.remove(&id) {
                        world.abort(connection);
                    }
                }
                Action::GiveUp => return,
            }
        }
        let attempts = &self.attempts;
        self.approaching.retain(|id, (connection, _)| {
            let goes_on = attempts.is_running(*id);
            if !goes_on {
                world.abort(*connection);
            }
            goes_on
        });
    }

    /// Tells [`Attempts`] what became of those under way.
    fn hear(&mut self, world: &mut World) {
        let now = world.clock();
        let approaching: Vec<_> = self
            .approaching
            .iter()
            .map(|(id, one)| (*id, *one))
            .collect();
        for (id, (connection, begun)) in approaching {
            let quiet = world.quiet(connection);
            let trouble = match world.state(connection) {
                State::Accepted => {
                    self.begin(world, connection);
                    return;
                }
                State::Connected => {
                    self.attempts.on_connected(id);
                    if let Some(remains) = self.remains.take() {
                        world.abort(remains);
                    }
                    continue;
                }
                State::Connecting if world.is_spoken_to(connection) && quiet < REPLY_TIMEOUT => {
                    self.attempts.on_look(Quiet::Unacknowledged(quiet));
                    continue;
                }
                State::Connecting if now.since(begun) < CONNECT_TIMEOUT => continue,
                State::Refused(Refusal::NameInUse) => Trouble::NameInUse,
                State::Connecting | State::Refused(_) | State::Closed => Trouble::Link,
            };
            self.approaching.remove(&id);
            world.abort(connection);
            self.attempts
                .on_failed(id, now, trouble, self.random.chance());
        }
    }

    fn begin(&mut self, world: &mut World, id: u64) {
        self.attempts.on_accepted();
        for (connection, _) in std::mem::take(&mut self.approaching).into_values() {
            if connection != id {
                world.abort(connection);
            }
        }
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
        let Some(carrier) = self.carrier.take() else {
            return;
        };
        let now = world.clock();
        if world.state(carrier.id) == State::Closed {
            world.abort(carrier.id);
        } else {
            world.leave(carrier.id);
            self.remains = Some(carrier.id);
        }
        self.attempts
            .on_lost(now, Trouble::Link, self.random.chance());
        self.green = false;
        self.inbox.clear();
        self.phase = Phase::Closed;
    }

    /// Notices what the system tells of the network, at once, and of sleep, once a second.
    fn feel(&mut self, world: &mut World) {
        let now = world.clock();
        let has_way = world.has_way();
        if self.had_way && !has_way {
            self.lost(world);
        }
        if !self.had_way && has_way {
            self.attempts.hurry(now);
        }
        self.had_way = has_way;
        if now < self.next_feel {
            return;
        }
        self.next_feel = now + FEEL_INTERVAL;
        let (total, can_be_set) = world.sleepless_clock();
        let slept = self.sleep.observe(Clocks {
            awake: now.since(MediaTime::ZERO),
            total: total.since(MediaTime::ZERO),
            can_be_set,
        });
        if slept.is_some_and(|slept| slept.is_sure && slept.was_long()) {
            self.lost(world);
            self.attempts.hurry(now);
        }
    }

    fn send(&mut self, world: &mut World) {
        let Some(carrier) = &self.carrier else { return };
        while world.is_idle(carrier.id) {
            let Some(packet) = self.inbox.pop() else {
                return;
            };
            world.send(carrier.id, packet);
        }
    }

    fn look(&mut self, world: &mut World) {
        let now = world.clock();
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_INTERVAL;
        self.look_at_encoder(world);
        let Some(carrier) = &mut self.carrier else {
            return;
        };
        let Some((given, figures)) = world.figures(carrier.id) else {
            return;
        };
        let arrived = match self.told {
            Told::All => figures.acknowledged + figures.early,
            Told::AfterBytes(bytes) => figures.acknowledged / bytes * bytes,
        };
        let pending = given > figures.acknowledged;
        let dead = carrier.watchdog.observe(now, figures.acknowledged, pending);
        if dead.is_some() {
            self.lost(world);
            return;
        }
        if figures.acknowledged > 0 && !self.green {
            self.green = true;
            self.attempts.on_live(now);
        }
        let told = self.told == Told::All;
        let in_kernel = given - figures.acknowledged - figures.in_flight;
        let sample = LinkSample {
            now,
            queue: self.inbox.duration(),
            unsent: if told {
                in_kernel
            } else {
                in_kernel - figures.unsent // what the socket did not take
            },
            in_flight: if told { figures.in_flight } else { 0 },
            arrived,
            produced: world.produced - carrier.produced,
            round_trip: told.then_some(figures.round_trip),
        };
        if self.control.observe(&sample).is_some() {
            self.order(world);
        }
    }

    fn look_at_encoder(&mut self, world: &World) {
        let now = world.clock();
        let sample = EncoderSample {
            now,
            given: world.encoder.made,
            made: world.encoder.made,
            bytes: world.encoder.bytes,
        };
        if let Some(Verdict::Exceeds { .. }) = self.obedience.observe(&sample) {
            self.named_at.get_or_insert(now);
        }
    }

    fn order(&mut self, world: &mut World) {
        let advice = self.control.advice();
        let now = world.clock();
        self.obedience.order(now, advice.video);
        if advice.video < self.ceiling {
            self.lowered_at.get_or_insert(now);
        }
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
        self.feel(world);
        let closed = |carrier: &Carrier| world.state(carrier.id) == State::Closed;
        if self.carrier.as_ref().is_some_and(closed) {
            self.lost(world);
        }
        self.attempt(world);
        self.send(world);
        self.look(world);
    }

    fn is_green(&self) -> bool {
        self.green
    }

    fn queue(&self) -> Duration {
        self.inbox.duration()
    }
}

pub(crate) const FLOOR: Bitrate = Bitrate::from_kbps(300);
const QUEUE_LIMIT: Duration = Duration::from_secs(2);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const MOST_UNSENT: Duration = Duration::from_millis(100);
const LEAST_UNSENT_BYTES: u64 = 16 * 1024;
const MOST_UNSENT_BYTES: u64 = 128 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the clocks show before anything was seen of them: the first look tells of nothing yet.
const START: Clocks = Clocks {
    awake: Duration::ZERO,
    total: Duration::ZERO,
    can_be_set: false,
};
const FEEL_INTERVAL: Duration = Duration::from_secs(1);
