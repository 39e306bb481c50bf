//! What the rivals have in common: one connection at a time, a queue before it, retries on a fixed plan.

use std::{collections::VecDeque, time::Duration};

use skywave::{control::backlog::Kind, units::MediaTime};

use crate::simulation::{
    encoder::Packet,
    random::Random,
    tcp::Figures,
    world::{Law, State, World},
};

/// What makes each of them different.
pub(crate) trait Habits {
    /// How long nothing may be acknowledged, before the connection is given up.
    fn patience(&self) -> Duration;
    /// How long an attempt may take.
    fn connect_timeout(&self) -> Duration;
    /// How long after the `attempt`th failure in a row, from 0, the next attempt starts; `None` for never.
    fn pause(&mut self, attempt: u32, random: &mut Random) -> Option<Duration>;
    /// A connection stands.
    fn on_connected(&mut self, _world: &mut World) {}
    /// Before `packet` is put into the `queue`; says whether it shall be.
    fn before_media(
        &mut self,
        world: &mut World,
        queue: &mut VecDeque<Packet>,
        packet: &Packet,
    ) -> bool;
    /// The socket took all of `packet` between two times.
    fn on_sent(&mut self, _packet: &Packet, _from: MediaTime, _to: MediaTime) {}
    /// Time goes on, with what is known of the connection.
    fn on_tick(&mut self, _world: &mut World, _link: &Link) {}
}

/// A connection, as a rival sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) figures: Figures,
    /// Bytes in the rival's own queue.
    pub(crate) queued: u64,
    /// Bytes given to the connection so far, and taken by its kernel.
    pub(crate) taken: u64,
}

/// A rival at work.
#[derive(Debug)]
pub(crate) struct Rival<H> {
    habits: H,
    queue: VecDeque<Packet>,
    phase: Phase,
    failures: u32,
    /// What is being written, and since when.
    writing: Option<(Packet, MediaTime)>,
    acknowledged: u64,
    /// When something was last acknowledged, or nothing waited for it.
    progress_at: MediaTime,
    started: bool,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Waiting { until: MediaTime },
    Connecting { id: u64, since: MediaTime },
    Publishing { id: u64 },
    GivenUp,
}

impl<H: Habits> Rival<H> {
    pub(crate) fn new(habits: H) -> Self {
        Self {
            habits,
            queue: VecDeque::new(),
            phase: Phase::Waiting {
                until: MediaTime::ZERO,
            },
            failures: 0,
            writing: None,
            acknowledged: 0,
            progress_at: MediaTime::ZERO,
            started: false,
            random: Random::new(11),
        }
    }

    fn failed(&mut self, world: &mut World, id: u64) {
        world.abort(id);
        self.queue.clear();
        self.writing = None;
        self.started = false;
        let now = world.clock();
        self.phase = match self.habits.pause(self.failures, &mut self.random) {
            Some(pause) => Phase::Waiting { until: now + pause },
            None => Phase::GivenUp,
        };
        self.failures += 1;
    }

    fn publish(&mut self, world: &mut World, id: u64) {
        let now = world.clock();
        let Some((given, figures)) = world.figures(id) else {
            self.failed(world, id); // closed by the server
            return;
        };
        let taken = figures.acknowledged + figures.in_flight + figures.unsent;
        if figures.acknowledged != self.acknowledged || given == figures.acknowledged {
            self.acknowledged = figures.acknowledged;
            self.progress_at = now;
        }
        if now.since(self.progress_at) >= self.habits.patience() {
            self.failed(world, id);
            return;
        }
        while world.is_idle(id) {
            if let Some((packet, since)) = self.writing.take() {
                self.habits.on_sent(&packet, since, now);
            }
            let Some(packet) = self.queue.pop_front() else {
                break;
            };
            world.send(id, packet);
            self.writing = Some((packet, now));
        }
        let link = Link {
            figures,
            queued: self.queue.iter().map(|packet| packet.bytes).sum::<u64>() + given - taken,
            taken,
        };
        self.habits.on_tick(world, &link);
    }
}

impl<H: Habits> Law for Rival<H> {
    fn media(&mut self, world: &mut World, packet: Packet) {
        if !matches!(self.phase, Phase::Publishing { .. }) {
            return;
        }
        self.started |= packet.kind == Kind::KeyFrame;
        if self.started && self.habits.before_media(world, &mut self.queue, &packet) {
            self.queue.push_back(packet);
        }
    }

    fn tick(&mut self, world: &mut World) {
        let now = world.clock();
        match self.phase {
            Phase::GivenUp => {}
            Phase::Waiting { until } if now < until => {}
            Phase::Waiting { .. } => {
                let id = world.connect(None);
                self.phase = Phase::Connecting { id, since: now };
            }
            Phase::Connecting { id, since } => match world.state(id) {
                State::Accepted => {
                    self.phase = Phase::Publishing { id };
                    self.failures = 0;
                    self.acknowledged = 0;
                    self.progress_at = now;
                    world.encoder.want_key_frame();
                    self.habits.on_connected(world);
                }
                State::Connected => world.speak(id),
                State::Connecting if now.since(since) < self.habits.connect_timeout() => {}
                State::Connecting | State::Refused(_) | State::Closed => self.failed(world, id),
            },
            Phase::Publishing { id } => self.publish(world, id),
        }
    }

    fn is_green(&self) -> bool {
        matches!(self.phase, Phase::Publishing { .. })
    }

    fn queue(&self) -> Duration {
        let newest = self
            .queue
            .back()
            .map_or(MediaTime::ZERO, |packet| packet.time);
        waiting(&self.queue, newest, |_| true)
    }
}

/// How much media waits in `queue`, up to `newest`, from the first packet on that `counts`.
pub(crate) fn waiting(
    queue: &VecDeque<Packet>,
    newest: MediaTime,
    counts: impl Fn(&Packet) -> bool,
) -> Duration {
    let first = queue.iter().find(|packet| counts(packet));
    first.map_or(Duration::ZERO, |packet| newest.since(packet.time))
}
