use std::collections::VecDeque;

use hex_literal::hex;
use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        ChunkStream,
        testing::{
            AnyMessage, AnySender, Continues, bytes, outgoing, read, read_in_pieces, times, written,
        },
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
        assert_eq!(reader.left.len(), 0);
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

    let most = u32::try_from(MAX_MESSAGE_BYTES).unwrap().to_be_bytes();
    let mut longest = ChunkReader::new();
    longest.push(&[&hex!("04 000000")[..], &most[1..], &hex!("08 01000000")].concat());
    assert_eq!(longest.next_message(), Ok(None));

    let mut many = Vec::new();
    for chunk_stream in 0..=u8::try_from(MAX_CHUNK_STREAMS).unwrap() {
        many.extend([0, chunk_stream]);
        many.extend(hex!("000000 000000 08 01000000"));
    }
    assert_eq!(read(&many), Err(ChunkError::TooManyChunkStreams));
    many.truncate(many.len() - 13);
    assert_eq!(
        read(&many).map(|messages| messages.len()),
        Ok(MAX_CHUNK_STREAMS)
    );

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
fn many_announced_messages_take_no_more_memory_than_twice_what_arrived() {
    let mut reader = ChunkReader::new();
    let mut arrived = 0;
    for round in 0..20 {
        for chunk_stream in 0..64 {
            if round == 0 {
                reader.push(&[0, chunk_stream]);
                reader.push(&hex!("000000 800000 09 01000000"));
            } else {
                reader.push(&[0xC0, chunk_stream]);
            }
            reader.push(&[0; 128]);
            arrived += 128;
            assert_eq!(reader.next_message(), Ok(None));
        }
    }
    let kept = |stream: &Incoming| stream.partial.capacity();
    assert_eq!(reader.buffered, arrived);
    assert!(reader.streams.values().map(kept).sum::<usize>() <= 2 * arrived);
    assert!(reader.left.is_empty());
}

#[test]
fn a_whole_message_keeps_no_more_memory_than_it_is_long() {
    let payload = bytes(10_000);
    let mut reader = ChunkReader::new();
    reader.push(&hex!("06 000000 002710 09 01000000"));
    for piece in payload.chunks(128) {
        reader.push(piece);
        if let Some(message) = reader.next_message().unwrap() {
            assert_eq!(message.payload, payload);
            let memory = Vec::from(message.payload);
            assert_eq!(memory.capacity(), payload.len());
            return;
        }
        reader.push(&[0xC6]);
    }
    panic!("the message never became whole");
}

/// Sends single messages in `formats`, one after the other, on one chunk stream; gives the wire and the times
/// they should be read with.
fn sent_in(formats: &[u8], chunk_stream: u32, sender: AnySender) -> (Vec<u8>, Vec<u32>) {
    let payload = bytes(10);
    let (mut wire, mut times) = (Vec::new(), Vec::new());
    let (mut time, mut timestamp) = (0, 0_u32);
    for (&format, index) in formats.iter().zip(1..) {
        // Longer ones with a new length only, extended times among them.
        time = match format {
            0 => 0x00FF_FFF0 + 10 * index,
            1 => 20 + index,
            2 => 0x0100_0000 + index,
            _ => time,
        };
        timestamp = if format == 0 {
            time
        } else {
            timestamp.wrapping_add(time)
        };
        let message = AnyMessage {
            format,
            chunk_stream,
            time,
            timestamp,
            type_id: 9,
            stream_id: 1,
            payload: &payload,
        };
        wire.extend(sender.chunks(&message).concat());
        times.push(timestamp);
    }
    (wire, times)
}

#[test]
fn header_forms_are_read_in_every_legal_order_on_chunk_streams_of_every_form() {
    for chunk_stream in [3, 63, 64, 319, 320, 65_599] {
        for continues in [Continues::Same, Continues::Omitting, Continues::Absolute] {
            let sender = AnySender {
                chunk_size: DEFAULT_CHUNK_SIZE,
                continues,
            };
            for order in 0..64 {
                let formats = [0, order >> 4, order >> 2 & 3, order & 3];
                let (wire, expected) = sent_in(&formats, chunk_stream, sender);
                assert_eq!(times(&wire), expected, "{formats:?} {continues:?}");
            }
        }
    }
}

#[test]
fn a_strange_number_instead_of_the_extended_timestamp_is_stepped_over() {
    let long = bytes(400);
    for strange in [[0; 4], hex!("DEADBEEF"), hex!("01000001")] {
        let sender = AnySender {
            chunk_size: 128,
            continues: Continues::With(strange),
        };
        let mut message = AnyMessage {
            format: 0,
            chunk_stream: 6,
            time: 0x0123_4567,
            timestamp: 0x0123_4567,
            type_id: 9,
            stream_id: 1,
            payload: &long,
        };
        let mut wire = sender.chunks(&message).concat();
        // What was seen once is known for messages too short to show it.
        message.payload = &long[..129];
        wire.extend(sender.chunks(&message).concat());
        for piece in 1..wire.len() {
            let messages = read_in_pieces(&wire, piece).unwrap();
            assert_eq!(messages.len(), 2);
            assert_eq!(messages[0].payload, long);
            assert_eq!(messages[1].payload, long[..129]);
        }
    }
}

#[test]
fn a_sender_that_omits_the_extended_timestamp_is_not_taken_for_one_that_repeats_it() {
    // The payload looks like the timestamp, but by then it is known that this sender leaves it away.
    let mut payload = bytes(400);
    payload[256..260].copy_from_slice(&hex!("01234567"));
    let message = AnyMessage {
        format: 0,
        chunk_stream: 6,
        time: 0x0123_4567,
        timestamp: 0x0123_4567,
        type_id: 9,
        stream_id: 1,
        payload: &payload,
    };
    let sender = AnySender {
        chunk_size: 128,
        continues: Continues::Omitting,
    };
    let wire = sender.chunks(&message).concat();
    for piece in 1..wire.len() {
        assert_eq!(read_in_pieces(&wire, piece).unwrap()[0].payload, payload);
    }
}

#[test]
fn a_new_chunk_size_holds_from_the_next_chunk_on_also_within_another_message() {
    let payload = bytes(300);
    let wire = [
        &hex!("06 000000 00012C 09 01000000")[..],
        &payload[..128],
        &hex!("02 000000 000004 01 00000000 00000064"), // 100
        &hex!("C6"),
        &payload[128..228],
        &hex!("02 000000 000004 01 00000000 00001000"), // 4096
        &hex!("C6"),
        &payload[228..],
    ]
    .concat();
    for piece in 1..wire.len() {
        let messages = read_in_pieces(&wire, piece).unwrap();
        assert_eq!(messages.len(), 3);
        assert_eq!(messages[2].payload, payload);
    }
}

#[test]
fn chunk_sizes_of_one_byte_and_of_the_highest_number_are_read() {
    let wire = hex!(
        "02 000000 000004 01 00000000 00000001"
        "06 000000 000003 09 01000000 AA C6 BB C6 CC"
        "02 000000 000004 01 00000000 7F C2 FF C2 FF C2 FF"
        "86 000001 AABBCC"
    );
    let messages = read(&wire).unwrap();
    assert_eq!(messages[1].payload[..], hex!("AABBCC"));
    assert_eq!(messages[3].payload[..], hex!("AABBCC"));
}

#[test]
fn a_reply_longer_than_the_first_chunk_size_is_read_before_any_other_is_set() {
    let payload = bytes(500);
    let wire = written(&[(outgoing(ChunkStream::Command, 0, 20), &payload)]);
    assert_eq!(read(&wire).unwrap()[0].payload, payload);
}

#[test]
fn an_abort_leaves_other_messages_and_the_headers_alone() {
    let payload = bytes(200);
    let (first, rest) = payload.split_at(128);
    let wire = [
        &hex!("04 000000 0000C8 08 01000000")[..],
        first,
        &hex!("06 000000 0000C8 09 01000000"),
        first,
        &hex!("02 000000 000004 02 00000000 00000006"),
        &hex!("82 000000 00000063"), // one that nobody uses
        &hex!("C4"),
        rest,
        // The aborted one once more, its header unchanged.
        &hex!("C6"),
        first,
        &hex!("C6"),
        rest,
    ]
    .concat();
    for piece in 1..wire.len() {
        let messages = read_in_pieces(&wire, piece).unwrap();
        let told: Vec<_> = messages
            .iter()
            .map(|message| (message.chunk_stream, message.payload.len()))
            .collect();
        assert_eq!(told, [(2, 4), (2, 4), (4, 200), (6, 200)]);
    }
}

#[test]
fn the_message_stream_is_little_endian_and_all_else_big_endian() {
    let message = &read(&hex!("04 010203 000001 08 01000000 AA")).unwrap()[0];
    assert_eq!((message.stream_id, message.timestamp), (1, 0x01_0203));
}

#[test]
fn a_time_that_wraps_goes_on_from_zero() {
    assert_eq!(
        times(&hex!(
            "04 FFFFFF 000001 08 01000000 FFFFFFF0 AA  84 000020 AA"
        )),
        [0xFFFF_FFF0, 0x10]
    );
}

/// Messages on several chunk streams, their chunks mixed, as any legal sender may write them.
#[derive(Clone, Debug)]
struct AnyTraffic {
    sender: AnySender,
    /// Chunk stream, header form, time, type, length.
    messages: Vec<(usize, u8, u32, u8, usize)>,
    /// Which chunk stream's chunk comes next.
    order: Vec<usize>,
}

/// Not 63: where a sender leaves extended timestamps away, its type 3 chunks look like another's time.
const CHUNK_STREAMS: [u32; 4] = [3, 62, 319, 65_599];

fn any_traffic() -> impl Strategy<Value = AnyTraffic> {
    let time = prop_oneof![
        0..100_u32,
        0xFF_FFF0..0x100_0010_u32,
        0x7FFF_FFF0..0x8000_0010_u32
    ];
    let continues = prop_oneof![
        Just(Continues::Same),
        Just(Continues::Omitting),
        Just(Continues::Absolute)
    ];
    let message = (
        0..CHUNK_STREAMS.len(),
        0..4_u8,
        time,
        8..10_u8,
        0..400_usize,
    );
    (
        1..300_usize,
        continues,
        vec(message, 0..12),
        vec(0..4_usize, 60),
    )
        .prop_map(|(chunk_size, continues, messages, order)| AnyTraffic {
            sender: AnySender {
                chunk_size,
                continues,
            },
            messages,
            order,
        })
}

impl AnyTraffic {
    /// The wire, and what is to be read from it.
    fn sent(&self) -> (Vec<u8>, Vec<RawMessage>) {
        let mut queues: [VecDeque<(Vec<u8>, Option<RawMessage>)>; 4] = Default::default();
        let mut last: [Option<(u32, RawMessage)>; 4] = Default::default();
        for &(stream, format, time, type_id, length) in &self.messages {
            let chunk_stream = CHUNK_STREAMS[stream];
            let before = last[stream].take();
            let format = if before.is_some() { format } else { 0 };
            // What the form leaves away is as it was before.
            let (time, type_id, length, timestamp) = match (format, &before) {
                (1, Some((_, before))) => {
                    (time, type_id, length, before.timestamp.wrapping_add(time))
                }
                (2, Some((_, before))) => (
                    time,
                    before.type_id,
                    before.payload.len(),
                    before.timestamp.wrapping_add(time),
                ),
                (3, Some((time, before))) => (
                    *time,
                    before.type_id,
                    before.payload.len(),
                    before.timestamp.wrapping_add(*time),
                ),
                _ => (time, type_id, length, time),
            };
            let message = RawMessage {
                chunk_stream,
                timestamp,
                type_id,
                stream_id: 1,
                payload: vec![0x11; length].into(),
            };
            let chunks = self.sender.chunks(&AnyMessage {
                format,
                chunk_stream,
                time,
                timestamp,
                type_id,
                stream_id: 1,
                payload: &message.payload,
            });
            let ends = chunks.len() - 1;
            for (index, chunk) in chunks.into_iter().enumerate() {
                let whole = (index == ends).then(|| message.clone());
                queues[stream].push_back((chunk, whole));
            }
            last[stream] = Some((time, message));
        }

        let size = u32::try_from(self.sender.chunk_size).unwrap().to_be_bytes();
        let set_size = outgoing(ChunkStream::Control, 0, type_id::SET_CHUNK_SIZE);
        let mut wire = written(&[(set_size, &size)]);
        let mut expected = read(&wire).unwrap();
        let mut order = self.order.iter().copied().cycle();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let mixed = order.next().unwrap_or(0);
            let stream = (mixed..mixed + 4).map(|stream| stream % 4);
            for stream in stream {
                if let Some((chunk, whole)) = queues[stream].pop_front() {
                    wire.extend(chunk);
                    expected.extend(whole);
                    break;
                }
            }
        }
        // Whether an empty message of type 3 leaves its timestamp away shows in what follows.
        let last = outgoing(ChunkStream::Control, 0, type_id::ACKNOWLEDGEMENT);
        expected.extend(read(&written(&[(last, &[0; 4])])).unwrap());
        let last = self.sender.chunks(&AnyMessage {
            format: 0,
            chunk_stream: 2,
            time: 0,
            timestamp: 0,
            type_id: last.type_id,
            stream_id: last.stream_id,
            payload: &[0; 4],
        });
        wire.extend(last.concat());
        (wire, expected)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_any_legal_sender_mixes_is_read_whatever_the_split(
        traffic in any_traffic(),
        piece in 1..500_usize,
    ) {
        let (wire, expected) = traffic.sent();
        prop_assert_eq!(read_in_pieces(&wire, piece), Ok(expected));
    }

    #[test]
    fn bytes_of_anybody_are_read_the_same_whatever_the_split(
        wire in vec(prop_oneof![any::<u8>(), Just(0xFF), Just(0xC4), 0..8_u8], 0..300),
        piece in 1..50_usize,
    ) {
        prop_assert_eq!(read_in_pieces(&wire, piece), read(&wire));
    }
}
