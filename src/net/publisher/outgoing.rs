//! What a session wants sent, until the socket has taken it: in the very buffers the session wrote.

use std::{
    collections::VecDeque,
    io::{self, Cursor},
};

use bytes::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Pieces of bytes in their order, each of whole messages. A piece that the socket took in part goes on at
/// the very next byte.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pieces: VecDeque<Cursor<Vec<u8>>>,
    bytes: usize,
    /// What the socket took last, for the session to write to again.
    spare: Option<Vec<u8>>,
}

impl Outgoing {
    /// Adds bytes without copying them.
    pub(super) fn push(&mut self, piece: Vec<u8>) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(Cursor::new(piece));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// An empty buffer that was written from.
    pub(super) fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spare.take()
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], Buf::chunk)
    }

    fn advance(&mut self, count: usize) {
        let mut left = count;
        while let Some(piece) = self.pieces.front_mut() {
            if left < piece.remaining() {
                piece.advance(left);
                break;
            }
            left -= piece.remaining();
            let written = self.pieces.pop_front().map(Cursor::into_inner);
            self.spare = written.filter(|it| it.capacity() <= MOST_SPARE_BYTES);
            self.spare.iter_mut().for_each(Vec::clear);
        }
        self.bytes = self.bytes.saturating_sub(count);
    }
}

/// Writes what the socket takes, or flushes when there is nothing to write. `None` means flushed.
///
/// One step each, so that nothing is lost when it is given up for something else.
pub(super) async fn write_or_flush(
    writer: &mut (impl AsyncWrite + Unpin),
    outgoing: &mut Outgoing,
) -> io::Result<Option<usize>> {
    if outgoing.is_empty() {
        writer.flush().await?;
        return Ok(None);
    }
    match writer.write_buf(outgoing).await? {
        0 => Err(io::ErrorKind::BrokenPipe.into()),
        count => Ok(Some(count)),
    }
}

/// More than pictures need; one that is longer gets memory of its own.
const MOST_SPARE_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn what_the_session_wrote_is_sent_from_where_it_lies() {
        let piece = vec![7; 100_000];
        let address = piece.as_ptr();
        let mut outgoing = Outgoing::default();
        outgoing.push(piece);
        assert_eq!(outgoing.chunk().as_ptr(), address);
        outgoing.advance(99_000);
        assert_eq!(outgoing.chunk().as_ptr(), address.wrapping_add(99_000));
        assert_eq!(outgoing.remaining(), 1000);
        outgoing.advance(1000);
        assert!(outgoing.is_empty());
        let spare = outgoing.take_spare().unwrap();
        assert!(spare.is_empty() && spare.as_ptr() == address);
        assert_eq!(outgoing.take_spare(), None);
    }

    #[tokio::test]
    async fn a_write_that_was_taken_in_part_goes_on_at_the_next_byte() {
        // The pipe takes 7 bytes at a time, and pieces end elsewhere.
        let (mut near, mut far) = tokio::io::duplex(7);
        let all: Vec<u8> = (0..=255).collect();
        let mut outgoing = Outgoing::default();
        for piece in all.chunks(50) {
            outgoing.push(piece.to_vec());
        }
        outgoing.push(Vec::new());
        assert_eq!(outgoing.remaining(), 256);

        let write = async {
            while !outgoing.is_empty() {
                // Given up now and then, as a select does it.
                poll_fn(|context| {
                    let step = write_or_flush(&mut near, &mut outgoing);
                    let _ = std::pin::pin!(step).poll(context);
                    std::task::Poll::Ready(())
                })
                .await;
                let written = write_or_flush(&mut near, &mut outgoing).await.unwrap();
                assert!(written.is_none_or(|count| count <= 7));
            }
            drop(near);
        };
        let mut arrived = Vec::new();
        let read = async { far.read_to_end(&mut arrived).await.unwrap() };
        tokio::join!(write, read);
        assert_eq!(arrived, all);
    }
}
