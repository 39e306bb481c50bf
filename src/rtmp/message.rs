//! What RTMP messages mean, and their bytes (sections 5.4, 6.2, 7).

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
    /// A kind of message without meaning here.
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
            event => Self::Other {
                event,
                data: payload.slice(2..),
            },
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (event, number) = match self {
            Self::StreamBegin(stream_id) => (event::STREAM_BEGIN, *stream_id),
            Self::StreamEof(stream_id) => (event::STREAM_EOF, *stream_id),
            Self::StreamDry(stream_id) => (event::STREAM_DRY, *stream_id),
            Self::SetBufferLength { stream_id, .. } => (event::SET_BUFFER_LENGTH, *stream_id),
            Self::StreamIsRecorded(stream_id) => (event::STREAM_IS_RECORDED, *stream_id),
            Self::PingRequest(number) => (event::PING_REQUEST, *number),
            Self::PingResponse(number) => (event::PING_RESPONSE, *number),
            Self::Other { event, data } => {
                out.extend(event.to_be_bytes());
                out.extend(data);
                return;
            }
        };
        out.extend(event.to_be_bytes());
        out.extend(number.to_be_bytes());
        if let Self::SetBufferLength { millis, .. } = self {
            out.extend(millis.to_be_bytes());
        }
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
}

mod event {
    pub(super) const STREAM_BEGIN: u16 = 0;
    pub(super) const STREAM_EOF: u16 = 1;
    pub(super) const STREAM_DRY: u16 = 2;
    pub(super) const SET_BUFFER_LENGTH: u16 = 3;
    pub(super) const STREAM_IS_RECORDED: u16 = 4;
    pub(super) const PING_REQUEST: u16 = 6;
    pub(super) const PING_RESPONSE: u16 = 7;
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
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::rtmp::chunk::ChunkReader;

    fn raw(type_id: u8, payload: &[u8]) -> RawMessage {
        RawMessage {
            chunk_stream: 3,
            timestamp: 0,
            type_id,
            stream_id: 0,
            payload: Bytes::copy_from_slice(payload),
        }
    }

    fn cases() -> Vec<(Message, u8, Vec<u8>)> {
        use UserControl as Event;
        let event = Message::UserControl;
        vec![
            (Message::SetChunkSize(65_536), 1, hex!("00010000").into()),
            (Message::Abort(6), 2, hex!("00000006").into()),
            (Message::Acknowledgement(3073), 3, hex!("00000C01").into()),
            (
                event(Event::StreamBegin(1)),
                4,
                hex!("0000 00000001").into(),
            ),
            (event(Event::StreamEof(1)), 4, hex!("0001 00000001").into()),
            (event(Event::StreamDry(1)), 4, hex!("0002 00000001").into()),
            (
                event(Event::SetBufferLength {
                    stream_id: 1,
                    millis: 3000,
                }),
                4,
                hex!("0003 00000001 00000BB8").into(),
            ),
            (
                event(Event::StreamIsRecorded(1)),
                4,
                hex!("0004 00000001").into(),
            ),
            (
                event(Event::PingRequest(7)),
                4,
                hex!("0006 00000007").into(),
            ),
            (
                event(Event::PingResponse(7)),
                4,
                hex!("0007 00000007").into(),
            ),
            (
                event(Event::Other {
                    event: 31,
                    data: Bytes::from_static(&[1]),
                }),
                4,
                hex!("001F 01").into(),
            ),
            (Message::WindowAckSize(100_000), 5, hex!("000186A0").into()),
            (
                Message::SetPeerBandwidth {
                    window: 2_500_000,
                    limit: 2,
                },
                6,
                hex!("002625A0 02").into(),
            ),
            (
                Message::Audio(Bytes::from_static(&hex!("AF01"))),
                8,
                hex!("AF01").into(),
            ),
            (
                Message::Video(Bytes::from_static(&hex!("1702"))),
                9,
                hex!("1702").into(),
            ),
            (
                Message::Data(vec![Value::from("onFI"), Value::Null]),
                18,
                hex!("02 0004 6F6E4649 05").into(),
            ),
            (
                Message::Command(Command::new("createStream", 4.0, vec![])),
                20,
                hex!("02 000C 63726561746553747265616D 00 4010000000000000 05").into(),
            ),
            (
                Message::Other {
                    type_id: 22,
                    payload: Bytes::from_static(&[9]),
                },
                22,
                vec![9],
            ),
        ]
    }

    #[test]
    fn every_message_is_written_and_read_back() {
        for (message, type_id, wire) in cases() {
            assert_eq!(message.type_id(), type_id);
            assert_eq!(message.payload()[..], wire, "{message:?}");
            assert_eq!(Message::parse(&raw(type_id, &wire)), Ok(message));
        }
    }

    #[test]
    fn a_message_cut_off_anywhere_is_an_error_or_one_with_fewer_arguments() {
        for (message, type_id, wire) in cases() {
            for length in 0..wire.len() {
                match Message::parse(&raw(type_id, &wire[..length])) {
                    Err(_)
                    | Ok(
                        Message::SetPeerBandwidth { .. }
                        | Message::Command(_)
                        | Message::Data(_)
                        | Message::Audio(_)
                        | Message::Video(_)
                        | Message::Other { .. }
                        | Message::UserControl(UserControl::Other { .. }),
                    ) => {}
                    Ok(read) => panic!("{message:?} cut at {length} reads as {read:?}"),
                }
            }
        }
    }

    #[test]
    fn control_messages_open_a_connection_as_expected() {
        let mut chunks = ChunkWriter::new();
        let mut out = Vec::new();
        for message in [
            Message::SetChunkSize(4096),
            Message::WindowAckSize(100_000),
            Message::UserControl(UserControl::PingResponse(0x0102_0304)),
        ] {
            message.write(0, 0, &mut chunks, &mut out).unwrap();
        }
        assert_eq!(
            out,
            hex!(
                "02 000000 000004 01 00000000 00001000"
                "42 000000 000004 05 000186A0"
                "42 000000 000006 04 0007 01020304"
            )
        );
    }

    #[test]
    fn commands_go_on_the_chunk_stream_of_what_they_are_about() {
        let mut chunks = ChunkWriter::new();
        let mut out = Vec::new();
        let mut write = |name: &str, transaction, stream_id| {
            let begin = out.len();
            Message::Command(Command::new(name, transaction, vec![]))
                .write(0, stream_id, &mut chunks, &mut out)
                .unwrap();
            out[begin..].to_vec()
        };
        assert_eq!(write("connect", 1.0, 0)[..1], hex!("03"));
        assert_eq!(
            write("createStream", 4.0, 0),
            hex!("43 000000 000019 14 02000C 63726561746553747265616D 00 4010000000000000 05")
        );
        assert_eq!(
            write("publish", 5.0, 1)[..12],
            hex!("08 000000 000014 14 01000000")
        );
    }

    #[test]
    fn media_is_read_back_as_it_was_given() {
        let crate::media::packet::Packet::Video(packet) =
            crate::flv::testing::video_at(crate::units::MediaTime::ZERO, true)
        else {
            unreachable!()
        };
        let body = crate::flv::tag::avc_frame(&packet);
        let mut out = Vec::new();
        write_media(
            MediaKind::Video,
            &body,
            40,
            1,
            &mut ChunkWriter::new(),
            &mut out,
        )
        .unwrap();

        let mut reader = ChunkReader::new();
        reader.push(&out);
        let raw = reader.next_message().unwrap().unwrap();
        assert_eq!((raw.chunk_stream, raw.timestamp, raw.stream_id), (6, 40, 1));
        assert_eq!(Message::parse(&raw), Ok(Message::Video(body.to_bytes())));
    }

    #[test]
    fn amf3_messages_hold_amf0_values_behind_a_zero() {
        let wire = hex!("00 02 0004 70696E67 00 0000000000000000 05");
        for payload in [&wire[..], &wire[1..]] {
            assert_eq!(
                Message::parse(&raw(17, payload)),
                Ok(Message::Command(Command::new("ping", 0.0, vec![])))
            );
        }
        assert_eq!(
            Message::parse(&raw(15, &hex!("00 02 0001 61"))),
            Ok(Message::Data(vec![Value::from("a")]))
        );
    }

    #[test]
    fn sloppy_commands_are_understood() {
        let command = |payload: &[u8]| match Message::parse(&raw(20, payload)) {
            Ok(Message::Command(command)) => command,
            other => panic!("{other:?}"),
        };
        // The name alone; a stray end marker behind the last argument.
        assert_eq!(command(&hex!("02 0001 61")), Command::new("a", 0.0, vec![]));
        assert_eq!(
            command(&hex!("02 0001 61 00 3FF0000000000000 05 0101 000009")),
            Command::new("a", 1.0, vec![Value::Boolean(true)])
        );
        assert_eq!(Message::parse(&raw(20, &[5])), Err(MessageError::NoName));
        assert_eq!(Message::parse(&raw(20, &[])), Err(MessageError::NoName));
    }

    #[test]
    fn the_information_object_is_found_wherever_servers_put_it() {
        let information = Value::object([("code", Value::from("NetStream.Publish.Start"))]);
        let mut command = Command::new("onStatus", 0.0, vec![Value::Null, information.clone()]);
        assert_eq!(command.information(), Some(&information));
        command.args.clear();
        assert_eq!(command.information(), None);
        command.object = information.clone();
        assert_eq!(command.information(), Some(&information));
    }
}
