//! A server's side of a session: takes a stream from a publisher, or gives one to a player, without sockets
//! or clocks.
//!
//! | file | what it is about |
//! |---|---|
//! | [`policy`] | who is let in, and how others are refused |
//! | `login` | logging in, in Adobe's way |
//! | `calls` | answering commands |
//! | [`playback`] | what one player is sent, and with which times |
//! | [`hub`] | who publishes what, and which player has got how far |
//! | [`meaning`] | key frames and codec headers among the tags |
//!
//! It serves `skywave receive`, `skywave check`, the tests, and whoever wants to see what a publisher really
//! sends. A client is a stranger: what it may send and how long it may take is limited at the end of these
//! files and in [`super::chunk`].

mod calls;
pub mod hub;
mod login;
pub mod meaning;
pub mod playback;
pub mod policy;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{
    chunk::{ChunkReader, ChunkWriter, RawMessage},
    handshake::ServerHandshake,
    message::{Message, UserControl, aggregate, type_id},
    session::{CONNECTION, Output, ReceivedBytes},
};
use crate::{
    amf0::Value,
    flv::file::{FlvTag, TagKind},
    secret::Secret,
    units::MediaTime,
};
use calls::Budget;
pub use login::Gate;
use playback::Playback;
pub use policy::{ReceivePolicy, Refusal};

/// One client's session; see [`super::session`] for how it is driven.
///
/// The session ends with exactly one [`Received::Ended`]. Input after that is ignored.
#[derive(Debug)]
pub struct ReceiveSession {
    policy: ReceivePolicy,
    seed: u64,
    state: State,
    reader: ChunkReader,
    writer: ChunkWriter,
    budget: Budget,
    app: String,
    /// Message streams created so far; they are numbered from 1 on.
    streams: u32,
    /// When the client must be publishing or playing; later on, when a player must have got something.
    deadline: MediaTime,
    heard_at: MediaTime,
    /// Whether the client was asked for a sign of life since it was last heard.
    pinged: bool,
    /// Whether publisher or player are still to be told that they are let in.
    start_owed: bool,
    out: Vec<u8>,
    events: VecDeque<Received>,
    received: ReceivedBytes,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The client sent these bytes.
    Received(&'a [u8]),
    /// The client closed its end of the connection.
    PeerClosed,
    /// The client does not read what it is sent.
    PeerStuck,
    /// The client, which neither publishes nor plays yet, has to make room for another one.
    Evicted,
    /// The receiver is being stopped.
    Stopping,
    /// It has become late.
    Tick,
    /// This is next for the player, as [`hub::Hub::next`] gives it.
    Media(&'a FlvTag),
    /// The stream that the player plays has begun.
    StreamBegan,
    /// The stream that the player plays is over.
    StreamEnded,
}

/// What comes out of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A publisher may begin, as far as the policy goes. Its media follow, unless
    /// [`ReceiveSession::refuse`] is called before the next [`ReceiveSession::poll_output`].
    Began {
        /// The application it asked for.
        app: String,
        /// The stream key it asked for.
        key: Secret,
    },
    /// A player may watch, as far as the policy goes; it is refused in the same way.
    Joined {
        /// The application it asked for.
        app: String,
        /// The stream key it asked for.
        key: Secret,
    },
    /// The values of `onMetaData`.
    Metadata(Value),
    /// The body of an FLV audio tag.
    Audio {
        /// Milliseconds; wraps.
        timestamp: u32,
        /// Its bytes.
        body: Bytes,
    },
    /// The body of an FLV video tag.
    Video {
        /// Milliseconds; wraps.
        timestamp: u32,
        /// Its bytes.
        body: Bytes,
    },
    /// Nothing more comes.
    Ended {
        /// Why, unless the client said goodbye.
        because: Option<String>,
    },
}

impl Received {
    /// The tag that passes it on to players; `None` where it is nothing for them.
    #[must_use]
    pub fn tag(&self) -> Option<FlvTag> {
        let (kind, timestamp, body) = match self {
            Self::Audio { timestamp, body } => (TagKind::Audio, *timestamp, body.clone()),
            Self::Video { timestamp, body } => (TagKind::Video, *timestamp, body.clone()),
            Self::Metadata(values) => {
                let data = vec![Value::from("onMetaData"), without_end(values)];
                (TagKind::Script, 0, Message::Data(data).payload())
            }
            Self::Began { .. } | Self::Joined { .. } | Self::Ended { .. } => return None,
        };
        Some(FlvTag {
            kind,
            timestamp,
            body,
        })
    }
}

/// Metadata for players: whatever a publisher says, a live stream has neither length nor size, and players that
/// are told of one believe it.
fn without_end(metadata: &Value) -> Value {
    let properties = metadata.properties().unwrap_or_default().iter();
    let kept = properties.filter(|(name, _)| name != "duration" && name != "filesize");
    Value::EcmaArray(kept.cloned().collect())
}

#[derive(Debug)]
enum State {
    Handshaking(ServerHandshake),
    Connecting,
    Connected,
    /// On this message stream.
    Publishing(u32),
    Playing(Playback),
    Ended,
}

impl ReceiveSession {
    /// A session over a new connection. `seed` varies the handshake's random bytes and the login's challenge.
    #[must_use]
    pub fn new(now: MediaTime, policy: ReceivePolicy, seed: u64) -> Self {
        Self {
            policy,
            seed,
            state: State::Handshaking(ServerHandshake::new(seed)),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
            budget: Budget::new(now),
            app: String::new(),
            streams: 0,
            deadline: now + SETUP_TIMEOUT,
            heard_at: now,
            pinged: false,
            start_owed: false,
            out: Vec::new(),
            events: VecDeque::new(),
            received: ReceivedBytes::default(),
        }
    }

    /// Takes note of what happened.
    pub fn handle_input(&mut self, now: MediaTime, input: Input) {
        if matches!(self.state, State::Ended) {
            return;
        }
        let result = match input {
            Input::Received(bytes) => self.receive(now, bytes),
            Input::PeerClosed => Err(format!("the {} closed the connection", self.client())),
            Input::PeerStuck => Err(format!("the {} was too slow", self.client())),
            Input::Evicted => Err("the client dawdled while others came".to_owned()),
            Input::Stopping => self.stop(),
            Input::Tick => self.look_at_clock(now),
            Input::Media(tag) => self.play(tag),
            Input::StreamBegan => self.stream_began(),
            Input::StreamEnded => self.stream_ended(),
        };
        if let Err(because) = result {
            self.end(Some(because));
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Output<Received> {
        if self.out.is_empty() && self.events.is_empty() && self.start_owed {
            self.start_owed = false;
            if let Err(because) = self.let_in() {
                self.end(Some(because));
            }
        }
        if !self.out.is_empty() {
            return Output::Send(std::mem::take(&mut self.out));
        }
        match self.events.pop_front() {
            Some(event) => Output::Event(event),
            None => Output::WakeAt(self.wake_at()),
        }
    }

    /// Turns away the publisher or player that was just told of by [`Received::Began`] or
    /// [`Received::Joined`].
    pub fn refuse(&mut self, refusal: Refusal) {
        if !self.start_owed {
            return;
        }
        self.events.clear();
        let told = self.tell_refusal(refusal);
        let because = told.err().unwrap_or_else(|| refusal.to_string());
        self.end(Some(because));
    }

    /// Whether [`Input::Media`] is welcome now.
    #[must_use]
    pub fn wants_media(&self) -> bool {
        matches!(&self.state, State::Playing(playback) if !playback.is_paused()) && !self.start_owed
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.out.len()
    }
}

/// Why a session ends, in words.
type Ending = String;

impl ReceiveSession {
    fn receive(&mut self, now: MediaTime, mut bytes: &[u8]) -> Result<(), Ending> {
        self.received.add(bytes.len());
        self.heard_at = now;
        self.pinged = false;
        if let State::Handshaking(handshake) = &mut self.state {
            let taken = handshake
                .receive(bytes, &mut self.out)
                .map_err(|error| error.to_string())?;
            bytes = &bytes[taken..];
            if !handshake.is_complete() {
                return Ok(());
            }
            self.state = State::Connecting;
        }
        self.reader.push(bytes);
        while !matches!(self.state, State::Ended)
            && let Some(raw) = self.reader.next_message().map_err(|e| e.to_string())?
        {
            if raw.type_id == type_id::AGGREGATE {
                for part in aggregate::parts(&raw).take(MOST_PARTS) {
                    let mut part = part.map_err(|error| error.to_string())?;
                    // Who keeps a small part must not keep the whole with it.
                    part.payload = Bytes::copy_from_slice(&part.payload);
                    self.take_raw(now, &part)?;
                }
            } else {
                self.take_raw(now, &raw)?;
            }
        }
        match self.state {
            State::Ended => return Ok(()),
            State::Publishing(_) => {}
            _ => self.budget.take_bytes(now, bytes.len())?,
        }
        match self.received.acknowledgement() {
            Some(message) => self.send(&message, CONNECTION),
            None => Ok(()),
        }
    }

    fn take_raw(&mut self, now: MediaTime, raw: &RawMessage) -> Result<(), Ending> {
        if matches!(self.state, State::Ended) {
            return Ok(());
        }
        self.budget.take_message(now)?;
        let message = Message::parse(raw).map_err(|error| error.to_string())?;
        let timestamp = raw.timestamp;
        let publishing = matches!(self.state, State::Publishing(_));
        match message {
            Message::WindowAckSize(window) => self.received.set_window(window),
            // What we send is limited by the connection itself; the answer is all that is asked for.
            Message::SetPeerBandwidth { window, .. } => {
                self.send(&Message::WindowAckSize(window), CONNECTION)?;
            }
            Message::UserControl(UserControl::PingRequest(number)) => {
                let answer = Message::UserControl(UserControl::PingResponse(number));
                self.send(&answer, CONNECTION)?;
            }
            Message::Audio(body) if publishing => {
                self.events.push_back(Received::Audio { timestamp, body });
            }
            Message::Video(body) if publishing => {
                self.events.push_back(Received::Video { timestamp, body });
            }
            Message::Data(values) if publishing && raw.payload.len() <= LONGEST_METADATA => {
                if let Some(metadata) = metadata(values) {
                    self.events.push_back(Received::Metadata(metadata));
                }
            }
            Message::Command(command) => return self.take_command(now, &command, raw.stream_id),
            _ => {}
        }
        Ok(())
    }

    fn look_at_clock(&mut self, now: MediaTime) -> Result<(), Ending> {
        let (ping_after, end_after) = match &self.state {
            State::Publishing(_) => PUBLISHER_SILENCE,
            State::Playing(playback) => {
                if now >= self.deadline && !playback.has_begun() {
                    self.tell_refusal(Refusal::NothingToPlay)?;
                    return Err(Refusal::NothingToPlay.to_string());
                }
                PLAYER_SILENCE
            }
            _ if now >= self.deadline => {
                return Err("the client neither published nor played in time".to_owned());
            }
            _ => return Ok(()),
        };
        if now >= self.heard_at + end_after {
            return Err(format!("the {} fell silent", self.client()));
        }
        if now >= self.heard_at + ping_after && !self.pinged {
            self.pinged = true;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "any number does; the answer bears the same"
            )]
            let number = now.as_millis() as u32;
            let ping = Message::UserControl(UserControl::PingRequest(number));
            self.send(&ping, CONNECTION)?;
        }
        Ok(())
    }

    /// Players are told that nothing more comes. Publishers are not told that all is well: they shall look for
    /// another server.
    fn stop(&mut self) -> Result<(), Ending> {
        self.stream_ended()?;
        match self.state {
            State::Ended => Ok(()),
            _ => Err("the receiver was stopped".to_owned()),
        }
    }

    fn wake_at(&self) -> Option<MediaTime> {
        let silent_at = |(ping_after, end_after): (Duration, Duration)| {
            self.heard_at + if self.pinged { end_after } else { ping_after }
        };
        match &self.state {
            State::Ended => None,
            State::Publishing(_) => Some(silent_at(PUBLISHER_SILENCE)),
            State::Playing(playback) if playback.has_begun() => Some(silent_at(PLAYER_SILENCE)),
            State::Playing(_) => Some(self.deadline.min(silent_at(PLAYER_SILENCE))),
            _ => Some(self.deadline),
        }
    }

    fn client(&self) -> &'static str {
        match self.state {
            State::Publishing(_) => "publisher",
            State::Playing(_) => "player",
            _ => "client",
        }
    }

    fn send(&mut self, message: &Message, stream_id: u32) -> Result<(), Ending> {
        message
            .write(0, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| error.to_string())
    }

    fn end(&mut self, because: Option<Ending>) {
        self.state = State::Ended;
        self.start_owed = false;
        self.events.push_back(Received::Ended { because });
    }
}

/// The values of `onMetaData`, behind `@setDataFrame` or not.
fn metadata(values: Vec<Value>) -> Option<Value> {
    let mut values = values.into_iter();
    let mut next = values.next()?;
    if next.as_str() == Some("@setDataFrame") {
        next = values.next()?;
    }
    (next.as_str() == Some("onMetaData"))
        .then(|| values.next())
        .flatten()
}

/// How long a client may take from its first byte to `publish` or `play`.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a publisher may be silent before it is asked for a sign of life, and before it is given up.
const PUBLISHER_SILENCE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(30));
/// The same for a player, which has little to say.
const PLAYER_SILENCE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(90));
/// How long a player may wait for a publisher.
const WAIT_FOR_PUBLISHER: Duration = Duration::from_mins(5);
/// How many messages one aggregate message may hold.
const MOST_PARTS: usize = 4096;
/// How many bytes metadata may have: who lists everything there is needs a few thousand.
const LONGEST_METADATA: usize = 64 * 1024;

#[cfg(test)]
mod tests;
