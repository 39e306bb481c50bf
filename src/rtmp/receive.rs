//! A server's side of a session: takes one stream from one publisher, without sockets or clocks.
//!
//! It serves the tests, `skywave check` and whoever wants to see what a publisher really sends. A publisher
//! is a stranger: what it may send and how long it may take is limited at the end of this file and in
//! [`super::chunk`].

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{
    chunk::{ChunkReader, ChunkWriter},
    handshake::ServerHandshake,
    message::{Command, Message, UserControl},
    session::{CONNECTION, Output, ReceivedBytes},
};
use crate::{amf0::Value, secret::Secret, units::MediaTime};

/// One publisher's session; see [`super::session`] for how it is driven.
///
/// The session ends with exactly one [`Received::Ended`]. Input after that is ignored.
#[derive(Debug)]
pub struct ReceiveSession {
    policy: ReceivePolicy,
    state: State,
    reader: ChunkReader,
    writer: ChunkWriter,
    /// Commands taken so far, while not publishing.
    commands: u32,
    app: String,
    deadline: MediaTime,
    out: Vec<u8>,
    events: VecDeque<Received>,
    received: ReceivedBytes,
}

/// Who may publish.
#[derive(Clone, Debug, Default)]
pub struct ReceivePolicy {
    /// The application; `None` lets any in.
    pub app: Option<String>,
    /// The stream key; `None` lets any in.
    pub key: Option<Secret>,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The publisher sent these bytes.
    Received(&'a [u8]),
    /// The publisher closed its end of the connection.
    PeerClosed,
    /// It has become late.
    Tick,
}

/// What comes out of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// The publisher was let in.
    Began {
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
        /// Why, unless the publisher said goodbye.
        because: Option<String>,
    },
}

#[derive(Debug)]
enum State {
    Handshaking(ServerHandshake),
    Connecting,
    Connected,
    Publishing,
    Ended,
}

impl ReceiveSession {
    /// A session over a new connection. `seed` varies the handshake's random bytes.
    #[must_use]
    pub fn new(now: MediaTime, policy: ReceivePolicy, seed: u64) -> Self {
        Self {
            policy,
            state: State::Handshaking(ServerHandshake::new(seed)),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
            commands: 0,
            app: String::new(),
            deadline: now + SETUP_TIMEOUT,
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
            Input::PeerClosed => Err("the publisher closed the connection".to_owned()),
            Input::Tick if now >= self.deadline => Err(match self.state {
                State::Publishing => "the publisher fell silent".to_owned(),
                _ => "the publisher did not begin in time".to_owned(),
            }),
            Input::Tick => Ok(()),
        };
        if let Err(because) = result {
            self.end(Some(because));
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Output<Received> {
        if !self.out.is_empty() {
            return Output::Send(std::mem::take(&mut self.out));
        }
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        let ended = matches!(self.state, State::Ended);
        Output::WakeAt((!ended).then_some(self.deadline))
    }
}

/// Why a session ends, in words.
type Ending = String;

impl ReceiveSession {
    fn receive(&mut self, now: MediaTime, mut bytes: &[u8]) -> Result<(), Ending> {
        self.received.add(bytes.len());
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
        if matches!(self.state, State::Publishing) {
            self.deadline = now + SILENCE_TIMEOUT;
        }
        self.reader.push(bytes);
        while !matches!(self.state, State::Ended)
            && let Some(raw) = self.reader.next_message().map_err(|e| e.to_string())?
        {
            let message = Message::parse(&raw).map_err(|error| error.to_string())?;
            self.take(now, message, raw.timestamp, raw.stream_id)?;
        }
        match self.received.acknowledgement() {
            Some(message) if !matches!(self.state, State::Ended) => self.send(&message, CONNECTION),
            _ => Ok(()),
        }
    }

    fn take(
        &mut self,
        now: MediaTime,
        message: Message,
        timestamp: u32,
        stream_id: u32,
    ) -> Result<(), Ending> {
        let publishing = matches!(self.state, State::Publishing);
        match message {
            Message::WindowAckSize(window) => self.received.set_window(window),
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
            Message::Data(values) if publishing => {
                if let Some(metadata) = metadata(values) {
                    self.events.push_back(Received::Metadata(metadata));
                }
            }
            Message::Command(command) => return self.take_command(now, &command, stream_id),
            _ => {}
        }
        Ok(())
    }

    fn take_command(
        &mut self,
        now: MediaTime,
        command: &Command,
        stream_id: u32,
    ) -> Result<(), Ending> {
        self.commands += 1;
        if self.commands > MOST_COMMANDS {
            return Err("the publisher sends too many commands".to_owned());
        }
        match (&self.state, command.name.as_str()) {
            (State::Connecting, "connect") => self.accept_connection(command),
            (State::Connecting, name) => Err(format!("\"{name}\" came before \"connect\"")),
            (State::Connected, "createStream") => {
                let id = Value::Number(f64::from(STREAM_ID));
                self.answer(command, Value::Null, vec![id])
            }
            (State::Connected, "publish") => self.accept_stream(now, command, stream_id),
            (State::Publishing, "FCUnpublish" | "deleteStream" | "closeStream") => {
                self.status(
                    "status",
                    "NetStream.Unpublish.Success",
                    "Stopped.",
                    STREAM_ID,
                )?;
                self.end(None);
                Ok(())
            }
            (_, "releaseStream" | "FCPublish" | "_checkbw") => {
                self.answer(command, Value::Null, vec![Value::Undefined])
            }
            _ => Ok(()),
        }
    }

    fn accept_connection(&mut self, connect: &Command) -> Result<(), Ending> {
        let app = connect.object.get("app").and_then(Value::as_str);
        let app = app.unwrap_or_default();
        let name = app.split('?').next().unwrap_or_default();
        let name = name.trim_end_matches('/');
        if self
            .policy
            .app
            .as_deref()
            .is_some_and(|wanted| wanted != name)
        {
            let information = information(
                "error",
                "NetConnection.Connect.InvalidApp",
                "No such application.",
            );
            let error = Command::new("_error", connect.transaction, vec![information]);
            self.send(&Message::Command(error), CONNECTION)?;
            return Err("the publisher asked for another application".to_owned());
        }
        name.clone_into(&mut self.app);
        self.send(&Message::WindowAckSize(WINDOW), CONNECTION)?;
        let bandwidth = Message::SetPeerBandwidth {
            window: WINDOW,
            limit: 2, // dynamic
        };
        self.send(&bandwidth, CONNECTION)?;
        self.send(&Message::SetChunkSize(CHUNK_SIZE), CONNECTION)?;
        let properties = Value::object([
            ("fmsVer", Value::from("FMS/3,0,1,123")),
            ("capabilities", Value::Number(31.0)),
        ]);
        let information = information("status", "NetConnection.Connect.Success", "Connected.");
        self.answer(connect, properties, vec![information])?;
        self.state = State::Connected;
        Ok(())
    }

    fn accept_stream(
        &mut self,
        now: MediaTime,
        publish: &Command,
        stream_id: u32,
    ) -> Result<(), Ending> {
        if stream_id != STREAM_ID {
            return Err("\"publish\" came on a stream that was not created".to_owned());
        }
        let key = publish.args.first().and_then(Value::as_str);
        let key = Secret::new(key.unwrap_or_default());
        if self
            .policy
            .key
            .as_ref()
            .is_some_and(|wanted| *wanted != key)
        {
            self.status("error", "NetStream.Publish.Denied", "Wrong key.", STREAM_ID)?;
            return Err("the publisher gave another stream key".to_owned());
        }
        self.send(
            &Message::UserControl(UserControl::StreamBegin(STREAM_ID)),
            CONNECTION,
        )?;
        self.status(
            "status",
            "NetStream.Publish.Start",
            "Publishing.",
            STREAM_ID,
        )?;
        self.state = State::Publishing;
        self.deadline = now + SILENCE_TIMEOUT;
        let app = self.app.clone();
        self.events.push_back(Received::Began { app, key });
        Ok(())
    }

    fn answer(&mut self, call: &Command, object: Value, args: Vec<Value>) -> Result<(), Ending> {
        let result = Command {
            object,
            ..Command::new("_result", call.transaction, args)
        };
        self.send(&Message::Command(result), CONNECTION)
    }

    fn status(
        &mut self,
        level: &str,
        code: &str,
        description: &str,
        stream_id: u32,
    ) -> Result<(), Ending> {
        let information = information(level, code, description);
        let status = Command::new("onStatus", 0.0, vec![information]);
        self.send(&Message::Command(status), stream_id)
    }

    fn send(&mut self, message: &Message, stream_id: u32) -> Result<(), Ending> {
        message
            .write(0, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| error.to_string())
    }

    fn end(&mut self, because: Option<Ending>) {
        self.state = State::Ended;
        self.events.push_back(Received::Ended { because });
    }
}

fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from(description)),
    ])
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

/// The one message stream of a session.
const STREAM_ID: u32 = 1;
/// The chunk size we send with.
const CHUNK_SIZE: u32 = 4096;
/// How much the publisher may receive between its acknowledgements.
const WINDOW: u32 = 2_500_000;
/// How long a publisher may take from its first byte to `publish`.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a publisher may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many commands a session may see; a publisher needs about eight.
const MOST_COMMANDS: u32 = 256;

#[cfg(test)]
mod tests;
