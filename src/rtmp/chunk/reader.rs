//! Puts messages together from chunks, of any sender known: all header forms, extended timestamps repeated or
//! not, control messages between the chunks of another message.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};

use super::wire::{
    CONTINUE, ChunkError, DEFAULT_CHUNK_SIZE, MAX_BUFFERED_BYTES, MAX_CHUNK_STREAMS,
    MAX_MESSAGE_BYTES, MAX_U24,
};
use crate::rtmp::message::type_id;

/// A whole message as it came from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    /// The chunk stream it came on.
    pub chunk_stream: u32,
    /// Milliseconds; wraps.
    pub timestamp: u32,
    /// What it is; see [`crate::rtmp::message`].
    pub type_id: u8,
    /// The message stream it belongs to; 0 is the connection itself.
    pub stream_id: u32,
    /// Its bytes.
    pub payload: Bytes,
}

/// Puts messages together from the chunks a peer sends.
///
/// After each [`push`](Self::push), call [`next_message`](Self::next_message) until it gives `None`. Set
/// Chunk Size and Abort take effect here (and are given out like any message). After an error the connection
/// cannot be used further.
#[derive(Debug)]
pub struct ChunkReader {
    /// Bytes pushed and not yet read. Drained, this is at most one incomplete chunk header.
    input: BytesMut,
    chunk_size: usize,
    streams: BTreeMap<u32, Incoming>,
    /// The chunk stream whose chunk is being read, and how many bytes of that chunk are to come.
    in_chunk: Option<(u32, usize)>,
    /// Bytes in all incomplete messages.
    buffered: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkReader {
    /// For a new connection, behind the handshake.
    #[must_use]
    pub fn new() -> Self {
        Self {
            input: BytesMut::new(),
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: BTreeMap::new(),
            in_chunk: None,
            buffered: 0,
        }
    }

    /// Takes bytes from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next complete message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the peer breaks the protocol or exceeds a limit.
    pub fn next_message(&mut self) -> Result<Option<RawMessage>, ChunkError> {
        loop {
            let (chunk_stream, missing) = match self.in_chunk {
                Some(chunk) => chunk,
                None => match self.read_header()? {
                    Some(chunk) => chunk,
                    None => return Ok(None),
                },
            };
            let stream = self.streams.entry(chunk_stream).or_default();
            let available = missing.min(self.input.len());
            stream.partial.extend_from_slice(&self.input[..available]);
            self.input.advance(available);
            self.buffered += available;
            if available < missing {
                self.in_chunk = Some((chunk_stream, missing - available));
                return Ok(None);
            }

            self.in_chunk = None;
            if stream.missing() == 0 {
                let message = stream.take_message(chunk_stream);
                self.buffered -= message.payload.len();
                self.obey(&message)?;
                return Ok(Some(message));
            }
        }
    }

    /// Reads a chunk's header, if it is all there: which chunk stream, and how many bytes follow.
    fn read_header(&mut self) -> Result<Option<(u32, usize)>, ChunkError> {
        let mut header = Cursor {
            bytes: &self.input,
            at: 0,
        };
        let Some((format, chunk_stream)) = read_basic_header(&mut header) else {
            return Ok(None);
        };
        let previous = self.streams.get(&chunk_stream);
        if previous.is_none() && self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(ChunkError::TooManyChunkStreams);
        }
        let continued = previous.is_some_and(|stream| stream.in_message);
        let mut next = match (format, previous) {
            // Some old senders begin with type 1: a delta from 0 on message stream 0. Servers take it.
            (0, _) | (1, None) => MessageHeader::default(),
            (_, Some(stream)) => stream.header,
            (_, None) => return Err(ChunkError::NoHeader { chunk_stream }),
        };
        if format != CONTINUE && continued {
            return Err(ChunkError::Interrupted { chunk_stream });
        }

        if read_message_header(&mut header, format, continued, &mut next).is_none() {
            return Ok(None);
        }
        if next.length > MAX_MESSAGE_BYTES {
            return Err(ChunkError::MessageTooLong {
                length: next.length,
            });
        }
        let done = previous.map_or(0, |stream| stream.partial.len());
        let missing = (next.length - done).min(self.chunk_size);
        if self.buffered + missing > MAX_BUFFERED_BYTES {
            return Err(ChunkError::TooMuchBuffered);
        }

        let consumed = header.at;
        self.input.advance(consumed);
        let stream = self.streams.entry(chunk_stream).or_default();
        stream.header = next;
        stream.in_message = true;
        Ok(Some((chunk_stream, missing)))
    }

    /// Does what protocol control messages ask of this layer (5.4.1, 5.4.2).
    fn obey(&mut self, message: &RawMessage) -> Result<(), ChunkError> {
        let number = || {
            message
                .payload
                .first_chunk()
                .copied()
                .map(u32::from_be_bytes)
        };
        match message.type_id {
            type_id::SET_CHUNK_SIZE => {
                let size = number().unwrap_or(0);
                if size == 0 || size > i32::MAX.unsigned_abs() {
                    return Err(ChunkError::ChunkSize(size));
                }
                // No message is longer than this, so a larger chunk cannot be.
                self.chunk_size = usize::try_from(size)
                    .unwrap_or(usize::MAX)
                    .min(MAX_MESSAGE_BYTES);
            }
            type_id::ABORT => {
                if let Some(stream) = number().and_then(|id| self.streams.get_mut(&id)) {
                    self.buffered -= stream.partial.len();
                    stream.partial = BytesMut::new();
                    stream.in_message = false;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a chunk stream's last chunk said, and the message it is part of.
#[derive(Debug, Default)]
struct Incoming {
    header: MessageHeader,
    in_message: bool,
    partial: BytesMut,
}

impl Incoming {
    fn missing(&self) -> usize {
        self.header.length - self.partial.len()
    }

    fn take_message(&mut self, chunk_stream: u32) -> RawMessage {
        self.in_message = false;
        RawMessage {
            chunk_stream,
            timestamp: self.header.timestamp,
            type_id: self.header.type_id,
            stream_id: self.header.stream_id,
            payload: std::mem::take(&mut self.partial).freeze(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct MessageHeader {
    timestamp: u32,
    /// What a type 3 chunk that begins a message adds (5.3.1.2.4): the last delta, or the last absolute time.
    delta: u32,
    /// The extended timestamp behind the last header, if there was one.
    extended: Option<u32>,
    length: usize,
    type_id: u8,
    stream_id: u32,
}

/// Reads forward; `None` at the end.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.bytes[self.at..].first_chunk()?;
        self.at += N;
        Some(array)
    }

    fn u24(&mut self) -> Option<u32> {
        let [high, middle, low] = self.array()?;
        Some(u32::from_be_bytes([0, high, middle, low]))
    }

    /// Steps over `expected` if it comes next; `None` when there are too few bytes to tell.
    fn skip_if(&mut self, expected: [u8; 4]) -> Option<bool> {
        let rest = &self.bytes[self.at..];
        if rest.len() < expected.len() && expected.starts_with(rest) {
            return None;
        }
        let same = rest.starts_with(&expected);
        if same {
            self.at += expected.len();
        }
        Some(same)
    }
}

/// Chunk type and chunk stream (5.3.1.1).
fn read_basic_header(header: &mut Cursor) -> Option<(u8, u32)> {
    let [first] = header.array()?;
    let chunk_stream = match first & 0x3F {
        0 => 64 + u32::from(header.array::<1>()?[0]),
        1 => 64 + u32::from(u16::from_le_bytes(header.array()?)),
        short => u32::from(short),
    };
    Some((first >> 6, chunk_stream))
}

/// The message header of any chunk type, with its extended timestamp (5.3.1.2, 5.3.1.3).
fn read_message_header(
    header: &mut Cursor,
    format: u8,
    continued: bool,
    next: &mut MessageHeader,
) -> Option<()> {
    if format == CONTINUE {
        if let Some(extended) = next.extended {
            // Most senders repeat it, some do not: it is there if it looks like it. A few that sent a
            // delta repeat the absolute time.
            let repeated = header.skip_if(extended.to_be_bytes())?;
            if !repeated && extended != next.timestamp {
                header.skip_if(next.timestamp.to_be_bytes())?;
            }
        }
        if !continued {
            next.timestamp = next.timestamp.wrapping_add(next.delta);
        }
        return Some(());
    }

    let mut time = header.u24()?;
    if format <= 1 {
        next.length = usize::try_from(header.u24()?).unwrap_or(usize::MAX);
        [next.type_id] = header.array()?;
    }
    if format == 0 {
        next.stream_id = u32::from_le_bytes(header.array()?);
    }
    next.extended = None;
    if time == MAX_U24 {
        time = u32::from_be_bytes(header.array()?);
        next.extended = Some(time);
    }
    next.delta = time;
    next.timestamp = if format == 0 {
        time
    } else {
        next.timestamp.wrapping_add(time)
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::{
        super::{
            ChunkStream,
            testing::{bytes, outgoing, read, read_in_pieces, times, written},
        },
        *,
    };

    #[test]
    fn any_split_of_the_bytes_gives_the_same_messages() {
        let long = bytes(300);
        let wire = written(&[
            (
                outgoing(ChunkStream::Control, 0, type_id::SET_CHUNK_SIZE),
                &hex!("000000C8"),
            ),
            (outgoing(ChunkStream::Video, 0x0100_0000, 9), &long),
            (outgoing(ChunkStream::Audio, 0x0100_0000, 8), &[]),
            (outgoing(ChunkStream::Video, 0x0100_0021, 9), &long),
        ]);
        let whole = read(&wire).unwrap();
        assert_eq!(whole.len(), 4);
        for piece in 1..wire.len() {
            assert_eq!(read_in_pieces(&wire, piece).unwrap(), whole, "{piece}");
        }
        for at in 1..wire.len() {
            let mut reader = ChunkReader::new();
            let mut messages = Vec::new();
            for part in [&wire[..at], &wire[at..]] {
                reader.push(part);
                while let Some(message) = reader.next_message().unwrap() {
                    messages.push(message);
                }
            }
            assert_eq!(messages, whole, "split at {at}");
            assert_eq!(reader.input.len(), 0);
        }
    }

    #[test]
    fn all_forms_of_the_basic_header_are_read() {
        for (basic, chunk_stream) in [
            (&hex!("02")[..], 2),
            (&hex!("3F"), 63),
            (&hex!("00 00"), 64),
            (&hex!("00 FF"), 319),
            (&hex!("01 0000"), 64),
            (&hex!("01 0100"), 65),
            (&hex!("01 FFFF"), 65_599),
        ] {
            let wire = [basic, &hex!("000001 000001 08 01000000 AA")].concat();
            for piece in 1..=wire.len() {
                let messages = read_in_pieces(&wire, piece).unwrap();
                assert_eq!(messages[0].chunk_stream, chunk_stream);
            }
        }
    }

    #[test]
    fn a_new_message_without_header_repeats_the_last_delta() {
        // 5.3.1.2.4: behind a full header the delta is that header's time.
        assert_eq!(
            times(&hex!(
                "04 000005 000001 08 01000000 AA  C4 AA  44 000003 000001 08 AA  C4 AA"
            )),
            [5, 10, 13, 16]
        );
    }

    #[test]
    fn continuations_are_read_with_and_without_the_extended_timestamp() {
        let payload = bytes(200);
        let header = hex!("04 FFFFFF 0000C8 08 01000000 01000000");
        let (first, rest) = payload.split_at(128);
        for repeated in [&hex!("01000000")[..], &[]] {
            let wire = [&header, first, &[0xC4], repeated, rest].concat();
            for piece in 1..wire.len() {
                let messages = read_in_pieces(&wire, piece).unwrap();
                assert_eq!(messages[0].payload, payload, "{piece}");
                assert_eq!(messages[0].timestamp, 0x0100_0000);
            }
        }
    }

    #[test]
    fn an_extended_delta_is_added_and_may_be_repeated_as_time() {
        let payload = bytes(200);
        let (first, rest) = payload.split_at(128);
        for repeated in [hex!("01000000"), hex!("01000005")] {
            let wire = [
                &hex!("04 000005 000001 08 01000000 AA")[..],
                &hex!("44 FFFFFF 0000C8 08 01000000"),
                first,
                &[0xC4],
                &repeated,
                rest,
            ]
            .concat();
            let messages = read(&wire).unwrap();
            assert_eq!(messages[1].payload, payload);
            assert_eq!(messages[1].timestamp, 0x0100_0005);
        }
    }

    #[test]
    fn an_omitted_extended_timestamp_does_not_hold_up_the_last_bytes() {
        let payload = bytes(129);
        let (first, rest) = payload.split_at(128);
        let header = hex!("04 FFFFFF 000081 08 01000000 01000000");
        let wire = [&header, first, &[0xC4], rest].concat();
        assert_eq!(read(&wire).unwrap()[0].payload, payload);
    }

    #[test]
    fn control_messages_may_stand_between_the_chunks_of_another() {
        let payload = bytes(200);
        let (first, rest) = payload.split_at(128);
        let ping = hex!("02 000000 000006 04 00000000 0006 01020304");
        let header = hex!("06 000000 0000C8 09 01000000");
        let wire = [&header, first, &ping, &[0xC6], rest].concat();
        let messages = read(&wire).unwrap();
        assert_eq!(messages[0].type_id, 4);
        assert_eq!(messages[1].payload, payload);
    }

    #[test]
    fn an_aborted_message_is_forgotten() {
        let wire = [
            &hex!("06 000000 0000C8 09 01000000")[..],
            &bytes(128),
            &hex!("02 000000 000004 02 00000000 00000006"),
            &hex!("06 000007 000001 09 01000000 AA"),
        ]
        .concat();
        let mut reader = ChunkReader::new();
        reader.push(&wire);
        assert_eq!(
            reader.next_message().unwrap().unwrap().type_id,
            type_id::ABORT
        );
        assert_eq!(reader.buffered, 0);
        let message = reader.next_message().unwrap().unwrap();
        assert_eq!((message.timestamp, &message.payload[..]), (7, &[0xAA][..]));
    }

    #[test]
    fn what_breaks_the_protocol_is_an_error() {
        assert_eq!(
            read(&hex!("C4")),
            Err(ChunkError::NoHeader { chunk_stream: 4 })
        );
        assert_eq!(
            read(&hex!("84 000000")),
            Err(ChunkError::NoHeader { chunk_stream: 4 })
        );
        let begun = [&hex!("06 000000 0000C8 09 01000000")[..], &bytes(128)].concat();
        for next in [
            &hex!("06 000000 000001 09 01000000")[..],
            &hex!("86 000000"),
        ] {
            assert_eq!(
                read(&[&begun, next].concat()),
                Err(ChunkError::Interrupted { chunk_stream: 6 })
            );
        }
        for size in [0, 0x8000_0000, u32::MAX] {
            let wire = [
                &hex!("02 000000 000004 01 00000000")[..],
                &size.to_be_bytes(),
            ]
            .concat();
            assert_eq!(read(&wire), Err(ChunkError::ChunkSize(size)));
        }
    }

    #[test]
    fn hostile_lengths_and_counts_are_refused() {
        assert_eq!(
            read(&hex!("04 000000 FFFFFF 08 01000000")),
            Err(ChunkError::MessageTooLong { length: 0xFF_FFFF })
        );

        let mut many = Vec::new();
        for chunk_stream in 0..=u8::try_from(MAX_CHUNK_STREAMS).unwrap() {
            many.extend([0, chunk_stream]);
            many.extend(hex!("000000 000000 08 01000000"));
        }
        assert_eq!(read(&many), Err(ChunkError::TooManyChunkStreams));

        // Messages of 8 MiB, each left one byte short.
        let mut wire = hex!("02 000000 000004 01 00000000 007FFFFF").to_vec();
        let body = vec![0; 0x7F_FFFF];
        for chunk_stream in 3..6 {
            wire.push(chunk_stream);
            wire.extend(hex!("000000 800000 08 01000000"));
            wire.extend(&body);
        }
        assert_eq!(read(&wire), Err(ChunkError::TooMuchBuffered));
    }

    #[test]
    fn memory_grows_with_what_arrives_and_not_with_what_is_announced() {
        let mut reader = ChunkReader::new();
        reader.push(&hex!("04 000000 700000 08 01000000 AA"));
        assert_eq!(reader.next_message(), Ok(None));
        assert!(reader.streams[&4].partial.capacity() < 1024);
    }

    #[test]
    fn arbitrary_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3_000 {
            let wire: Vec<u8> = (0..random.usize(..400))
                .map(|_| match random.u8(..4) {
                    0 => random.u8(..),
                    1 => 0xFF,
                    2 => 0xC4,
                    _ => random.u8(..8),
                })
                .collect();
            let piece = random.usize(1..40);
            let whole = read(&wire);
            assert_eq!(read_in_pieces(&wire, piece), whole);
        }
    }
}
