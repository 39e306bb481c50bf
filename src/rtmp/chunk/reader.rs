//! Puts messages together from chunks, of any sender known: all header forms, extended timestamps repeated or
//! not, control messages between the chunks of another message.
//!
//! However the bytes are split on their way, the messages are the same.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    header::{BasicHeader, Cursor, MessageHeader},
    wire::{
        CONTINUE, ChunkError, DEFAULT_CHUNK_SIZE, MAX_BUFFERED_BYTES, MAX_CHUNK_SIZE,
        MAX_CHUNK_STREAMS, MAX_MESSAGE_BYTES,
    },
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
    /// Bytes that cannot be read without those to come: an incomplete chunk header at most, or one chunk where
    /// [`Self::timestamp_is_repeated`] has to look beyond it.
    left: BytesMut,
    /// Messages that were not taken yet, all from the last bytes pushed.
    whole: VecDeque<RawMessage>,
    /// What comes behind them.
    broken: Option<ChunkError>,
    chunk_size: usize,
    streams: BTreeMap<u32, Incoming>,
    /// The chunk stream whose chunk is being read, and how many bytes of that chunk are to come.
    in_chunk: Option<(u32, usize)>,
    /// Bytes in all incomplete messages.
    buffered: usize,
    /// Whether this peer repeats extended timestamps in chunks of type 3, once it has shown it.
    repeats_timestamps: Option<bool>,
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
            left: BytesMut::new(),
            whole: VecDeque::new(),
            broken: None,
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: BTreeMap::new(),
            in_chunk: None,
            buffered: 0,
            repeats_timestamps: None,
        }
    }

    /// Takes bytes from the peer. Payload is copied once, into its message.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        let result = if self.left.is_empty() {
            let mut rest = bytes;
            let result = self.read(&mut rest);
            self.left.extend_from_slice(rest);
            result
        } else {
            let mut left = mem::take(&mut self.left);
            left.extend_from_slice(bytes);
            let mut rest = &left[..];
            let result = self.read(&mut rest);
            let read = left.len() - rest.len();
            left.advance(read);
            self.left = left;
            result
        };
        self.broken = result.err();
    }

    /// The next complete message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the peer breaks the protocol or exceeds a limit.
    pub fn next_message(&mut self) -> Result<Option<RawMessage>, ChunkError> {
        match (self.whole.pop_front(), &self.broken) {
            (None, Some(error)) => Err(error.clone()),
            (message, _) => Ok(message),
        }
    }

    /// Reads as many chunks as are there, off the front of `input`.
    fn read(&mut self, input: &mut &[u8]) -> Result<(), ChunkError> {
        loop {
            let (chunk_stream, missing) = match self.in_chunk {
                Some(chunk) => chunk,
                None => match self.read_header(input)? {
                    Some(chunk) => chunk,
                    None => return Ok(()),
                },
            };
            let stream = self.streams.entry(chunk_stream).or_default();
            let (available, rest) = input.split_at(missing.min(input.len()));
            *input = rest;
            stream.append(available);
            self.buffered += available.len();
            if available.len() < missing {
                self.in_chunk = Some((chunk_stream, missing - available.len()));
                return Ok(());
            }

            self.in_chunk = None;
            if stream.missing() == 0 {
                let message = stream.take_message(chunk_stream);
                self.buffered -= message.payload.len();
                self.obey(&message)?;
                self.whole.push_back(message);
            }
        }
    }

    /// Reads a chunk's header off the front of `input`, if it is all there: which chunk stream, and how many
    /// bytes follow.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<(u32, usize)>, ChunkError> {
        let mut header = Cursor {
            bytes: input,
            at: 0,
        };
        let Some(basic) = BasicHeader::read(&mut header) else {
            return Ok(None);
        };
        let chunk_stream = basic.chunk_stream;
        let previous = self.streams.get(&chunk_stream);
        if previous.is_none() && self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(ChunkError::TooManyChunkStreams);
        }
        let continued = previous.is_some_and(|stream| stream.in_message);
        let mut next = match (basic.format, previous) {
            // Some old senders begin with type 1: a delta from 0 on message stream 0. Servers take it.
            (0, _) | (1, None) => MessageHeader::default(),
            (_, Some(stream)) => stream.header,
            (_, None) => return Err(ChunkError::NoHeader { chunk_stream }),
        };
        if basic.format != CONTINUE && continued {
            return Err(ChunkError::Interrupted { chunk_stream });
        }
        if basic.format != CONTINUE && next.read(basic.format, &mut header).is_none() {
            return Ok(None);
        }
        if basic.format == CONTINUE && !continued {
            next.repeat();
        }
        if next.length > MAX_MESSAGE_BYTES {
            return Err(ChunkError::MessageTooLong {
                length: next.length,
            });
        }
        let lacking = next.length - previous.map_or(0, |stream| stream.partial.len());
        let missing = lacking.min(self.chunk_size);
        if self.buffered + missing > MAX_BUFFERED_BYTES {
            return Err(ChunkError::TooMuchBuffered);
        }

        let mut consumed = header.at;
        if basic.format == CONTINUE && next.extended.is_some() {
            let rest = &input[consumed..];
            match self.timestamp_is_repeated(rest, basic, &next, lacking) {
                None => return Ok(None),
                Some(Repeated { yes, certain }) => {
                    if certain {
                        self.repeats_timestamps = Some(yes);
                    }
                    consumed += if yes { EXTENDED_BYTES } else { 0 };
                }
            }
        }
        *input = &input[consumed..];
        let stream = self.streams.entry(chunk_stream).or_default();
        stream.header = next;
        stream.in_message = true;
        Ok(Some((chunk_stream, missing)))
    }

    /// Whether the extended timestamp of `header` stands at the begin of `rest`, behind a chunk of type 3;
    /// `None` when there are too few bytes to tell. `lacking` bytes are still to come of the message.
    ///
    /// The specification wants it repeated (5.3.1.3). Some old senders leave it away. A few write another
    /// number there: the absolute time where a delta was extended, or anything. A sender does the same all the
    /// time, so what is known once is known for the connection.
    fn timestamp_is_repeated(
        &self,
        rest: &[u8],
        basic: BasicHeader,
        header: &MessageHeader,
        lacking: usize,
    ) -> Option<Repeated> {
        if let Some(yes) = self.repeats_timestamps {
            let enough = !yes || rest.len() >= EXTENDED_BYTES;
            return enough.then_some(Repeated { yes, certain: true });
        }
        for time in header.extended.into_iter().chain([header.timestamp]) {
            let expected = time.to_be_bytes();
            if rest.starts_with(&expected) {
                return Some(Repeated {
                    yes: true,
                    certain: true,
                });
            }
            if expected.starts_with(rest) {
                return None;
            }
        }
        let omitted = Repeated {
            yes: false,
            certain: false,
        };
        let after = lacking.min(self.chunk_size);
        // Whether it is payload or a strange number shows in where the next chunk begins. That is looked at
        // only where the message itself has enough bytes left, so that nothing waits for the next one.
        if lacking - after < EXTENDED_BYTES {
            return Some(omitted);
        }
        let if_repeated = *rest.get(after + EXTENDED_BYTES)? == basic.continuation();
        let if_omitted = rest[after] == basic.continuation();
        let yes = if_repeated && !self.is_known(rest[after]);
        Some(Repeated {
            yes,
            certain: yes || if_omitted && !if_repeated,
        })
    }

    /// Whether a chunk of a chunk stream in use may begin with `first`.
    fn is_known(&self, first: u8) -> bool {
        match first & 0x3F {
            0 | 1 => self.streams.range(64..).next().is_some(),
            short => self.streams.contains_key(&u32::from(short)),
        }
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
                if size == 0 || size > MAX_CHUNK_SIZE {
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
                    stream.partial = Vec::new();
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
    partial: Vec<u8>,
}

impl Incoming {
    fn missing(&self) -> usize {
        self.header.length - self.partial.len()
    }

    /// Memory grows with what arrives, and ends at what was announced: whoever keeps the message keeps no more.
    fn append(&mut self, bytes: &[u8]) {
        let needed = self.partial.len() + bytes.len();
        if needed > self.partial.capacity() {
            let wanted = (2 * self.partial.capacity())
                .min(self.header.length)
                .max(needed);
            self.partial.reserve_exact(wanted - self.partial.len());
        }
        self.partial.extend_from_slice(bytes);
    }

    fn take_message(&mut self, chunk_stream: u32) -> RawMessage {
        self.in_message = false;
        RawMessage {
            chunk_stream,
            timestamp: self.header.timestamp,
            type_id: self.header.type_id,
            stream_id: self.header.stream_id,
            payload: mem::take(&mut self.partial).into(),
        }
    }
}

/// What is known about an extended timestamp in a chunk of type 3.
#[derive(Clone, Copy, Debug)]
struct Repeated {
    /// Whether there is one.
    yes: bool,
    /// Whether that shows what this sender does.
    certain: bool,
}

/// An extended timestamp.
const EXTENDED_BYTES: usize = 4;

#[cfg(test)]
mod tests;
