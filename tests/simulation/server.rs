//! The server: what it lets in, reads, holds and closes; and how a connection comes to be accepted by it.

use std::time::Duration;

use skywave::units::MediaTime;

use super::{network::Network, seconds};

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    /// From when on it reads nothing more from the connections it has, in seconds.
    pub(crate) stops_reading_at: Option<f64>,
    /// How long after a stream was accepted it closes the connection.
    pub(crate) closes_after: Option<Duration>,
    /// How long it keeps the name for a connection that was lost.
    pub(crate) holds_name_for: Duration,
    /// When nobody listens at its port, in seconds.
    pub(crate) down: Vec<(f64, f64)>,
}

/// The server's memory.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) habits: Habits,
    held_until: MediaTime,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The system knows no way.
    NoWay,
    /// Nobody listens there.
    Port,
    /// Somebody publishes under this name, most likely we ourselves.
    NameInUse,
}

impl Server {
    pub(crate) fn new(habits: Habits) -> Self {
        Self {
            habits,
            held_until: MediaTime::ZERO,
        }
    }

    pub(crate) fn is_down(&self, now: MediaTime) -> bool {
        let at = seconds(now);
        let down = &self.habits.down;
        down.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// A publisher went away without the server's noticing.
    pub(crate) fn on_lost(&mut self, now: MediaTime) {
        self.held_until = now + self.habits.holds_name_for;
    }

    /// That publisher's reset arrives.
    pub(crate) fn on_reset(&mut self, now: MediaTime) {
        self.held_until = now;
    }

    fn publish(&self, now: MediaTime) -> Result<(), Refusal> {
        if now < self.held_until {
            Err(Refusal::NameInUse)
        } else {
            Ok(())
        }
    }

    /// Whether it reads at `now` from what it accepted `then`.
    pub(crate) fn reads(&self, now: MediaTime, then: MediaTime) -> bool {
        self.habits
            .stops_reading_at
            .is_none_or(|at| seconds(now) < at || seconds(then) > at)
    }
}

/// A connection that is being made: TCP's handshake, RTMP's, and what publishing asks for, one answer after the
/// other. What is lost is sent again as TCP does it: the first segment after 1, 3, 7, ... s.
#[derive(Debug)]
pub(crate) struct Opening {
    step: u32,
    tries: u32,
    again_at: MediaTime,
    /// When what was said last was said first, and when the answer comes.
    said_at: MediaTime,
    answered_at: Option<MediaTime>,
    /// Whether the publisher speaks, now that TCP stands.
    pub(crate) speaks: bool,
}

impl Opening {
    pub(crate) fn new(now: MediaTime) -> Self {
        Self {
            step: 0,
            tries: 0,
            again_at: now,
            said_at: now,
            answered_at: None,
            speaks: false,
        }
    }

    /// Whether TCP stands, and the publisher has said nothing yet.
    pub(crate) fn is_connected(&self) -> bool {
        self.step > 0 && !self.speaks
    }

    /// The publisher begins to speak.
    pub(crate) fn speak(&mut self, now: MediaTime) {
        self.speaks = true;
        self.again_at = now;
        self.said_at = now;
    }

    /// For how long what was said has not been answered.
    pub(crate) fn quiet(&self, now: MediaTime) -> Duration {
        now.since(self.said_at)
    }

    /// Goes on; `Some` once it is decided.
    pub(crate) fn advance(
        &mut self,
        now: MediaTime,
        network: &mut Network,
        server: &Server,
    ) -> Option<Result<(), Refusal>> {
        if self.answered_at.is_some_and(|at| now >= at) {
            if server.is_down(now) {
                return Some(Err(Refusal::Port));
            }
            self.answered_at = None;
            self.step += 1;
            self.tries = 0;
            self.again_at = now;
            self.said_at = now;
            if self.step == STEPS {
                return Some(server.publish(now));
            }
        }
        if now >= self.again_at && !self.is_connected() {
            let no_way = !network.conditions.has_way(seconds(now));
            if no_way && self.step == 0 && self.tries == 0 {
                return Some(Err(Refusal::NoWay));
            }
            self.ask(now, network);
        }
        None
    }

    fn ask(&mut self, now: MediaTime, network: &mut Network) {
        let first = if self.step == 0 {
            FIRST_SEGMENT_REPEATED
        } else {
            SHORTEST_REPEAT + network.conditions.round_trip
        };
        self.again_at = now + first * 2_u32.pow(self.tries.min(6));
        self.tries += 1;
        let arrives = network.small_message(now);
        let answered = arrives.filter(|at| !network.conditions.is_out(seconds(*at)));
        if let Some(at) = answered {
            let at = at + network.half_way();
            self.answered_at = Some(self.answered_at.map_or(at, |earlier| earlier.min(at)));
        }
    }
}

/// TCP's handshake; C0 and C1; `connect`; `createStream`; `publish`.
const STEPS: u32 = 5;
const FIRST_SEGMENT_REPEATED: Duration = Duration::from_secs(1);
const SHORTEST_REPEAT: Duration = Duration::from_millis(200);
