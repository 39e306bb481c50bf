//! The headers of chunks (5.3.1).

use super::wire::{CONTINUE, MAX_U24};

/// Chunk type and chunk stream (5.3.1.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct BasicHeader {
    /// How much of the message header follows: 0 all, [`CONTINUE`] nothing.
    pub(super) format: u8,
    pub(super) chunk_stream: u32,
    /// The low bits of its first byte, which are the same in every chunk of this chunk stream.
    low_bits: u8,
}

impl BasicHeader {
    /// Reads any of its three forms; `None` when it is cut off.
    pub(super) fn read(header: &mut Cursor) -> Option<Self> {
        let [first] = header.array()?;
        let low_bits = first & 0x3F;
        let chunk_stream = match low_bits {
            0 => 64 + u32::from(header.array::<1>()?[0]),
            1 => 64 + u32::from(u16::from_le_bytes(header.array()?)),
            short => u32::from(short),
        };
        Some(Self {
            format: first >> 6,
            chunk_stream,
            low_bits,
        })
    }

    /// The first byte of the chunk that goes on with this one's message.
    pub(super) fn continuation(self) -> u8 {
        CONTINUE << 6 | self.low_bits
    }
}

/// What the headers of a chunk stream have said, all together (5.3.1.2).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MessageHeader {
    pub(super) timestamp: u32,
    /// What a type 3 chunk that begins a message adds (5.3.1.2.4): the last delta, or the last absolute time.
    delta: u32,
    /// The extended timestamp behind the last header, if there was one.
    pub(super) extended: Option<u32>,
    pub(super) length: usize,
    pub(super) type_id: u8,
    pub(super) stream_id: u32,
}

impl MessageHeader {
    /// Takes the header of a chunk of type 0, 1 or 2, with its extended timestamp (5.3.1.3); `None` when it
    /// is cut off.
    pub(super) fn read(&mut self, format: u8, header: &mut Cursor) -> Option<()> {
        let mut time = header.u24()?;
        if format <= 1 {
            self.length = usize::try_from(header.u24()?).unwrap_or(usize::MAX);
            [self.type_id] = header.array()?;
        }
        if format == 0 {
            // The one little-endian number of the protocol (5.3.1.2.1).
            self.stream_id = u32::from_le_bytes(header.array()?);
        }
        self.extended = None;
        if time == MAX_U24 {
            time = u32::from_be_bytes(header.array()?);
            self.extended = Some(time);
        }
        self.delta = time;
        self.timestamp = if format == 0 {
            time
        } else {
            self.timestamp.wrapping_add(time)
        };
        Some(())
    }

    /// Takes a chunk of type 3 that begins a message.
    pub(super) fn repeat(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(self.delta);
    }
}

/// Reads forward; `None` at the end.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
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
}
