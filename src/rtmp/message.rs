//! What RTMP messages mean, and their bytes (sections 5.4, 6.2, 7).

pub mod aggregate;

use bytes::Bytes;
use thiserror::Error;

use super::chunk::{ChunkError, ChunkStream, ChunkWriter, Outgoing, RawMessage};
use crate::{
    amf0::{Amf0Error, Value, read_leading_values, write_value},
    flv::tag::TagBody,
};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The sender's chunks are this long from now on, in bytes (5.4.1).
    SetChunkSize(u32),
    /// The incomplete message on this chunk stream will not be completed (5.4.2).
    Abort(u32),
    /// So many bytes have arrived since the connection began (5.4.3). Servers count in different ways.
    Acknowledgement(u32),
    /// About a stream's state, or a ping (7.1.7).
    UserControl(UserControl),
    /// Acknowledge after this many bytes each (5.4.4).
    WindowAckSize(u32),
    /// Keep no more than this unacknowledged (5.4.5).
    SetPeerBandwidth {
        /// Bytes.
        window: u32,
        /// How the new window relates to the old one: 0 hard, 1 soft, 2 dynamic.
        limit: u8,
    },
    /// The body of an FLV audio tag.
    Audio(Bytes),
    /// The body of an FLV video tag.
    Video(Bytes),
    /// Metadata: a name and values.
    Data(Vec<Value>),
    /// A call, or the answer to one.
    Command(Command),
    /// A kind of message without meaning here, or several in one; see [`aggregate`].
    Other {
        /// Its type.
        type_id: u8,
        /// Its bytes.
        payload: Bytes,
    },
}

/// A call of the other side's procedure, or the answer to one (7.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// `connect`, `_result`, `onStatus`, ...
    pub name: String,
    /// Which call it answers, or which number an answer shall bear; 0 when no answer is wanted.
    pub transaction: f64,
    /// The "command object": connection parameters in `connect`, mostly null elsewhere.
    pub object: Value,
    /// What follows it.
    pub args: Vec<Value>,
}

impl Command {
    /// A call without command object.
    #[must_use]
    pub fn new(name: &str, transaction: f64, args: Vec<Value>) -> Self {
        Self {
            name: name.to_owned(),
            transaction,
            object: Value::Null,
            args,
        }
    }

    /// The information object of `onStatus`, `_result` and `_error`: the first argument with names, or the
    /// command object where a server puts it there.
    #[must_use]
    pub fn information(&self) -> Option<&Value> {
        self.args
            .iter()
            .chain([&self.object])
            .find(|value| value.get("code").is_some() || value.get("level").is_some())
    }
}

/// A user control event (7.1.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserControl {
    /// The stream can be used.
    StreamBegin(u32),
    /// The stream is over.
    StreamEof(u32),
    /// Nothing more comes for now.
    StreamDry(u32),
    /// The player buffers so much.
    SetBufferLength {
        /// The message stream.
        stream_id: u32,
        /// Milliseconds.
        millis: u32,
    },
    /// The stream is a recording.
    StreamIsRecorded(u32),
    /// Asks for a [`Self::PingResponse`] with the same number.
    PingRequest(u32),
    /// Answers a [`Self::PingRequest`].
    PingResponse(u32),
    /// Asks a player to prove which program it is; this and those below are in no specification.
    SwfVerificationRequest,
    /// Answers a [`Self::SwfVerificationRequest`].
    SwfVerificationResponse(Bytes),
    /// The server has run out of this stream's media.
    BufferEmpty(u32),
    /// The server has media of this stream again.
    BufferReady(u32),
    /// An event without meaning here.
    Other {
        /// Its number.
        event: u16,
        /// Its bytes.
        data: Bytes,
    },
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is cut off, or a command without name and number.
    pub fn parse(raw: &RawMessage) -> Result<Self, MessageError> {
        let payload = &raw.payload;
        let number = || -> Result<u32, MessageError> {
            let type_id = raw.type_id;
            let bytes = payload.first_chunk();
            let bytes = bytes.ok_or(MessageError::Truncated { type_id })?;
            Ok(u32::from_be_bytes(*bytes))
        };
        Ok(match raw.type_id {
            type_id::SET_CHUNK_SIZE => Self::SetChunkSize(number()?),
            type_id::ABORT => Self::Abort(number()?),
            type_id::ACKNOWLEDGEMENT => Self::Acknowledgement(number()?),
            type_id::USER_CONTROL => Self::UserControl(UserControl::parse(payload)?),
            type_id::WINDOW_ACK_SIZE => Self::WindowAckSize(number()?),
            type_id::SET_PEER_BANDWIDTH => Self::SetPeerBandwidth {
                window: number()?,
                // Left away by some servers.
                limit: payload.get(4).copied().unwrap_or(LIMIT_DYNAMIC),
            },
            type_id::AUDIO => Self::Audio(payload.clone()),
            type_id::VIDEO => Self::Video(payload.clone()),
            type_id::DATA => Self::Data(parse_data(payload)?),
            type_id::DATA_AMF3 => Self::Data(parse_data(without_amf3_marker(payload))?),
            type_id::COMMAND => Self::Command(parse_command(payload)?),
            type_id::COMMAND_AMF3 => Self::Command(parse_command(without_amf3_marker(payload))?),
            type_id => Self::Other {
                type_id,
                payload: payload.clone(),
            },
        })
    }

    /// The message's type on the wire.
    #[must_use]
    pub fn type_id(&self) -> u8 {
        match self {
            Self::SetChunkSize(_) => type_id::SET_CHUNK_SIZE,
            Self::Abort(_) => type_id::ABORT,
            Self::Acknowledgement(_) => type_id::ACKNOWLEDGEMENT,
            Self::UserControl(_) => type_id::USER_CONTROL,
            Self::WindowAckSize(_) => type_id::WINDOW_ACK_SIZE,
            Self::SetPeerBandwidth { .. } => type_id::SET_PEER_BANDWIDTH,
            Self::Audio(_) => type_id::AUDIO,
            Self::Video(_) => type_id::VIDEO,
            Self::Data(_) => type_id::DATA,
            Self::Command(_) => type_id::COMMAND,
            Self::Other { type_id, .. } => *type_id,
        }
    }

    /// The message's payload on the wire.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        let mut out = Vec::new();
        match self {
            Self::SetChunkSize(number)
            | Self::Abort(number)
            | Self::Acknowledgement(number)
            | Self::WindowAckSize(number) => out.extend(number.to_be_bytes()),
            Self::UserControl(event) => event.write(&mut out),
            Self::SetPeerBandwidth { window, limit } => {
                out.extend(window.to_be_bytes());
                out.push(*limit);
            }
            Self::Data(values) => {
                for value in values {
                    write_value(value, &mut out);
                }
            }
            Self::Command(command) => {
                write_value(&Value::from(command.name.as_str()), &mut out);
                write_value(&Value::Number(command.transaction), &mut out);
                for value in [&command.object].into_iter().chain(&command.args) {
                    write_value(value, &mut out);
                }
            }
            Self::Audio(bytes) | Self::Video(bytes) | Self::Other { payload: bytes, .. } => {
                return bytes.clone();
            }
        }
        out.into()
    }

    /// Appends the message to `out`, in chunks, on the chunk stream it belongs to.
    ///
    /// # Errors
    /// When it is longer than RTMP can tell.
    pub fn write(
        &self,
        timestamp: u32,
        stream_id: u32,
        chunks: &mut ChunkWriter,
        out: &mut Vec<u8>,
    ) -> Result<(), ChunkError> {
        let header = Outgoing {
            chunk_stream: self.chunk_stream(stream_id),
            timestamp,
            type_id: self.type_id(),
            stream_id,
        };
        chunks.write(header, &[&self.payload()], out)
    }

    fn chunk_stream(&self, stream_id: u32) -> ChunkStream {
        match self {
            Self::Audio(_) => ChunkStream::Audio,
            Self::Video(_) => ChunkStream::Video,
            Self::Data(_) => ChunkStream::Data,
            Self::Command(_) | Self::Other { .. } if stream_id == 0 => ChunkStream::Command,
            Self::Command(_) | Self::Other { .. } => ChunkStream::StreamCommand,
            Self::SetChunkSize(_)
            | Self::Abort(_)
            | Self::Acknowledgement(_)
            | Self::UserControl(_)
            | Self::WindowAckSize(_)
            | Self::SetPeerBandwidth { .. } => ChunkStream::Control,
        }
    }
}

/// Which media message a tag's body goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Appends a media message to `out`, in chunks. The codec's bytes are copied once, into `out`.
///
/// # Errors
/// When it is longer than RTMP can tell.
pub fn write_media(
    kind: MediaKind,
    body: &TagBody,
    timestamp: u32,
    stream_id: u32,
    chunks: &mut ChunkWriter,
    out: &mut Vec<u8>,
) -> Result<(), ChunkError> {
    let (chunk_stream, type_id) = match kind {
        MediaKind::Audio => (ChunkStream::Audio, type_id::AUDIO),
        MediaKind::Video => (ChunkStream::Video, type_id::VIDEO),
    };
    let header = Outgoing {
        chunk_stream,
        timestamp,
        type_id,
        stream_id,
    };
    chunks.write(header, &body.parts(), out)
}

impl UserControl {
    fn parse(payload: &Bytes) -> Result<Self, MessageError> {
        let truncated = || MessageError::Truncated {
            type_id: type_id::USER_CONTROL,
        };
        let event = u16::from_be_bytes(*payload.first_chunk().ok_or_else(truncated)?);
        let number = |at: usize| {
            let bytes = payload.get(at..).and_then(<[u8]>::first_chunk);
            bytes.copied().map(u32::from_be_bytes).ok_or_else(truncated)
        };
        Ok(match event {
            event::STREAM_BEGIN => Self::StreamBegin(number(2)?),
            event::STREAM_EOF => Self::StreamEof(number(2)?),
            event::STREAM_DRY => Self::StreamDry(number(2)?),
            event::SET_BUFFER_LENGTH => Self::SetBufferLength {
                stream_id: number(2)?,
                millis: number(6)?,
            },
            event::STREAM_IS_RECORDED => Self::StreamIsRecorded(number(2)?),
            event::PING_REQUEST => Self::PingRequest(number(2)?),
            event::PING_RESPONSE => Self::PingResponse(number(2)?),
            event::SWF_VERIFICATION_REQUEST => Self::SwfVerificationRequest,
            event::SWF_VERIFICATION_RESPONSE => Self::SwfVerificationResponse(payload.slice(2..)),
            event::BUFFER_EMPTY => Self::BufferEmpty(number(2)?),
            event::BUFFER_READY => Self::BufferReady(number(2)?),
            event => Self::Other {
                event,
                data: payload.slice(2..),
            },
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let numbered = |event, number: &u32| (event, number.to_be_bytes().to_vec());
        let (event, data) = match self {
            Self::StreamBegin(stream_id) => numbered(event::STREAM_BEGIN, stream_id),
            Self::StreamEof(stream_id) => numbered(event::STREAM_EOF, stream_id),
            Self::StreamDry(stream_id) => numbered(event::STREAM_DRY, stream_id),
            Self::SetBufferLength { stream_id, millis } => (
                event::SET_BUFFER_LENGTH,
                [stream_id.to_be_bytes(), millis.to_be_bytes()].concat(),
            ),
            Self::StreamIsRecorded(stream_id) => numbered(event::STREAM_IS_RECORDED, stream_id),
            Self::PingRequest(number) => numbered(event::PING_REQUEST, number),
            Self::PingResponse(number) => numbered(event::PING_RESPONSE, number),
            Self::SwfVerificationRequest => (event::SWF_VERIFICATION_REQUEST, Vec::new()),
            Self::SwfVerificationResponse(data) => {
                (event::SWF_VERIFICATION_RESPONSE, data.to_vec())
            }
            Self::BufferEmpty(stream_id) => numbered(event::BUFFER_EMPTY, stream_id),
            Self::BufferReady(stream_id) => numbered(event::BUFFER_READY, stream_id),
            Self::Other { event, data } => (*event, data.to_vec()),
        };
        out.extend(event.to_be_bytes());
        out.extend(data);
    }
}

/// Why a message cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MessageError {
    /// It ends too early.
    #[error("a message of type {type_id} is cut off")]
    Truncated {
        /// Its type.
        type_id: u8,
    },
    /// Its values cannot be read.
    #[error("a command or data message cannot be read")]
    Values(#[from] Amf0Error),
    /// A command that does not begin with its name.
    #[error("a command has no name")]
    NoName,
    /// An aggregate message within another.
    #[error("an aggregate message holds another")]
    Nested,
}

/// Message types on the wire.
pub mod type_id {
    /// Set Chunk Size.
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// Abort Message.
    pub const ABORT: u8 = 2;
    /// Acknowledgement.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User Control Message.
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size.
    pub const WINDOW_ACK_SIZE: u8 = 5;
    /// Set Peer Bandwidth.
    pub const SET_PEER_BANDWIDTH: u8 = 6;
    /// Audio.
    pub const AUDIO: u8 = 8;
    /// Video.
    pub const VIDEO: u8 = 9;
    /// Data in AMF3, in practice a zero and AMF0.
    pub const DATA_AMF3: u8 = 15;
    /// Command in AMF3, in practice a zero and AMF0.
    pub const COMMAND_AMF3: u8 = 17;
    /// Data in AMF0.
    pub const DATA: u8 = 18;
    /// Command in AMF0.
    pub const COMMAND: u8 = 20;
    /// Aggregate Message: several in one.
    pub const AGGREGATE: u8 = 22;
}

mod event {
    pub(super) const STREAM_BEGIN: u16 = 0;
    pub(super) const STREAM_EOF: u16 = 1;
    pub(super) const STREAM_DRY: u16 = 2;
    pub(super) const SET_BUFFER_LENGTH: u16 = 3;
    pub(super) const STREAM_IS_RECORDED: u16 = 4;
    pub(super) const PING_REQUEST: u16 = 6;
    pub(super) const PING_RESPONSE: u16 = 7;
    pub(super) const SWF_VERIFICATION_REQUEST: u16 = 26;
    pub(super) const SWF_VERIFICATION_RESPONSE: u16 = 27;
    pub(super) const BUFFER_EMPTY: u16 = 31;
    pub(super) const BUFFER_READY: u16 = 32;
}

/// The limit type of Set Peer Bandwidth that asks for nothing new.
const LIMIT_DYNAMIC: u8 = 2;

/// AMF3 messages begin with a zero where they hold AMF0 values; a name cannot begin with one.
fn without_amf3_marker(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(&[0]).unwrap_or(payload)
}

fn parse_data(payload: &[u8]) -> Result<Vec<Value>, MessageError> {
    match read_leading_values(payload) {
        (values, Some(error)) if values.is_empty() => Err(error.into()),
        (values, _) => Ok(values),
    }
}

/// Name, number, object and arguments. Missing ones behind the name are read as none: servers leave them
/// away, or stray bytes behind the last.
fn parse_command(payload: &[u8]) -> Result<Command, MessageError> {
    let mut values = parse_data(payload)?.into_iter();
    let Some(Value::String(name)) = values.next() else {
        return Err(MessageError::NoName);
    };
    Ok(Command {
        name,
        transaction: values
            .next()
            .and_then(|value| value.as_number())
            .unwrap_or(0.0),
        object: values.next().unwrap_or(Value::Null),
        args: values.collect(),
    })
}

#[cfg(test)]
mod tests;
