//! Our side of a session: from the handshake to publishing and a clean goodbye, without sockets or clocks.
//!
//! | file | what it is about |
//! |---|---|
//! | `connect` | the `connect` command, and what the server says of itself |
//! | `replies` | what comes from the server |
//! | `requests` | what goes to the server |
//! | `onward` | where the server sends us: logins, redirects, Reconnect Requests |
//! | `media` | packets to messages |

mod connect;
mod media;
mod onward;
mod replies;
mod requests;

use std::{collections::VecDeque, time::Duration};

pub use connect::{CodecSupport, Extension, ServerCapabilities};
use media::MediaWriter;

use super::{
    acknowledged::Acknowledged,
    auth::Login,
    chunk::{ChunkReader, ChunkWriter},
    handshake::ClientHandshake,
    options::SessionOptions,
    refusal::{Failure, Peer},
    session::{Output, PerSecond, ReceivedBytes},
    url::ServerUrl,
};
use crate::{
    amf0::Value,
    media::packet::{Packet, StreamFormat},
    secret::Secret,
    units::MediaTime,
};

/// One connection's session as a publisher; see [`super::session`] for how it is driven.
///
/// The session ends with exactly one [`Event::Failed`], [`Event::Closed`] or [`Event::Onward`]. Input after that is ignored.
#[derive(Debug)]
pub struct PublishSession {
    config: PublishConfig,
    peer: Peer,
    state: State,
    reader: ChunkReader,
    writer: ChunkWriter,
    media: MediaWriter,
    /// When what is awaited counts as not coming any more.
    deadline: Option<MediaTime>,
    /// Bytes for the server that were not polled yet.
    out: Vec<u8>,
    events: VecDeque<Event>,
    /// Bytes that were polled to be sent.
    sent: u64,
    acknowledged: Acknowledged,
    received: ReceivedBytes,
    /// Answers that the server can call for at will.
    answers: PerSecond,
    /// Events that the server can cause at will.
    news: PerSecond,
    capabilities: ServerCapabilities,
    /// What the server said last without saying that it is the end.
    last_words: Option<String>,
    /// Whether moving to a new connection was asked for because times grow too long on this one.
    rebase_asked: bool,
    /// Whether to stop short of `publish`.
    hold: bool,
}

/// Whereto and what a session publishes.
#[derive(Clone, Debug)]
pub struct PublishConfig {
    /// The server and its application.
    pub server: ServerUrl,
    /// The stream key: what `publish` asks for.
    pub key: Secret,
    /// How the server wants to be spoken to.
    pub options: SessionOptions,
    /// What an earlier connection's [`Event::Onward`] gave for this one.
    pub login: Option<Login>,
    /// What the metadata tell.
    pub format: StreamFormat,
    /// Whether this stream was live before: then a silent close is no refusal.
    pub was_live: bool,
    /// How many bytes the server shall receive between its acknowledgements.
    pub ack_window: u32,
    /// Varies the handshake's random bytes; they carry no secret.
    pub seed: u64,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// The server sent these bytes.
    Received(&'a [u8]),
    /// The server closed its end of the connection.
    PeerClosed,
    /// To be sent. Ignored unless the stream is accepted; pictures also until the first key frame.
    Media(&'a Packet),
    /// The stream is different from now on; viewers are told.
    Format(StreamFormat),
    /// Media is known to have arrived at the server: from now on a silent close is no refusal.
    Arrived,
    /// Publish, if that was held back.
    Release,
    /// Send a sign of life that nobody answers but TCP: servers close connections that are silent for long.
    /// Ignored unless the session is held.
    Probe,
    /// Say goodbye.
    Close,
    /// It has become late.
    Tick,
}

/// What a session has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server accepted the stream (`NetStream.Publish.Start`); media may flow.
    Accepted,
    /// The server says that it has received so many bytes of this connection.
    ServerAcknowledged(u64),
    /// The server says something a person may want to know; the stream goes on.
    Note(String),
    /// It did not work out, or does not go on.
    Failed(Failure),
    /// It ended as asked.
    Closed,
    /// This connection is over, and another one leads on.
    Onward(Onward),
    /// The stream is to go on over a new connection; this one carries it until then. The server asks for it
    /// (Enhanced RTMP v2, Reconnect Request), or times have grown long: some servers lose count of them after
    /// 24 days.
    MoveWanted {
        /// Where to.
        server: ServerUrl,
    },
}

/// Where the next connection goes, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// The server and its application.
    pub server: ServerUrl,
    /// For [`PublishConfig::login`].
    pub login: Option<Login>,
    /// Why.
    pub reason: OnwardReason,
}

/// Why another connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnwardReason {
    /// Authentication takes a connection for each of its steps.
    Login,
    /// The server sent us elsewhere (status 302).
    Redirect,
}

#[derive(Debug)]
enum State {
    Handshaking(ClientHandshake),
    /// `connect` was sent.
    Connecting,
    /// `createStream` was sent.
    CreatingStream,
    /// All is ready for `publish`, which is held back.
    Held {
        stream_id: u32,
    },
    /// `publish` was sent.
    StartingToPublish {
        stream_id: u32,
    },
    Publishing {
        stream_id: u32,
        since: MediaTime,
    },
    /// Goodbye was said.
    Closing,
    Ended,
}

impl PublishSession {
    /// A session over a new connection, whose first bytes are ready to be polled.
    #[must_use]
    pub fn new(now: MediaTime, config: PublishConfig) -> Self {
        let mut out = Vec::new();
        let handshake = ClientHandshake::new(config.options.handshake, config.seed, &mut out);
        let media = MediaWriter::new(config.format.video.is_some());
        Self {
            peer: Peer::of(&config.server),
            config,
            state: State::Handshaking(handshake),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
            media,
            deadline: Some(now + REPLY_TIMEOUT),
            out,
            events: VecDeque::new(),
            sent: 0,
            acknowledged: Acknowledged::default(),
            received: ReceivedBytes::default(),
            answers: PerSecond::new(MOST_ANSWERS_PER_SECOND),
            news: PerSecond::new(MOST_NEWS_PER_SECOND),
            capabilities: ServerCapabilities::default(),
            last_words: None,
            rebase_asked: false,
            hold: false,
        }
    }

    /// The same session, to be held just before `publish` until [`Input::Release`]: a connection kept ready
    /// for a stream that goes elsewhere, of which the server makes nothing yet.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.hold = true;
        self
    }

    /// Takes note of what happened.
    pub fn handle_input(&mut self, now: MediaTime, input: Input) {
        if matches!(self.state, State::Ended) {
            return;
        }
        let result = match input {
            Input::Received(bytes) => self.receive(now, bytes),
            Input::PeerClosed => self.peer_closed(now),
            Input::Media(packet) => self.send_media(packet),
            Input::Format(format) => self.change_format(format),
            Input::Arrived => {
                self.config.was_live = true;
                Ok(())
            }
            Input::Release => self.release(now),
            Input::Probe => self.probe(),
            Input::Close => self.close(now),
            Input::Tick => self.tick(now),
        };
        if let Err(failure) = result {
            let failure = self.in_hindsight(now, failure);
            self.end(Event::Failed(failure));
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Output<Event> {
        if !self.out.is_empty() {
            self.sent += self.out.len() as u64;
            return Output::Send(std::mem::take(&mut self.out));
        }
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        Output::WakeAt(self.deadline)
    }

    /// Writes what comes next into `buffer`, which is empty, if nothing is written yet.
    pub fn write_to(&mut self, buffer: Vec<u8>) {
        if self.out.capacity() == 0 {
            self.out = buffer;
        }
    }

    /// Whether media has begun to be sent: metadata and headers are out, and at least one packet.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.media.has_begun()
    }

    /// Whether the server accepted the stream and it was not closed since.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        matches!(self.state, State::Publishing { .. })
    }

    /// Whether all is ready for `publish`, which is held back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. })
    }

    /// What the server said of itself; nothing before it let us in.
    #[must_use]
    pub fn server_capabilities(&self) -> &ServerCapabilities {
        &self.capabilities
    }

    /// `failure` with what is known from having been live before.
    fn in_hindsight(&self, now: MediaTime, failure: Failure) -> Failure {
        if !self.config.was_live {
            return failure;
        }
        let live_for = match self.state {
            State::Publishing { since, .. } => Some(now.since(since)),
            _ => None,
        };
        failure.after_live(&self.peer, live_for)
    }

    fn end(&mut self, event: Event) {
        self.state = State::Ended;
        self.deadline = None;
        self.events.push_back(event);
    }
}

/// A whole number; some servers write it as text.
fn whole_number(value: &Value) -> Option<u32> {
    let number = value
        .as_number()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=f64::from(u32::MAX))
        .contains(&number)
        .then_some(number as u32)
}

/// How long each of the server's replies is waited for.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server's goodbye is waited for.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Servers ping once per second at most, and want acknowledgements a few times in it.
const MOST_ANSWERS_PER_SECOND: u32 = 50;
/// More than a few notes cannot be read anyway.
const MOST_NEWS_PER_SECOND: u32 = 5;

/// Numbers of our calls, the same that other publishers use.
mod transaction {
    pub(super) const CONNECT: f64 = 1.0;
    pub(super) const RELEASE_STREAM: f64 = 2.0;
    pub(super) const FC_PUBLISH: f64 = 3.0;
    pub(super) const CREATE_STREAM: f64 = 4.0;
    pub(super) const PUBLISH: f64 = 5.0;
    pub(super) const FC_UNPUBLISH: f64 = 6.0;
    pub(super) const DELETE_STREAM: f64 = 7.0;
}

#[cfg(test)]
mod tests;
