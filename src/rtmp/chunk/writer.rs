//! Cuts messages into chunks in a way that every known receiver reads: basic headers of one byte, a full
//! header first, then deltas, type 3 for continuations alone.

use std::collections::BTreeMap;

use super::wire::{CONTINUE, ChunkError, DEFAULT_CHUNK_SIZE, MAX_U24};
use crate::rtmp::message::type_id;

/// Cuts messages into chunks.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_size: usize,
    streams: BTreeMap<ChunkStream, Sent>,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkWriter {
    /// For a new connection, behind the handshake.
    #[must_use]
    pub fn new() -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: BTreeMap::new(),
        }
    }

    /// Appends the message whose payload is `parts`, one after the other, to `out`. A Set Chunk Size takes
    /// effect for what follows it.
    ///
    /// A timestamp before the last one on the same chunk stream is sent as the last one: receivers read
    /// negative deltas as weeks.
    ///
    /// # Errors
    /// When the payload is longer than RTMP can tell.
    pub fn write(
        &mut self,
        header: Outgoing,
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), ChunkError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length24 = u32::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_U24)
            .ok_or(ChunkError::MessageTooLong { length })?;

        let chunks = length.div_ceil(self.chunk_size);
        out.reserve(length + MAX_HEADER_BYTES + chunks * MAX_CONTINUATION_BYTES);
        let extended = self.write_header(header, length24, out);

        let mut room = self.chunk_size;
        for mut part in parts.iter().copied() {
            while !part.is_empty() {
                if room == 0 {
                    out.push(CONTINUE << 6 | header.chunk_stream as u8);
                    // Repeated as most receivers expect it (5.3.1.3), though some old senders do not.
                    out.extend(extended.map(u32::to_be_bytes).iter().flatten());
                    room = self.chunk_size;
                }
                let (now, later) = part.split_at(part.len().min(room));
                out.extend_from_slice(now);
                room -= now.len();
                part = later;
            }
        }

        if header.type_id == type_id::SET_CHUNK_SIZE {
            let size = parts
                .concat()
                .first_chunk()
                .copied()
                .map(u32::from_be_bytes);
            let size = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX);
            self.chunk_size = size.max(1);
        }
        Ok(())
    }

    /// Writes the header of a message's first chunk; gives the extended timestamp to repeat, if there is one.
    fn write_header(&mut self, header: Outgoing, length: u32, out: &mut Vec<u8>) -> Option<u32> {
        let basic = header.chunk_stream as u8;
        let last = self
            .streams
            .get(&header.chunk_stream)
            .filter(|last| last.stream_id == header.stream_id);
        let delta = last.map(|last| {
            let delta = header.timestamp.wrapping_sub(last.timestamp);
            // Serial arithmetic: half of all differences are negative.
            if delta > u32::MAX / 2 { 0 } else { delta }
        });
        let timestamp = match (last, delta) {
            (Some(last), Some(delta)) => last.timestamp.wrapping_add(delta),
            _ => header.timestamp,
        };

        let mut extended = None;
        match (last, delta) {
            // Receivers disagree about extended deltas, so a gap of hours gets a full header.
            (Some(last), Some(delta)) if delta < MAX_U24 => {
                let same = last.length == length && last.type_id == header.type_id;
                let format: u8 = if same { 2 } else { 1 };
                out.push(format << 6 | basic);
                out.extend(u24(delta));
                if !same {
                    out.extend(u24(length));
                    out.push(header.type_id);
                }
            }
            _ => {
                extended = (timestamp >= MAX_U24).then_some(timestamp);
                out.push(basic);
                out.extend(u24(timestamp.min(MAX_U24)));
                out.extend(u24(length));
                out.push(header.type_id);
                // The one little-endian number of the protocol (5.3.1.2.1).
                out.extend(header.stream_id.to_le_bytes());
                out.extend(extended.map(u32::to_be_bytes).iter().flatten());
            }
        }
        self.streams.insert(
            header.chunk_stream,
            Sent {
                timestamp,
                length,
                type_id: header.type_id,
                stream_id: header.stream_id,
            },
        );
        extended
    }
}

/// What is told of a message besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The chunk stream to send it on.
    pub chunk_stream: ChunkStream,
    /// Milliseconds; wraps.
    pub timestamp: u32,
    /// What it is; see [`crate::rtmp::message`].
    pub type_id: u8,
    /// The message stream it belongs to; 0 is the connection itself.
    pub stream_id: u32,
}

/// The chunk streams that are written: all fit a basic header of one byte and nginx's limit of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ChunkStream {
    /// Protocol control and user control messages, as the specification fixes.
    Control = 2,
    /// Commands about the connection.
    Command = 3,
    /// Sound.
    Audio = 4,
    /// Metadata.
    Data = 5,
    /// Pictures.
    Video = 6,
    /// Commands about one message stream.
    StreamCommand = 8,
}

/// Basic header, full message header, extended timestamp.
const MAX_HEADER_BYTES: usize = 1 + 11 + 4;

/// Basic header and extended timestamp.
const MAX_CONTINUATION_BYTES: usize = 1 + 4;

/// What the last message on a chunk stream was, for the next one's deltas.
#[derive(Debug)]
struct Sent {
    timestamp: u32,
    length: u32,
    type_id: u8,
    stream_id: u32,
}

fn u24(number: u32) -> [u8; 3] {
    let [_, high, middle, low] = number.to_be_bytes();
    [high, middle, low]
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::{collection::vec, prelude::*};

    use super::{
        super::testing::{bytes, outgoing, read, read_in_pieces, times, written},
        *,
    };

    #[test]
    fn a_long_message_is_cut_as_in_the_specification() {
        // 5.3.2.2: 307 bytes of video at 1000 ms become 140, 129 and 52 bytes.
        let payload = bytes(307);
        let header = Outgoing {
            stream_id: 12346,
            ..outgoing(ChunkStream::Audio, 1000, 9)
        };
        let wire = written(&[(header, &payload)]);
        assert_eq!(wire.len(), 140 + 129 + 52);
        assert_eq!(wire[..12], hex!("04 0003E8 000133 09 3A300000"));
        assert_eq!((wire[140], wire[140 + 129]), (0xC4, 0xC4));

        let message = &read(&wire).unwrap()[0];
        assert_eq!(message.payload, payload);
        assert_eq!((message.timestamp, message.type_id), (1000, 9));
        assert_eq!((message.stream_id, message.chunk_stream), (12346, 4));
    }

    #[test]
    fn the_first_header_is_full_and_later_ones_are_deltas() {
        let wire = written(&[
            (outgoing(ChunkStream::Audio, 100, 8), &[1, 2]),
            (outgoing(ChunkStream::Audio, 121, 8), &[3, 4]),
            (outgoing(ChunkStream::Audio, 142, 8), &[5]),
            (outgoing(ChunkStream::Video, 142, 9), &[6]),
        ]);
        assert_eq!(
            wire,
            hex!(
                "04 000064 000002 08 01000000 0102"
                "84 000015 0304"
                "44 000015 000001 08 05"
                "06 00008E 000001 09 01000000 06"
            )
        );
        assert_eq!(times(&wire), [100, 121, 142, 142]);
    }

    #[test]
    fn another_message_stream_gets_a_full_header() {
        let mut second = outgoing(ChunkStream::StreamCommand, 5, 20);
        second.stream_id = 2;
        let wire = written(&[
            (outgoing(ChunkStream::StreamCommand, 5, 20), &[1]),
            (second, &[1]),
        ]);
        assert_eq!(wire[13..], hex!("08 000005 000001 14 02000000 01"));
    }

    #[test]
    fn time_never_runs_backwards_on_the_wire() {
        let wire = written(&[
            (outgoing(ChunkStream::Video, 100, 9), &[1]),
            (outgoing(ChunkStream::Video, 40, 9), &[2]),
            (outgoing(ChunkStream::Video, 133, 9), &[3]),
        ]);
        assert_eq!(times(&wire), [100, 100, 133]);
    }

    #[test]
    fn deltas_stay_short_past_the_24_bit_limit_and_past_the_wrap() {
        for start in [0xFF_FFFF - 15, (1 << 31) - 15, u32::MAX - 15] {
            let all: Vec<u32> = (0..4).map(|step| start.wrapping_add(step * 10)).collect();
            let payload = bytes(300);
            let messages: Vec<_> = all
                .iter()
                .map(|&time| (outgoing(ChunkStream::Video, time, 9), &payload[..]))
                .collect();
            let wire = written(&messages);
            assert_eq!(times(&wire), all);

            let first = 300 + 12 + 2 + if start >= MAX_U24 { 3 * 4 } else { 0 };
            assert_eq!(
                wire.len(),
                first + 3 * (300 + 4 + 2),
                "only the first may be extended"
            );
        }
    }

    #[test]
    fn a_gap_of_hours_gets_a_full_header() {
        let wire = written(&[
            (outgoing(ChunkStream::Data, 0, 18), &[1]),
            (outgoing(ChunkStream::Data, 0x0200_0000, 18), &[2]),
        ]);
        assert_eq!(wire[13..], hex!("05 FFFFFF 000001 12 01000000 02000000 02"));
        assert_eq!(times(&wire), [0, 0x0200_0000]);

        // The longest gap that is a delta, and the shortest that is none.
        for (gap, header) in [
            (0xFF_FFFE, &hex!("85 FFFFFE")[..]),
            (0xFF_FFFF, &hex!("05 FFFFFF 000001 12 01000000 00FFFFFF")),
        ] {
            let wire = written(&[
                (outgoing(ChunkStream::Data, 0, 18), &[1]),
                (outgoing(ChunkStream::Data, gap, 18), &[2]),
            ]);
            assert_eq!(&wire[13..wire.len() - 1], header);
        }
    }

    #[test]
    fn a_stream_runs_across_the_24_bit_and_the_31_bit_limit_by_deltas_alone() {
        for limit in [0xFF_FFFF_u32, 1 << 31] {
            let all: Vec<u32> = (0..1000).map(|step| limit - 15_000 + step * 33).collect();
            let mut wire = Vec::new();
            let mut writer = ChunkWriter::new();
            let mut forms = Vec::new();
            for &time in &all {
                let begin = wire.len();
                let header = outgoing(ChunkStream::Video, time, 9);
                writer.write(header, &[&[1]], &mut wire).unwrap();
                forms.push(wire[begin] >> 6);
            }
            assert_eq!((forms[0], &forms[1..]), (0, &[2; 999][..]));
            assert_eq!(times(&wire), all);
        }
    }

    #[test]
    fn a_message_stream_is_written_little_endian() {
        let wire = written(&[(outgoing(ChunkStream::Audio, 0, 8), &[1])]);
        assert_eq!(wire[8..12], [1, 0, 0, 0]);
    }

    /// Message after message, as programs send them: each on its chunk stream, times mostly forward.
    fn any_messages() -> impl Strategy<Value = Vec<(usize, u32, usize)>> {
        let time = prop_oneof![
            0..2000_u32,
            0xFF_FF00..0x100_0100_u32,
            0x7FFF_FF00..0x8000_0100_u32,
            any::<u32>()
        ];
        vec((0..ALL.len(), time, 0..600_usize), 0..20)
    }

    const ALL: [ChunkStream; 6] = [
        ChunkStream::Control,
        ChunkStream::Command,
        ChunkStream::Audio,
        ChunkStream::Data,
        ChunkStream::Video,
        ChunkStream::StreamCommand,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_written_is_read_whatever_the_messages_chunk_size_and_split(
            messages in any_messages(),
            chunk_size in 1..1000_u32,
            piece in 1..700_usize,
        ) {
            let payload = bytes(600);
            let mut writer = ChunkWriter::new();
            let mut wire = Vec::new();
            let set_size = outgoing(ChunkStream::Control, 0, type_id::SET_CHUNK_SIZE);
            writer.write(set_size, &[&chunk_size.to_be_bytes()], &mut wire).unwrap();

            let mut last = BTreeMap::from([(ChunkStream::Control, 0)]);
            let mut expected = Vec::new();
            for (stream, time, length) in messages {
                // Not 1 or 2, which would be obeyed.
                let header = outgoing(ALL[stream], time, 8 + u8::from(length % 2 == 0));
                let begin = wire.len();
                let (one, two) = payload[..length].split_at(length / 3);
                writer.write(header, &[one, two], &mut wire).unwrap();

                let first = &wire[begin..];
                let before = last.get(&ALL[stream]).copied();
                prop_assert_eq!(first[0] & 0x3F, ALL[stream] as u8, "one byte");
                prop_assert!(first[0] >> 6 < CONTINUE, "type 3 only continues");
                prop_assert!(before.is_some() || first[0] >> 6 == 0, "a full header first");
                prop_assert!(first[0] >> 6 == 0 || first[1..4] != [0xFF; 3], "no extended delta");

                // Half of all differences are negative: then time stands still.
                let time = match before {
                    Some(before) if time.wrapping_sub(before) > u32::MAX / 2 => before,
                    _ => time,
                };
                last.insert(ALL[stream], time);
                expected.push((u32::from(ALL[stream] as u8), time, payload[..length].to_vec()));
            }
            let read: Vec<_> = read_in_pieces(&wire, piece)
                .unwrap()
                .into_iter()
                .skip(1)
                .map(|message| (message.chunk_stream, message.timestamp, message.payload.to_vec()))
                .collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_message_too_long_for_the_wire_is_refused() {
        let long = vec![0; 0x100_0000];
        let mut out = Vec::new();
        assert_eq!(
            ChunkWriter::new().write(outgoing(ChunkStream::Video, 0, 9), &[&long], &mut out),
            Err(ChunkError::MessageTooLong { length: 0x100_0000 })
        );
        assert!(out.is_empty());
    }
}
