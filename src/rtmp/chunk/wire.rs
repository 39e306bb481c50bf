//! What reading and writing chunks share: limits, constants, errors.

use thiserror::Error;

/// Why chunks cannot be read or written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChunkError {
    /// The first chunk of a chunk stream refers to one before it.
    #[error("chunk stream {chunk_stream} begins without a full header")]
    NoHeader {
        /// Which one.
        chunk_stream: u32,
    },
    /// A message begins before the last one of its chunk stream is complete.
    #[error("a message on chunk stream {chunk_stream} is interrupted by another")]
    Interrupted {
        /// Which one.
        chunk_stream: u32,
    },
    /// A message is too long.
    #[error("a message of {length} bytes is too long")]
    MessageTooLong {
        /// Bytes of its payload.
        length: usize,
    },
    /// The peer uses too many chunk streams.
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams are in use")]
    TooManyChunkStreams,
    /// The peer begins messages and does not end them.
    #[error("incomplete messages add up to more than {MAX_BUFFERED_BYTES} bytes")]
    TooMuchBuffered,
    /// A Set Chunk Size that is none.
    #[error("a chunk size of {0} bytes is not possible")]
    ChunkSize(u32),
}

/// The longest message a peer may send. A key frame of a 50 Mb/s stream is about 4 MiB.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Chunk streams a peer may use. Known senders use up to 8.
pub const MAX_CHUNK_STREAMS: usize = 64;
/// Bytes of incomplete messages a peer may have us keep.
pub const MAX_BUFFERED_BYTES: usize = 16 * 1024 * 1024;

/// The largest chunk size a peer may set: its highest bit is always zero (5.4.1).
pub const MAX_CHUNK_SIZE: u32 = 0x7FFF_FFFF;

/// Each side's chunk size until it says otherwise (5.4.1).
pub(super) const DEFAULT_CHUNK_SIZE: usize = 128;

/// The chunk type without any header, used for all chunks of a message but the first.
pub(super) const CONTINUE: u8 = 3;

/// The value of a 24-bit time field that announces an extended timestamp; also the longest message.
pub(super) const MAX_U24: u32 = 0xFF_FFFF;
