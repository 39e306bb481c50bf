//! Messages and wires for the tests of this folder.

use super::{ChunkReader, ChunkStream, ChunkWriter, Outgoing, RawMessage, wire::ChunkError};

pub(super) fn outgoing(chunk_stream: ChunkStream, timestamp: u32, type_id: u8) -> Outgoing {
    Outgoing {
        chunk_stream,
        timestamp,
        type_id,
        stream_id: 1,
    }
}

pub(super) fn written(messages: &[(Outgoing, &[u8])]) -> Vec<u8> {
    let mut writer = ChunkWriter::new();
    let mut out = Vec::new();
    for (header, payload) in messages {
        writer.write(*header, &[payload], &mut out).unwrap();
    }
    out
}

/// All messages in `wire`, read in pieces of `piece` bytes.
pub(super) fn read_in_pieces(wire: &[u8], piece: usize) -> Result<Vec<RawMessage>, ChunkError> {
    let mut reader = ChunkReader::new();
    let mut messages = Vec::new();
    for bytes in wire.chunks(piece) {
        reader.push(bytes);
        while let Some(message) = reader.next_message()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

pub(super) fn read(wire: &[u8]) -> Result<Vec<RawMessage>, ChunkError> {
    read_in_pieces(wire, wire.len().max(1))
}

pub(super) fn times(wire: &[u8]) -> Vec<u32> {
    let messages = read(wire).unwrap();
    messages.iter().map(|message| message.timestamp).collect()
}

pub(super) fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// What a sender writes behind the headers of type 3 chunks where a timestamp was extended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Continues {
    /// The same again, as specified.
    Same,
    /// Nothing.
    Omitting,
    /// The message's absolute time.
    Absolute,
    /// These bytes.
    With([u8; 4]),
}

/// A sender that writes any header form, which [`ChunkWriter`] does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnySender {
    pub(super) chunk_size: usize,
    pub(super) continues: Continues,
}

/// One message of [`AnySender`].
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyMessage<'a> {
    pub(super) format: u8,
    pub(super) chunk_stream: u32,
    /// The time in its header: absolute with format 0, a delta with 1 and 2, what was last sent with 3.
    pub(super) time: u32,
    /// Its absolute time.
    pub(super) timestamp: u32,
    pub(super) type_id: u8,
    pub(super) stream_id: u32,
    pub(super) payload: &'a [u8],
}

impl AnySender {
    /// The message's chunks.
    pub(super) fn chunks(self, message: &AnyMessage) -> Vec<Vec<u8>> {
        let extended = (message.time >= 0xFF_FFFF).then(|| message.time.to_be_bytes());
        let u24 = |number: u32| number.to_be_bytes()[1..].to_vec();
        let length = u32::try_from(message.payload.len()).unwrap();

        let mut first = basic_header(message.format, message.chunk_stream);
        if message.format <= 2 {
            first.extend(u24(message.time.min(0xFF_FFFF)));
        }
        if message.format <= 1 {
            first.extend(u24(length));
            first.push(message.type_id);
        }
        if message.format == 0 {
            first.extend(message.stream_id.to_le_bytes());
        }
        if message.format <= 2 {
            first.extend(extended.iter().flatten());
        }
        let mut later = basic_header(3, message.chunk_stream);
        later.extend(
            extended
                .and_then(|same| match self.continues {
                    Continues::Same => Some(same),
                    Continues::Omitting => None,
                    Continues::Absolute => Some(message.timestamp.to_be_bytes()),
                    Continues::With(bytes) => Some(bytes),
                })
                .iter()
                .flatten(),
        );
        if message.format == 3 {
            first.clone_from(&later);
        }
        let mut pieces = message.payload.chunks(self.chunk_size);
        let begin = [&first, pieces.next().unwrap_or_default()].concat();
        let rest = pieces.map(|piece| [&later, piece].concat());
        std::iter::once(begin).chain(rest).collect()
    }
}

fn basic_header(format: u8, chunk_stream: u32) -> Vec<u8> {
    match chunk_stream {
        0..64 => vec![format << 6 | u8::try_from(chunk_stream).unwrap()],
        64..320 => vec![format << 6, u8::try_from(chunk_stream - 64).unwrap()],
        _ => {
            let [low, high] = u16::try_from(chunk_stream - 64).unwrap().to_le_bytes();
            vec![format << 6 | 1, low, high]
        }
    }
}
