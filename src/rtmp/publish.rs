//! Our side of a session: from the handshake to publishing and a clean goodbye, without sockets or clocks.

mod media;

use std::{collections::VecDeque, time::Duration};

use media::MediaWriter;

use super::{
    acknowledged::Acknowledged,
    auth::Login,
    chunk::{ChunkError, ChunkReader, ChunkWriter},
    handshake::{ClientHandshake, HandshakeError},
    message::{Command, Message, UserControl},
    options::SessionOptions,
    refusal::{Failure, FailureKind, Peer, Step},
    session::{CONNECTION, Output, ReceivedBytes},
    status::{Meaning, Status},
    url::ServerUrl,
};
use crate::{
    amf0::Value,
    flv::metadata,
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
    /// The server asks for the stream to go on over a new connection (Enhanced RTMP v2, Reconnect Request).
    /// This one carries it until then.
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
        let handshake = ClientHandshake::new(config.seed, &mut out);
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
        }
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
}

/// What comes from the server.
impl PublishSession {
    fn receive(&mut self, now: MediaTime, mut bytes: &[u8]) -> Result<(), Failure> {
        self.received.add(bytes.len());
        if let State::Handshaking(handshake) = &mut self.state {
            let taken = handshake
                .receive(bytes, &mut self.out)
                .map_err(|error| foreign(&self.peer, &error))?;
            bytes = &bytes[taken..];
            if handshake.is_complete() {
                self.connect(now)?;
            }
        }
        self.reader.push(bytes);
        while !matches!(self.state, State::Ended)
            && let Some(raw) = self
                .reader
                .next_message()
                .map_err(|error| self.broken(&error))?
        {
            let message = Message::parse(&raw).map_err(|error| self.broken(&error))?;
            self.take(now, message)?;
        }
        match self.received.acknowledgement() {
            Some(message) if !matches!(self.state, State::Ended) => self.send(&message, CONNECTION),
            _ => Ok(()),
        }
    }

    fn take(&mut self, now: MediaTime, message: Message) -> Result<(), Failure> {
        match message {
            Message::Acknowledgement(value) => {
                let total = self.acknowledged.on_message(value, self.sent);
                self.events.push_back(Event::ServerAcknowledged(total));
                Ok(())
            }
            Message::UserControl(UserControl::PingRequest(number)) => self.send(
                &Message::UserControl(UserControl::PingResponse(number)),
                CONNECTION,
            ),
            Message::WindowAckSize(window) => {
                self.received.set_window(window);
                Ok(())
            }
            // How much may stay unacknowledged: nothing waits for acknowledgements here, but they come
            // as often as the server would have them.
            Message::SetPeerBandwidth { window, .. } if window < self.config.ack_window => {
                self.config.ack_window = window.max(1);
                self.send(&Message::WindowAckSize(window.max(1)), CONNECTION)
            }
            Message::Command(command) => self.take_command(now, &command),
            // Set Chunk Size and Abort were obeyed by the reader. The rest says nothing to a publisher.
            Message::SetPeerBandwidth { .. }
            | Message::SetChunkSize(_)
            | Message::Abort(_)
            | Message::UserControl(_)
            | Message::Audio(_)
            | Message::Video(_)
            | Message::Data(_)
            | Message::Other { .. } => Ok(()),
        }
    }

    fn take_command(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        match command.name.as_str() {
            "_result" => self.take_result(now, command),
            "_error" => self.take_error(command),
            "onStatus" => self.take_status(now, command),
            // Old servers' measuring of the way: nothing is measured, but an answer is expected.
            "_onbwcheck" => self.reply("_result", command.transaction, Value::Number(0.0)),
            "ping" => self.reply("pong", command.transaction, Value::Null),
            "close" => self.peer_closed(now),
            // onFCPublish, onBWDone and what else servers call: nothing depends on them.
            _ => Ok(()),
        }
    }

    fn take_result(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        match self.state {
            State::Connecting if answers(command, transaction::CONNECT) => {
                if let Meaning::Fails(failure) = self.meaning(command) {
                    return Err(failure);
                }
                self.create_stream(now)
            }
            State::CreatingStream if answers(command, transaction::CREATE_STREAM) => {
                match command.args.iter().find_map(stream_id) {
                    Some(stream_id) => self.publish(now, stream_id),
                    // The answer to releaseStream or FCPublish under a wrong number.
                    None => Ok(()),
                }
            }
            // Some servers answer `publish` like any call, with the status as its result.
            _ if command.information().is_some() => self.take_status(now, command),
            _ => Ok(()),
        }
    }

    fn take_error(&mut self, command: &Command) -> Result<(), Failure> {
        let peer = &self.peer;
        let otherwise = match self.state {
            State::Connecting if answers(command, transaction::CONNECT) => {
                Failure::connection_rejected
            }
            State::CreatingStream if answers(command, transaction::CREATE_STREAM) => {
                Failure::stream_refused
            }
            State::StartingToPublish { .. } if answers(command, transaction::PUBLISH) => {
                Failure::publish_denied
            }
            // releaseStream and FCPublish are unknown to many servers, and needed by some.
            _ => return Ok(()),
        };
        match self.meaning(command) {
            // Without a code that says more, it is this call that was refused.
            Meaning::Fails(failure) if failure.kind != FailureKind::Protocol => {
                return Err(failure);
            }
            _ => {}
        }
        let status = status(command);
        let failure = otherwise(peer, &status.code);
        Err(status.in_own_words(failure, &self.config.key))
    }

    fn take_status(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        match (self.meaning(command), &self.state) {
            (Meaning::Fails(_) | Meaning::Unpublished, State::Closing) => {
                self.end(Event::Closed);
                Ok(())
            }
            (Meaning::Fails(failure), _) => Err(failure),
            (Meaning::PublishStarted, &State::StartingToPublish { stream_id }) => {
                self.state = State::Publishing {
                    stream_id,
                    since: now,
                };
                self.deadline = None;
                self.events.push_back(Event::Accepted);
                self.send_metadata(stream_id)
            }
            (Meaning::Unpublished, State::Publishing { .. }) => {
                let status = status(command);
                Err(Failure::ended_by_server(&self.peer, &status.code))
            }
            (Meaning::Note(text), _) => {
                self.events.push_back(Event::Note(text));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn peer_closed(&mut self, now: MediaTime) -> Result<(), Failure> {
        let step = match self.state {
            State::Handshaking(_) => Step::Handshake,
            State::Connecting => Step::Connect,
            State::CreatingStream => Step::CreateStream,
            State::StartingToPublish { .. } => Step::Publish,
            // nginx accepts whom it denies, and closes right after.
            State::Publishing { since, .. }
                if !self.config.was_live && now.since(since) < ACCEPTED_FOR_GOOD_AFTER =>
            {
                Step::Accepted
            }
            State::Publishing { .. } => Step::Publishing,
            State::Closing | State::Ended => {
                self.end(Event::Closed);
                return Ok(());
            }
        };
        Err(Failure::closed(&self.peer, step, self.config.was_live))
    }

    fn meaning(&self, command: &Command) -> Meaning {
        status(command).meaning(&self.peer, &self.config.key)
    }
}

/// What goes to the server.
impl PublishSession {
    fn connect(&mut self, now: MediaTime) -> Result<(), Failure> {
        self.send(&Message::SetChunkSize(CHUNK_SIZE), CONNECTION)?;
        self.send(&Message::WindowAckSize(self.config.ack_window), CONNECTION)?;
        let tc_url = self.config.server.tc_url();
        let object = Value::object([
            ("app", Value::from(self.config.server.app.as_str())),
            ("type", Value::from("nonprivate")),
            ("flashVer", Value::from(FLASH_VERSION)),
            ("swfUrl", Value::from(tc_url.as_str())),
            ("tcUrl", Value::from(tc_url.as_str())),
            ("objectEncoding", Value::Number(0.0)),
        ]);
        let connect = Command {
            object,
            ..Command::new("connect", transaction::CONNECT, Vec::new())
        };
        self.send(&Message::Command(connect), CONNECTION)?;
        self.state = State::Connecting;
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    /// What Flash Media Live Encoder sends before `publish`: some servers wait for all of it.
    fn create_stream(&mut self, now: MediaTime) -> Result<(), Failure> {
        let key = Value::from(self.config.key.expose());
        self.call(
            "releaseStream",
            transaction::RELEASE_STREAM,
            vec![key.clone()],
        )?;
        self.call("FCPublish", transaction::FC_PUBLISH, vec![key])?;
        self.call("createStream", transaction::CREATE_STREAM, Vec::new())?;
        self.state = State::CreatingStream;
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    fn publish(&mut self, now: MediaTime, stream_id: u32) -> Result<(), Failure> {
        let key = Value::from(self.config.key.expose());
        let publish = Command::new(
            "publish",
            transaction::PUBLISH,
            vec![key, Value::from("live")],
        );
        self.send(&Message::Command(publish), stream_id)?;
        self.state = State::StartingToPublish { stream_id };
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    fn send_metadata(&mut self, stream_id: u32) -> Result<(), Failure> {
        let values = metadata::set_data_frame(&self.config.format);
        self.send(&Message::Data(values), stream_id)
    }

    fn change_format(&mut self, format: StreamFormat) -> Result<(), Failure> {
        self.config.format = format;
        match self.state {
            State::Publishing { stream_id, .. } => self.send_metadata(stream_id),
            _ => Ok(()),
        }
    }

    fn send_media(&mut self, packet: &Packet) -> Result<(), Failure> {
        let State::Publishing { stream_id, .. } = self.state else {
            return Ok(());
        };
        self.media
            .write(packet, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| self.broken_by_us(&error))
    }

    fn close(&mut self, now: MediaTime) -> Result<(), Failure> {
        let State::Publishing { stream_id, .. } = self.state else {
            if !matches!(self.state, State::Closing) {
                self.end(Event::Closed);
            }
            return Ok(());
        };
        let key = Value::from(self.config.key.expose());
        self.call("FCUnpublish", transaction::FC_UNPUBLISH, vec![key])?;
        let id = Value::Number(f64::from(stream_id));
        self.call("deleteStream", transaction::DELETE_STREAM, vec![id])?;
        self.state = State::Closing;
        self.deadline = Some(now + CLOSE_TIMEOUT);
        Ok(())
    }

    fn tick(&mut self, now: MediaTime) -> Result<(), Failure> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let step = match self.state {
            State::Handshaking(_) => Step::Handshake,
            State::Connecting => Step::Connect,
            State::CreatingStream => Step::CreateStream,
            State::StartingToPublish { .. } => Step::Publish,
            State::Closing => {
                self.end(Event::Closed);
                return Ok(());
            }
            State::Publishing { .. } | State::Ended => return Ok(()),
        };
        Err(Failure::no_reply(&self.peer, step, REPLY_TIMEOUT))
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

    fn call(&mut self, name: &str, transaction: f64, args: Vec<Value>) -> Result<(), Failure> {
        let call = Command::new(name, transaction, args);
        self.send(&Message::Command(call), CONNECTION)
    }

    fn reply(&mut self, name: &str, transaction: f64, value: Value) -> Result<(), Failure> {
        self.call(name, transaction, vec![value])
    }

    fn send(&mut self, message: &Message, stream_id: u32) -> Result<(), Failure> {
        // Time 0 is before any media; the writer keeps times from running backwards per chunk stream.
        message
            .write(0, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| self.broken_by_us(&error))
    }

    fn broken(&self, error: &dyn std::error::Error) -> Failure {
        Failure::protocol(&self.peer, &error.to_string())
    }

    fn broken_by_us(&self, error: &ChunkError) -> Failure {
        Failure::unsendable(&self.peer, &error.to_string())
    }
}

/// Whether `command` answers the call with number `transaction`; some servers answer with 0.
fn answers(command: &Command, transaction: f64) -> bool {
    #[expect(clippy::float_cmp, reason = "whole numbers, repeated by the server")]
    let same = command.transaction == transaction;
    same || command.transaction == 0.0
}

/// A message stream's number; a few servers write it as text.
fn stream_id(value: &Value) -> Option<u32> {
    let number = value.as_number().or_else(|| value.as_str()?.parse().ok())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=f64::from(u32::MAX))
        .contains(&number)
        .then_some(number as u32)
}

fn status(command: &Command) -> Status {
    let text = |name| {
        let value = command.information().and_then(|info| info.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Status {
        code: text("code"),
        level: text("level"),
        description: text("description"),
    }
}

fn foreign(peer: &Peer, error: &HandshakeError) -> Failure {
    let HandshakeError::NotRtmp { spoken, .. } = error;
    Failure::not_rtmp(peer, *spoken)
}

/// How long each of the server's replies is waited for.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that closes sooner after accepting the stream has thought better of it.
const ACCEPTED_FOR_GOOD_AFTER: Duration = Duration::from_secs(1);
/// How long the server's goodbye is waited for.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The chunk size that OBS uses, too; nginx and others answer with the same.
const CHUNK_SIZE: u32 = 4096;

/// Begins as servers expect of an encoder; some look for "FMLE".
const FLASH_VERSION: &str = concat!(
    "FMLE/3.0 (compatible; Skywave/",
    env!("CARGO_PKG_VERSION"),
    ")"
);

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
