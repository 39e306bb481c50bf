//! Where encoders put their packets: memory that is used again once nobody holds the packets in it, so that a
//! running encoder allocates none.

use bytes::{BufMut, Bytes, BytesMut};

/// Pieces of memory, filled one after the other with packets.
#[derive(Debug, Default)]
pub struct PacketBuffer {
    /// The packet being written, and the room behind it.
    current: BytesMut,
    /// Pieces that are full; each is free again when its last packet is dropped.
    full: Vec<BytesMut>,
}

impl PacketBuffer {
    /// Appends to the packet being written.
    pub fn put(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.current.put_slice(bytes);
    }

    /// How much of a packet is written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.len()
    }

    /// Whether nothing of a packet is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.is_empty()
    }

    /// The packet that was written; the next one begins.
    pub fn take(&mut self) -> Bytes {
        self.current.split().freeze()
    }

    /// Gives up the packet being written.
    pub fn clear(&mut self) {
        self.current.clear();
    }

    fn reserve(&mut self, additional: usize) {
        if self.current.try_reclaim(additional) {
            return;
        }
        if self.full.capacity() == 0 {
            // The second piece with the first, so that nothing is allocated when that is full.
            self.full.reserve_exact(KEPT);
            self.full.extend([piece(PIECE_BYTES), piece(PIECE_BYTES)]);
        }
        let needed = (self.current.len() + additional).max(PIECE_BYTES);
        let free = self
            .full
            .iter_mut()
            .position(|piece| piece.try_reclaim(needed));
        let mut next = match free {
            Some(index) => self.full.swap_remove(index),
            None => piece(needed),
        };
        next.put_slice(&self.current);
        self.current.clear();
        let full = std::mem::replace(&mut self.current, next);
        // What is not kept is given back with its last packet.
        if self.full.len() < KEPT && full.capacity() > 0 {
            self.full.push(full);
        }
    }
}

/// An empty piece that is prepared to be shared.
fn piece(bytes: usize) -> BytesMut {
    let mut piece = BytesMut::with_capacity(bytes);
    drop(piece.split());
    piece
}

/// About a second of a 720p stream.
const PIECE_BYTES: usize = 256 * 1024;

/// Packets are held for a tenth of a second usually, and for two while an uplink does not carry them.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_what_was_put_and_memory_is_used_again() {
        let mut buffer = PacketBuffer::default();
        let mut held = std::collections::VecDeque::new();
        let mut places = std::collections::BTreeSet::new();
        for number in 0..3000_usize {
            let byte = u8::try_from(number % 251).unwrap();
            let length = 500 + number * 37 % 9000;
            buffer.put(&vec![byte; length]);
            buffer.put(&[7]);
            assert_eq!(buffer.len(), length + 1);
            held.push_back((byte, length, buffer.take()));
            assert!(buffer.is_empty());
            if held.len() > 10 {
                let (byte, length, packet) = held.pop_front().unwrap();
                assert_eq!(packet.len(), length + 1);
                assert!(packet[..length].iter().all(|it| *it == byte) && packet[length] == 7);
                places.insert(packet.as_ptr() as usize / PIECE_BYTES);
            }
        }
        // Two pieces, each of which lies across two places at most.
        assert!(places.len() <= 4, "{} places", places.len());
    }

    #[test]
    fn packets_that_are_held_for_long_cost_memory_and_nothing_else() {
        let mut buffer = PacketBuffer::default();
        let held: Vec<_> = (0..40_u8)
            .map(|number| {
                buffer.put(&vec![number; PIECE_BYTES - 100]);
                buffer.take()
            })
            .collect();
        for (number, packet) in (0..).zip(&held) {
            assert!(packet.iter().all(|it| *it == number));
        }
        assert!(buffer.full.len() <= KEPT);
    }

    #[test]
    fn a_packet_longer_than_a_piece_gets_one_of_its_own() {
        let mut buffer = PacketBuffer::default();
        buffer.put(&[1; 1000]);
        buffer.put(&vec![2; 2 * PIECE_BYTES]);
        let packet = buffer.take();
        assert_eq!(packet.len(), 1000 + 2 * PIECE_BYTES);
        assert_eq!((packet[999], packet[1000]), (1, 2));
        buffer.put(&[3]);
        buffer.clear();
        buffer.put(&[4]);
        assert_eq!(buffer.take()[..], [4]);
    }
}
