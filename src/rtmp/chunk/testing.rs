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
