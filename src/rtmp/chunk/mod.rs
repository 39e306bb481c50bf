//! Messages in pieces, so that a long one does not hold up the others: chunk streams (section 5.3).
//!
//! | file | what it is about |
//! |---|---|
//! | [`reader`] | puts together what any known sender writes |
//! | [`writer`] | writes only what every known receiver reads |
//! | [`header`] | the headers of chunks, read |
//! | [`wire`] | what both share: limits, constants, errors |

mod header;
pub mod reader;
pub mod wire;
pub mod writer;

pub use reader::{ChunkReader, RawMessage};
pub use wire::ChunkError;
pub use writer::{ChunkStream, ChunkWriter, Outgoing};

#[cfg(test)]
mod testing;
