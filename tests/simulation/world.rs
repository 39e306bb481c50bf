//! The virtual world that a publisher lives in: its clock, its encoder, its sockets, the way and the server.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use skywave::units::{FrameRate, MediaTime};

use super::{
    encoder::{Encoder, Format, Packet, SOUNDS_PER_SECOND},
    network::{Conditions, Network},
    random::Random,
    seconds,
    server::{Habits, Opening, Refusal, Server},
    tcp::{Figures, Tcp},
    viewers::Viewers,
};

/// A publisher's way to do things, ours or a rival's.
pub(crate) trait Law {
    /// The encoders made `packet`.
    fn media(&mut self, world: &mut World, packet: Packet);
    /// Time went on by [`STEP`].
    fn tick(&mut self, world: &mut World);
    /// Whether people are told that the stream is live.
    fn is_green(&self) -> bool;
    /// How much media it keeps waiting.
    fn queue(&self) -> Duration;
}

/// All there is.
#[derive(Debug)]
pub(crate) struct World {
    now: MediaTime,
    slept: Duration,
    sleep: Option<Sleep>,
    steps: Vec<ClockStep>,
    network: Network,
    server: Server,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    pub(crate) encoder: Encoder,
    pub(crate) viewers: Viewers,
    pictures_per_second: u32,
    pictures: u64,
    sounds: u64,
    /// When the server closed a connection, in seconds.
    pub(crate) closings: Vec<f64>,
    /// How often a stream that was accepted was given up or lost.
    pub(crate) disconnects: u64,
    /// Since the publisher last asked: bytes made.
    pub(crate) produced: u64,
}

/// The computer sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleep {
    /// In seconds.
    pub(crate) at: f64,
    pub(crate) lasts: Duration,
}

/// Somebody sets the computer's clock, as far as `by` seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockStep {
    pub(crate) at: f64,
    pub(crate) by: i64,
}

#[derive(Debug)]
enum Connection {
    Opening(Opening, Option<u64>),
    Refused(Refusal),
    Accepted(Box<Stream>),
    /// The publisher left it on a way that is dead, and could still reset it.
    Left,
    Closed,
}

/// A connection whose stream was accepted.
#[derive(Debug)]
struct Stream {
    tcp: Tcp,
    accepted_at: MediaTime,
    /// What was given to it and not read by the server yet, with its place behind the end.
    messages: VecDeque<(u64, Packet)>,
    given: u64,
    closes_at: Option<MediaTime>,
    /// Whether the way has forgotten it.
    orphaned: bool,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Connecting,
    /// TCP stands; the publisher may [`World::speak`].
    Connected,
    Accepted,
    Refused(Refusal),
    /// The server closed it.
    Closed,
}

impl World {
    pub(crate) fn new(
        conditions: Conditions,
        habits: Habits,
        sleep: Option<Sleep>,
        steps: Vec<ClockStep>,
        format: Format,
        seed: u64,
    ) -> Self {
        Self {
            now: MediaTime::ZERO,
            slept: Duration::ZERO,
            sleep,
            steps,
            network: Network::new(conditions, Random::new(seed)),
            server: Server::new(habits),
            connections: BTreeMap::new(),
            next_connection: 0,
            encoder: Encoder::new(format, Random::new(seed + 1)),
            viewers: Viewers::default(),
            pictures_per_second: format.per_second,
            pictures: 0,
            sounds: 0,
            closings: Vec::new(),
            disconnects: 0,
            produced: 0,
        }
    }

    /// What is really the time.
    pub(crate) fn true_time(&self) -> MediaTime {
        self.now
    }

    /// The program's clock, which stands still while the computer sleeps.
    pub(crate) fn clock(&self) -> MediaTime {
        self.now - self.slept
    }

    /// The system's clock that goes on while the computer sleeps, and whether it can be set: where somebody sets
    /// the clock, the system has no better one.
    pub(crate) fn sleepless_clock(&self) -> (MediaTime, bool) {
        if self.steps.is_empty() {
            (self.now, false)
        } else {
            (self.wall_clock(), true)
        }
    }

    /// The clock on the wall, as the computer has it.
    fn wall_clock(&self) -> MediaTime {
        let steps = self
            .steps
            .iter()
            .filter(|step| step.at <= seconds(self.now));
        steps.fold(self.now + SOME_DAY, |time, step| {
            let by = Duration::from_secs(step.by.unsigned_abs());
            if step.by < 0 { time - by } else { time + by }
        })
    }

    /// Whether the system knows a way.
    pub(crate) fn has_way(&self) -> bool {
        self.network.conditions.has_way(seconds(self.now))
    }

    /// How many connections there are, of all kinds.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Begins to connect, with a kernel's buffer that holds `most_unsent` bytes back at the most.
    pub(crate) fn connect(&mut self, most_unsent: Option<u64>) -> u64 {
        let id = self.next_connection;
        self.next_connection += 1;
        let opening = Opening::new(self.now);
        self.connections
            .insert(id, Connection::Opening(opening, most_unsent));
        id
    }

    pub(crate) fn state(&self, id: u64) -> State {
        match self.connections.get(&id) {
            Some(Connection::Opening(opening, _)) if opening.is_connected() => State::Connected,
            Some(Connection::Opening(..)) => State::Connecting,
            Some(Connection::Accepted(_)) => State::Accepted,
            Some(Connection::Refused(refusal)) => State::Refused(*refusal),
            Some(Connection::Left | Connection::Closed) | None => State::Closed,
        }
    }

    /// The publisher begins to speak with the server, up to where the stream is accepted.
    pub(crate) fn speak(&mut self, id: u64) {
        if let Some(Connection::Opening(opening, _)) = self.connections.get_mut(&id) {
            opening.speak(self.now);
        }
    }

    /// Whether the publisher speaks on a connection that is not accepted yet.
    pub(crate) fn is_spoken_to(&self, id: u64) -> bool {
        matches!(self.connections.get(&id), Some(Connection::Opening(opening, _)) if opening.speaks)
    }

    /// For how long what was said on a connection that is not accepted yet waits to be acknowledged.
    pub(crate) fn quiet(&self, id: u64) -> Duration {
        match self.connections.get(&id) {
            Some(Connection::Opening(opening, _)) => opening.quiet(self.now),
            _ => Duration::ZERO,
        }
    }

    /// Whether the socket took all that it was given.
    pub(crate) fn is_idle(&self, id: u64) -> bool {
        self.stream(id)
            .is_some_and(|stream| stream.given == stream.tcp.written())
    }

    pub(crate) fn send(&mut self, id: u64, packet: Packet) {
        if let Some(Connection::Accepted(stream)) = self.connections.get_mut(&id) {
            stream.given += packet.bytes;
            stream.messages.push_back((stream.given, packet));
            stream.flush();
        }
    }

    /// Bytes that were given to the socket, and what the kernel tells; `None` where no stream is accepted.
    pub(crate) fn figures(&self, id: u64) -> Option<(u64, Figures)> {
        let stream = self.stream(id)?;
        Some((stream.given, stream.tcp.figures()))
    }

    /// Resets a connection. The server learns of it, if the way lets it.
    pub(crate) fn abort(&mut self, id: u64) {
        let lets = !self.network.conditions.is_out(seconds(self.now));
        match self.connections.remove(&id) {
            Some(Connection::Accepted(stream)) => {
                self.disconnects += 1;
                if stream.orphaned || !lets {
                    self.server.on_lost(self.now);
                }
            }
            Some(Connection::Left) if lets => self.server.on_reset(self.now),
            _ => {}
        }
    }

    /// Gives a connection up without a reset, which would be lost on a dead way, so that [`World::abort`] can send
    /// one later.
    pub(crate) fn leave(&mut self, id: u64) {
        if let Some(connection @ Connection::Accepted(_)) = self.connections.get_mut(&id) {
            self.disconnects += 1;
            self.server.on_lost(self.now);
            *connection = Connection::Left;
        }
    }

    fn stream(&self, id: u64) -> Option<&Stream> {
        match self.connections.get(&id) {
            Some(Connection::Accepted(stream)) => Some(stream),
            _ => None,
        }
    }

    /// Goes on by one step, with `law` as the publisher.
    pub(crate) fn step(&mut self, law: &mut impl Law) {
        self.now = self.now + STEP;
        if let Some(sleep) = self.sleep.filter(|sleep| seconds(self.now) >= sleep.at) {
            self.fall_asleep(sleep);
        }
        self.make_media(law);
        self.network.advance(self.now, STEP);
        self.deliver();
        self.drive_connections();
        law.tick(self);
    }

    fn fall_asleep(&mut self, sleep: Sleep) {
        self.sleep = None;
        self.now = self.now + sleep.lasts;
        self.slept += sleep.lasts;
        for connection in self.connections.values_mut() {
            if let Connection::Accepted(stream) = connection {
                stream.orphaned = true;
            }
        }
    }

    fn make_media(&mut self, law: &mut impl Law) {
        let (sounds, pictures) = (SOUNDS_PER_SECOND, self.pictures_per_second);
        let (sounds, pictures) = (FrameRate::new(sounds), FrameRate::new(pictures));
        let clock = self.clock();
        while sounds.time_of(self.sounds) <= clock {
            let time = sounds.time_of(self.sounds);
            self.sounds += 1;
            if self.pictures > 0 {
                let sound = self.encoder.sound(time);
                self.give(law, sound);
            }
        }
        while pictures.time_of(self.pictures) <= clock {
            let time = pictures.time_of(self.pictures);
            self.pictures += 1;
            self.viewers.on_captured(time + self.slept);
            if let Some(picture) = self.encoder.picture(time) {
                self.give(law, picture);
            }
        }
    }

    fn give(&mut self, law: &mut impl Law, packet: Packet) {
        self.produced += packet.bytes;
        law.media(self, packet);
    }

    fn deliver(&mut self) {
        let now = self.now;
        while let Some(datagram) = self.network.arrived(now) {
            let Some(Connection::Accepted(stream)) = self.connections.get_mut(&datagram.connection)
            else {
                continue;
            };
            if stream.orphaned {
                continue;
            }
            let answer = stream.tcp.on_arrival(datagram);
            self.network.answer(now, answer);
            if self.server.reads(now, stream.accepted_at) {
                stream.be_read(now, &mut self.viewers);
            }
        }
        while let Some(answer) = self.network.answered(now) {
            let id = answer.datagram.connection;
            if let Some(Connection::Accepted(stream)) = self.connections.get_mut(&id) {
                stream.tcp.on_answer(now, answer);
            }
        }
    }

    fn drive_connections(&mut self) {
        let now = self.now;
        let mut accepted = None;
        for (id, connection) in &mut self.connections {
            match connection {
                Connection::Opening(opening, most_unsent) => {
                    match opening.advance(now, &mut self.network, &self.server) {
                        None => {}
                        Some(Err(refusal)) => *connection = Connection::Refused(refusal),
                        Some(Ok(())) => {
                            let round_trip = self.network.conditions.round_trip;
                            let closes = self.server.habits.closes_after;
                            *connection = Connection::Accepted(Box::new(Stream {
                                tcp: Tcp::new(now, round_trip, *most_unsent),
                                accepted_at: now,
                                messages: VecDeque::new(),
                                given: 0,
                                closes_at: closes.map(|after| now + after),
                                orphaned: false,
                            }));
                            accepted = Some(*id);
                        }
                    }
                }
                Connection::Accepted(stream) => {
                    if stream.closes_at.is_some_and(|at| now >= at) {
                        self.closings.push(seconds(now));
                        self.disconnects += 1;
                        *connection = Connection::Closed;
                        continue;
                    }
                    stream.flush();
                    let network = &mut self.network;
                    stream.tcp.transmit(now, *id, |datagram| {
                        network.send(now, datagram);
                    });
                }
                Connection::Refused(_) | Connection::Left | Connection::Closed => {}
            }
        }
        if let Some(newest) = accepted {
            self.take_over(newest);
        }
    }

    /// A server that lets a stream in ends the one that has its name.
    fn take_over(&mut self, newest: u64) {
        for (id, connection) in &mut self.connections {
            if let Connection::Accepted(stream) = connection
                && *id != newest
                && !stream.orphaned
            {
                self.disconnects += 1;
                *connection = Connection::Closed;
            }
        }
    }
}

impl Stream {
    /// Gives the kernel what it takes.
    fn flush(&mut self) {
        let waiting = self.given - self.tcp.written();
        self.tcp.write(waiting);
    }

    fn be_read(&mut self, now: MediaTime, viewers: &mut Viewers) {
        let up_to = self.tcp.read_all();
        while let Some((_, packet)) = self.messages.pop_front_if(|(end, _)| *end <= up_to) {
            viewers.on_arrived(now, &packet);
        }
    }
}

/// How far the clock on the wall is from the program's start.
const SOME_DAY: Duration = Duration::from_hours(24);
/// How finely time runs.
pub(crate) const STEP: Duration = Duration::from_millis(5);
